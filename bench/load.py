"""The load generator `load.c`: built for this run, told what to do, its findings read."""

import json
import os
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import process
from process import Server

HERE = Path(__file__).resolve().parent
LIMIT = 300.0  # seconds that no run of the generator reaches unless something hangs


class Unusable(RuntimeError):
    """This run of the generator says nothing about the server; one sentence why."""


def build_load(folder: Path, *, tls: bool = True) -> Path:
    """The load generator, compiled for this run; with TLS if OpenSSL's headers are there (`speaks_tls` tells)."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit(
            "bench: the load generator is a small C program; install a C compiler (Debian: apt install gcc libc6-dev)"
        )
    program = folder / "load"
    command = [compiler, "-O2", "-o", str(program), str(HERE / "load.c")]
    with_tls = [*command, "-DWITH_TLS", "-lm", "-lssl", "-lcrypto"]
    if not tls or subprocess.run(with_tls, capture_output=True).returncode:
        subprocess.run([*command, "-lm"], check=True)
    return program


def speaks_tls(load: Path) -> bool:
    """Whether this generator was built with TLS."""
    probe = subprocess.run([str(load), "options", "tls:/", "0", "0", "1", "0", "0", "1"], capture_output=True, text=True)
    return "no such transport" not in probe.stdout


@contextmanager
def generator(words: list[str], core: int | None, whose: str) -> Iterator[subprocess.Popen[str]]:
    """The generator once it is ready; ended when the block ends.  Raises Unusable if it never gets ready."""
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=lambda: process.put(core), text=True
    ) as running:
        try:
            line = answer_of(running)
            if line != "ready":
                raise Unusable(f"{whose}: {line or 'the load generator ended'}")
            yield running
        finally:
            running.kill()


def answer_of(running: "subprocess.Popen[str]") -> str:
    """The generator's next line; "" if it ended or said nothing for five minutes."""
    assert running.stdout is not None
    if not select.select([running.stdout], [], [], LIMIT)[0]:
        return ""
    return running.stdout.readline().strip()


def measure(
    load: Path,
    server: Server,
    workload: str,
    window: int,
    seconds: float,
    rate: float,
    core: int | None,
    count: int = 0,
    began: Callable[[], object] = int,
    ended: Callable[[], object] = int,
    transport: str = "udp",
) -> dict[str, Any]:
    """One run of the generator: its findings, and the server's CPU seconds between its "go" and its end.

    Raises Unusable when it could not even begin, or when the server closed a connection.
    """
    port, kind = server.port, transport
    if transport == "tls":
        port, kind = server.tls_port, f"tls:{server.authority}"
    words = [workload, kind, port, server.callee, window, seconds, rate, server.users, *([count] if count else [])]
    whose = f"{server.name}, {workload} over {transport}"
    with generator([str(load), *map(str, words)], core, whose) as running:
        assert running.stdin is not None
        began()
        before, since = server.cpu(), monotonic()
        running.stdin.write("go\n")
        running.stdin.flush()
        line = answer_of(running)
        after, until = server.cpu(), monotonic()
        ended()
        with suppress(subprocess.TimeoutExpired):
            running.wait(10)
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        found = {"error": line or "the load generator ended"}
    if "error" in found:
        raise Unusable(f"{whose}: {found['error']}")
    found["cpu_us"] = (after - before) / max(found["units"], 1) * 1e6
    found["busy"] = (after - before) / (until - since)
    found["rate"] = found["units"] / max(found["seconds"], 1e-9)
    return found


def flooded(
    load: Path, server: Server, flood: float, good: float, seconds: float, core: int | None
) -> dict[str, Any]:
    """OPTIONS of a good source at one rate beside a banned source's flood at another (0: none, for comparison).

    What the good source lost is a finding here, no failure; an answer to the banned source is `answered`.
    """
    banned: dict[str, Any] = {"sent": 0, "seconds": seconds, "answered": 0}
    if not flood:
        return measure(load, server, "options", 1000, seconds, good, core) | {"flood": banned, "flood_rate": 0.0}
    words = [str(load), "flood", str(server.port), str(flood), str(seconds + 30)]
    with generator(words, core, f"{server.name}, flood") as running:
        found = measure(load, server, "options", 1000, seconds, good, core)
        assert running.stdin is not None
        running.stdin.close()
        line = answer_of(running)
    banned = json.loads(line or "{}")
    if "sent" not in banned:
        raise Unusable(f"{server.name}, flood: {banned.get('error', 'the load generator ended')}")
    return found | {"flood": banned, "flood_rate": banned["sent"] / max(banned["seconds"], 1e-9)}


def pin_cores() -> tuple[int | None, int | None]:
    """The core for the servers and the core for the generator; none when there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)
