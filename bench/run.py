"""The benchmark: server CPU per unit of work, twsip and Kamailio side by side in one run.  `bench/README.md` says how to read it."""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
USERS = 1000
PASSWORD = "correct horse"
DOMAIN = "bench.example"
FIRST = "TWSIP_BENCH_FIRST"
TRANSACTIONS_END = 36.0  # timer J is 32 s
WORKLOADS = {
    "options": "OPTIONS, 200",
    "unauth": "REGISTER, 401",
    "register": "digest registration (4 messages)",
    "message": "relayed MESSAGE, 200",
    "call": "call (INVITE 100 180 200 ACK BYE 200)",
    "message_auth": "relayed MESSAGE with 407",
    "call_auth": "call with 407",
}
MODULES = (
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib64/kamailio/modules/",
)
# First marks of issue 2, microseconds, interpreted CPython 3.11: printed beside the figures, never a reason to fail.
MARKS = {"options": 30.0, "register": 130.0, "message": 90.0, "call": 400.0}


@dataclass
class Server:
    """One running server: what it is, its process, its port."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    callee: int
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def pids(self) -> list[int]:
        """The process and everything it forked."""
        found = [self.process.pid]
        for pid in found:
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue
        return found

    def cpu(self) -> float:
        """Seconds of user and system time so far, all threads and children, as the kernel's scheduler counts them."""
        total = 0.0
        for pid in self.pids():
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    total += int((task / "schedstat").read_text().split()[0]) * 1e-9
            except (OSError, ValueError, IndexError):
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                except OSError:
                    continue
        return total

    def resident(self) -> float:
        """MiB of memory that is its own or shared with its children only (PSS, else RSS)."""
        total = 0.0
        for pid in self.pids():
            for file, name in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
                try:
                    lines = [line.split() for line in Path(f"/proc/{pid}/{file}").read_text().splitlines()]
                except OSError:
                    continue
                total += next((int(line[1]) for line in lines if line and line[0] == name), 0) / 1024
                break
        return total

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def free_port() -> int:
    """A UDP and TCP port that nobody uses just now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def answers(port: int) -> bool:
    """Whether something answers an OPTIONS there within a quarter of a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.25)
        probe.connect(("127.0.0.1", port))
        here = probe.getsockname()[1]
        text = (
            f"OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{here};branch=z9hG4bKup{time.monotonic_ns()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:up@{DOMAIN}>;tag=up\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: up{time.monotonic_ns()}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            probe.send(text.encode())
            return probe.recv(2000).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def await_up(server: Server, log: Path) -> Server:
    """The server once it answers; RuntimeError with the end of its log if it ends or is silent for 20 seconds."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        if answers(server.port):
            return server
        time.sleep(0.1)
    server.stop()
    raise RuntimeError(f"{server.name} does not run; its log ends:\n{log.read_text(errors='replace')[-2500:]}")


def put(core: int | None) -> None:
    """Bind this process to the core, and let it go before all others if --first asked for that."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    if FIRST in os.environ:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def spawn(
    name: str, command: list[str], port: int, folder: Path, core: int | None, environment: dict[str, str]
) -> Server:
    """Start a server in a process group of its own, on its core."""
    log = folder / f"{name.replace(' ', '-')}.log"

    def settle() -> None:
        os.setpgid(0, 0)
        put(core)

    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | environment,
            preexec_fn=settle,
        )
    return await_up(Server(name, process, port, folder, free_port()), log)


