"""Where twsip's time goes: `python bench/where.py call register` prints the functions by own time and by calls per unit.

The server runs bench.tac under cProfile, switched on only while the load runs.  cProfile makes small functions look dearer
than they are; the calls per unit are exact and do not depend on how busy the machine is.
"""

import argparse
import itertools
import pstats
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import process
from certificates import make_certificates
from load import build_load, measure
from process import Server
from rows import ROWS, Row
from servers import HERE, USERS, Job, known, twsip_environment

UNDER_PROFILE = """
import cProfile, os, signal, sys
from twisted.scripts.twistd import run

profile, out = cProfile.Profile(), sys.argv[1]


def ended(*_):
    profile.disable()
    profile.dump_stats(out + ".new")
    profile.clear()
    os.rename(out + ".new", out)


signal.signal(signal.SIGUSR1, lambda *_: profile.enable())
signal.signal(signal.SIGUSR2, ended)
sys.argv = ["twistd", "--nodaemon", "--pidfile=", "--logfile=-", "-y", sys.argv[2]]
run()
"""


def start(folder: Path, job: Job, out: Path) -> Server:
    """The site of bench.tac, interpreted, under the profiler, which writes to `out`."""
    environment = twsip_environment(folder, job)
    command = [sys.executable, "-c", UNDER_PROFILE, str(out), str(HERE / "bench.tac")]
    server = process.spawn("twsip", command, int(environment["TWSIP_BENCH_PORT"]), folder, None, environment)
    return known(server, job, int(environment["TWSIP_BENCH_TLS_PORT"]))


def profile(load: Path, server: Server, row: Row, out: Path, options: argparse.Namespace) -> None:
    """Run this row with the profiler on, and print what it saw."""
    running = server.process
    found = measure(
        load,
        server,
        row.workload,
        32,
        options.seconds,
        0,
        None,
        began=lambda: running.send_signal(signal.SIGUSR1),
        ended=lambda: running.send_signal(signal.SIGUSR2),
        transport=row.transport,
    )
    until = time.monotonic() + 5
    while not out.exists() and time.monotonic() < until:
        time.sleep(0.05)
    show(out, row.name, max(found["units"], 1), options.by, options.lines)
    if found["lost"] or found["wrong"]:
        print(f"lost {found['lost']}, wrong {found['wrong']} ({found['why']})")
    out.unlink()


def main() -> None:
    """One table a row."""
    parser = argparse.ArgumentParser(description="where twsip's time goes, by row")
    parser.add_argument("rows", nargs="*", default=["options", "register", "message", "call"], help=", ".join(ROWS))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--lines", type=int, default=25)
    parser.add_argument("--by", choices=["tottime", "cumtime", "ncalls"], default="tottime")
    options = parser.parse_args()
    if unknown := [name for name in options.rows if name not in ROWS]:
        parser.error(f"there is no row called {unknown[0]!r}; there are: {', '.join(ROWS)}")
    folder = Path(tempfile.mkdtemp(prefix="twsip-where-"))
    server = None
    try:
        load, out = build_load(folder), folder / "profile"
        plain = Job(users=USERS, certificates=make_certificates(folder))
        for durable, rows in itertools.groupby((ROWS[name] for name in options.rows), key=lambda row: row.durable):
            if server is not None:
                server.stop()
            server = start(Path(tempfile.mkdtemp(dir=folder)), replace(plain, durable=durable), out)
            for row in rows:
                profile(load, server, row, out, options)
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def show(path: Path, workload: str, units: int, by: str, lines: int) -> None:
    """Own time in per cent, calls per unit, place."""
    stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    rows = []
    for (file, line, name), (_, calls, own, whole, _callers) in stats.items():
        place = name if file == "~" else f"{'/'.join(Path(file).parts[-3:])}:{line} {name}"
        if "epoll" not in name and "poll" not in name.split(" ")[-1]:
            rows.append((own, calls, whole, place))
    total = sum(row[0] for row in rows)
    key = {"tottime": 0, "ncalls": 1, "cumtime": 2}[by]
    rows.sort(key=lambda row: row[key], reverse=True)
    print(
        f"\n{workload}: {units} units, {sum(row[1] for row in rows) / units:.0f} calls a unit, {total / units * 1e6:.0f} us a unit under the profiler"
    )
    print(f"{'own %':>6} {'own us':>7} {'with callees us':>15} {'calls':>6}  function")
    for own, calls, whole, place in rows[:lines]:
        print(
            f"{100 * own / total:6.1f} {own / units * 1e6:7.2f} {whole / units * 1e6:15.2f} {calls / units:6.2f}  {place}"
        )


if __name__ == "__main__":
    main()