def start_twsip(folder: Path, core: int | None) -> Server:
    """The site of bench.tac with accounts made for this run."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "bench.db"
    prepare_accounts(database)
    port = free_port()
    environment = {"TWSIP_BENCH_PORT": str(port), "TWSIP_BENCH_DATABASE": str(database), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-c",
        "from twisted.scripts.twistd import run; run()",
        "--nodaemon",
        "--pidfile=",
        "--logfile=-",
        "-y",
        str(HERE / "bench.tac"),
    ]
    return spawn("twsip", command, port, folder, core, environment)


def prepare_accounts(database: Path) -> None:
    """USERS subscribers in OpenSER's columns, secrets as HA1 only."""
    schema = (ROOT / "etc" / "subscriber.sql").read_text()
    with sqlite3.connect(database) as store:
        store.executescript(schema)
        known = {row[1] for row in store.execute("PRAGMA table_info(subscriber)")}
        for index in range(USERS):
            user = f"u{index}"
            row = {"username": user, "domain": DOMAIN, "ha1": md5(f"{user}:{DOMAIN}:{PASSWORD}".encode()).hexdigest()}
            row["ha1b"] = md5(f"{user}@{DOMAIN}:{DOMAIN}:{PASSWORD}".encode()).hexdigest()
            row["ha1_sha256"] = sha256(f"{user}:{DOMAIN}:{PASSWORD}".encode()).hexdigest()
            row = {name: value for name, value in row.items() if name in known}
            marks = ", ".join("?" * len(row))
            store.execute(f"INSERT INTO subscriber ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    store.close()


def start_kamailio(folder: Path, core: int | None, allocator: str) -> Server:
    """Kamailio with one UDP worker and this allocator."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    modules = next((path for path in MODULES if Path(path).is_dir()), MODULES[0])
    text = (
        (HERE / "kamailio.cfg")
        .read_text()
        .replace("PORT", str(port))
        .replace("USERS", str(USERS))
        .replace("MODULES", modules)
    )
    config = folder / "kamailio.cfg"
    config.write_text(text)
    command = [
        "kamailio",
        "-f",
        str(config),
        "-DD",
        "-m",
        "3072",
        "-M",
        "64",
        "-x",
        allocator,
        "-Y",
        str(folder),
        "-w",
        str(folder),
    ]
    return spawn(f"kamailio {allocator}", command, port, folder, core, {})


def start_echo(load: Path, folder: Path, core: int | None) -> Server:
    """The floor: C that receives and sends and does nothing between; it shows how fast this machine is just now."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    return spawn("echo in C", [str(load), "echo", str(port)], port, folder, core, {})


def build_load(folder: Path) -> Path:
    """The load generator, compiled for this run."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit(
            "bench: the load generator is a small C program; install a C compiler (Debian: apt install gcc libc6-dev)"
        )
    program = folder / "load"
    subprocess.run([compiler, "-O2", "-o", str(program), str(HERE / "load.c"), "-lm"], check=True)
    return program


def measure(
    load: Path,
    server: Server,
    workload: str,
    window: int,
    seconds: float,
    rate: float,
    core: int | None,
    count: int = 0,
    began: Callable[[], None] = int,
    ended: Callable[[], None] = int,
) -> dict[str, Any]:
    """One run of the generator: its findings, and the server's CPU seconds between its "go" and its end."""
    command = [
        str(load),
        workload,
        str(server.port),
        str(server.callee),
        str(window),
        str(seconds),
        str(rate),
        str(USERS),
    ] + ([str(count)] if count else [])

    def settle() -> None:
        put(core)

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=settle, text=True
    ) as generator:
        assert generator.stdin is not None and generator.stdout is not None
        line = generator.stdout.readline()
        if line.strip() != "ready":
            generator.wait()
            raise RuntimeError(f"{server.name}, {workload}: {line.strip() or 'the load generator ended'}")
        began()
        before, since = server.cpu(), time.monotonic()
        generator.stdin.write("go\n")
        generator.stdin.flush()
        line = generator.stdout.readline()
        after, until = server.cpu(), time.monotonic()
        ended()
        generator.wait()
    found: dict[str, Any] = json.loads(line)
    found["cpu_us"] = (after - before) / max(found["units"], 1) * 1e6
    found["busy"] = (after - before) / (until - since)
    found["rate"] = found["units"] / max(found["seconds"], 1e-9)
    return found


def one_row(
    load: Path, server: Server, workload: str, options: argparse.Namespace, core: int | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The highest rate without loss (a smaller window if there was loss), and half of that rate."""
    window = options.window
    found = measure(load, server, workload, window, options.seconds, 0, core)
    while found["lost"] and window > 4:
        server.notes.append(f"{workload}: lost {found['lost']} with {window} under way")
        window //= 2
        found = measure(load, server, workload, window, options.seconds, 0, core)
    found["window"] = window
    yield "max", found
    if not options.quick:
        yield "half", measure(load, server, workload, 1000, options.seconds, found["rate"] / 2, core)


def machine() -> dict[str, str]:
    """What it ran on, and what of us."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "?",
    )

    def git(*words: str) -> str:
        run = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True)
        return run.stdout.strip() if run.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD") or "none"
    if git("status", "--porcelain", "--", "twsip", "bench"):
        commit += " and changes"
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_implementation() + " " + platform.python_version(),
        "commit": commit,
        "when": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.1f} [{min(values):.1f}-{max(values):.1f}]"


def table(servers: list[Server], workloads: list[str], modes: list[str]) -> str:
    """One row a workload, one column a server and mode, in microseconds."""
    heads = [f"{server.name} {mode}" for server in servers for mode in modes]
    tuned = next((server for server in servers if server.name == "kamailio tlsf"), None)
    lines = [
        "",
        "server CPU in us a unit, median [range]; max = as fast as it answers without loss, half = at half that rate",
    ]
    lines.append("mark = first mark of issue 2; ratio = twsip to kamailio tlsf at max, median of the rounds' ratios")
    lines.append("  ".join([f"{'unit':40}", *(f"{head:>24}" for head in heads), f"{'mark':>6}", f"{'ratio':>6}"]))
    for workload in workloads:
        cells = []
        for server in servers:
            for mode in modes:
                values = server.figures.get(workload, {}).get(mode, [])
                cells.append(f"{spread(values) if values else '-':>24}")
        ours = next(
            (server.figures.get(workload, {}).get("max", []) for server in servers if server.name == "twsip"), []
        )
        theirs = tuned.figures.get(workload, {}).get("max", []) if tuned is not None else []
        ratio = (
            f"{statistics.median([a / b for a, b in zip(ours, theirs, strict=False)]):.2f}" if ours and theirs else "-"
        )
        mark = f"{MARKS[workload]:.0f}" if workload in MARKS else "-"
        lines.append("  ".join([f"{WORKLOADS[workload]:40}", *cells, f"{mark:>6}", f"{ratio:>6}"]))
    return "\n".join(lines)


def memory(load: Path, server: Server, core: int | None, count: int) -> dict[str, float]:
    """MiB before and right after `count` different AORs registered one contact each, by the trusted source (no accounts involved)."""
    before = server.resident()
    found = measure(load, server, "bindings", 16, 240, 0, core, count)
    if found["units"] != count:
        raise RuntimeError(
            f"{server.name}: only {found['units']} of {count} bindings were made; "
            f"wrong {found['wrong']} ({found['why']}), lost {found['lost']}"
        )
    return {"count": count, "before": before, "at_once": server.resident(), "us_each": found["cpu_us"]}


def settled(server: Server, found: dict[str, float]) -> str:
    """What remains when the transactions of those registrations have ended; one line about it."""
    found["settled"] = server.resident()
    per = 100000 / found["count"]
    more, most = (found["settled"] - found["before"]) * per, (found["at_once"] - found["before"]) * per
    found["per_100k"] = more
    return (
        f"{server.name}: {more:.1f} MiB more per 100,000 bindings once their transactions have ended "
        f"({most:.1f} right after; {found['before']:.0f} MiB before any; {found['count']:.0f} made, {found['us_each']:.1f} us each)"
    )


def main() -> None:
    """Run what the command line asks for, print the table, keep the record."""
    parser = argparse.ArgumentParser(
        description="server CPU per SIP unit of work: twsip, and Kamailio beside it when installed"
    )
    parser.add_argument("--quick", action="store_true", help="two short rounds at full rate: under two minutes")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--window", type=int, default=32, help="units under way at once")
    parser.add_argument("--only", default="", help="workloads, comma-separated: " + ", ".join(WORKLOADS))
    parser.add_argument("--servers", default="twsip,tlsf,qm")
    parser.add_argument("--bindings", type=int, default=-1, help="how many for the memory row; 0 leaves it out")
    parser.add_argument("--record", default="", help="keep the record under this name, to be committed")
    parser.add_argument(
        "--first", action="store_true", help="real-time scheduling, for a machine that others use too (root)"
    )
    options = parser.parse_args()
    if options.first:
        os.environ[FIRST] = "1"
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.7 if options.quick else 2.0)
    bindings = options.bindings if options.bindings >= 0 else (20000 if options.quick else 100000)
    workloads = (
        options.only.split(",")
        if options.only
        else [name for name in WORKLOADS if not (options.quick and name.endswith("_auth"))]
    )
    unknown = [name for name in workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"there is no workload called {unknown[0]!r}")
    cores = sorted(os.sched_getaffinity(0))
    server_core, load_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    about = machine()
    print("; ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    print(
        f"{options.rounds} rounds of {options.seconds} s, {options.window} units under way, {USERS} accounts; UDP on loopback, one worker each",
        flush=True,
    )
    folder = Path(tempfile.mkdtemp(prefix="twsip-bench-"))
    servers: list[Server] = []
    records: list[dict[str, Any]] = []
    modes = ["max"] if options.quick else ["max", "half"]
    failed = False
    starts: list[Any] = []
    if "twsip" in options.servers:
        starts.append(start_twsip)
    for allocator in ("tlsf", "qm"):
        if allocator in options.servers:
            if shutil.which("kamailio"):
                starts.append(lambda folder, core, allocator=allocator: start_kamailio(folder, core, allocator))
            else:
                print("kamailio is not installed (Debian: apt install kamailio): its columns are left out", flush=True)
                break
    try:
        load = build_load(folder)
        floor = start_echo(load, folder / "echo", server_core)
        servers.append(floor)
        for index, start in enumerate(starts):
            servers.append(start(folder / str(index), server_core))
        rests = {server.name: [0.0, 0.0] for server in servers}
        for turn in range(options.rounds):
            whole = {server.name: server.cpu() for server in servers}
            within = dict.fromkeys(whole, 0.0)
            for workload in workloads:
                for server in servers if workload == "options" else servers[1:]:
                    for mode, found in one_row(load, server, workload, options, load_core):
                        within[server.name] += found["cpu_us"] * found["units"] * 1e-6
                        records.append(
                            {"round": turn, "server": server.name, "workload": workload, "mode": mode, **found}
                        )
                        server.figures.setdefault(workload, {}).setdefault(mode, []).append(found["cpu_us"])
                        if found["wrong"] or found["lost"]:
                            failed = True
                            server.notes.append(
                                f"{workload} {mode}: lost {found['lost']}, wrong {found['wrong']} ({found['why']})"
                            )
                        print(
                            f"  round {turn + 1}  {server.name:15} {workload:13} {mode:5} {found['cpu_us']:8.1f} us  {found['rate']:8.0f}/s  busy {found['busy']:.2f}  lost {found['lost']}  wrong {found['wrong']}  strays {found['strays']}",
                            flush=True,
                        )
            for server in servers:
                rests[server.name][0] += server.cpu() - whole[server.name]
                rests[server.name][1] += within[server.name]
        print(table(servers, workloads, modes))
        for server in servers[1:]:
            spent, counted = rests[server.name]
            print(
                f"{server.name}: {server.resident():.0f} MiB resident after this; {100 * (spent - counted) / max(spent, 1e-9):.0f} % of its CPU was outside the measured windows (warm-up, timers of what had ended)"
            )
            for note in dict.fromkeys(server.notes):
                print(f"  {server.name}: {note}")
        for server in servers:
            server.stop()
        memories: dict[str, Any] = {}
        if bindings:
            servers = [start(folder / f"memory{index}", server_core) for index, start in enumerate(starts[:2])]
            for server in servers:
                memories[server.name] = memory(load, server, load_core, bindings)
            time.sleep(TRANSACTIONS_END)
            for server in servers:
                print(settled(server, memories[server.name]))
        record = {"machine": about, "options": vars(options), "runs": records, "memory": memories, "outside": rests}
        (HERE / "results").mkdir(exist_ok=True)
        name = options.record or "last-" + time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        path = HERE / "results" / f"{name}.json"
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"record: {path.relative_to(ROOT)}")
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if failed:
        print("bench: some units were lost or answered wrongly; see the notes above", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
