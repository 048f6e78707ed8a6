"""Instructions of the server per unit of work, by callgrind: a figure that a busy machine hardly moves.

`python bench/count.py [compiled] [interpreted] [kamailio] [--only ROWS]`; needs valgrind.  User space only: what the kernel
does for a datagram is not in it.  The rows are those of run.py, TCP, TLS and SQLite included.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import process
from certificates import make_certificates
from compiled import CannotCompile, compiled_copy
from load import build_load, measure
from process import Server
from record import commit_of
from rows import ROWS, Row
from servers import ROOT, Column, Job, kamailio_column, twsip_column

UNITS = {
    "options": 400,
    "unauth": 400,
    "register": 300,
    "message": 300,
    "call": 120,
    "message_auth": 200,
    "call_auth": 100,
}
CALLGRIND = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "-q"]


def control(pids: list[int], *words: str) -> None:
    """Tell callgrind in these processes to start, stop, or write down what it has."""
    for pid in pids:
        subprocess.run(["callgrind_control", *words, str(pid)], capture_output=True)


def written(folder: Path) -> int:
    """All instructions in callgrind's files so far."""
    total = 0
    for path in folder.glob("cg.*"):
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith(("summary:", "totals:")):
                total += int(line.split()[1])
                break
    return total


def counted(load: Path, server: Server, row: Row, units: int) -> float:
    """Instructions per unit: four under way, a few more units before the counting begins."""
    pids = server.pids()
    before = written(server.folder)

    def began() -> None:
        # Without the zero, counts of the time when it was off come out as nonsense.
        control(pids, "-z")
        control(pids, "-i", "on")

    def ended() -> None:
        control(pids, "-d")
        control(pids, "-i", "off")

    found = measure(
        load, server, row.workload, 4, 120, 0, None, units, began=began, ended=ended, transport=row.transport
    )
    if found["units"] != units or found["wrong"]:
        raise RuntimeError(
            f"{server.name}, {row.name}: {found['units']} of {units}, wrong {found['wrong']} ({found['why']})"
        )
    until = time.monotonic() + 5
    while time.monotonic() < until and written(server.folder) == before:
        time.sleep(0.1)
    return (written(server.folder) - before) / units


def column_of(word: str) -> Column:
    """The column of this word."""
    if word == "kamailio":
        return kamailio_column("tlsf")
    if word == "compiled":
        try:
            return twsip_column("twsip", compiled_copy(ROOT), commit_of(ROOT))
        except CannotCompile as error:
            raise SystemExit(f"count: {error}") from error
    return twsip_column("twsip interpreted", ROOT, commit_of(ROOT))


def with_callgrind(direct: Callable[..., Server]) -> Callable[..., Server]:
    """What starts a server as `direct` does, but with callgrind around it."""

    def start(name: str, command: list[str], port: int, where: Path, core: int | None, environment: dict[str, str]) -> Server:
        children = "--trace-children=" + ("no" if name.startswith("twsip") else "yes")
        command = [*CALLGRIND, children, f"--callgrind-out-file={where}/cg.%p", *command]
        return direct(name, command, port, where, core, environment)

    return start


def main() -> None:
    """One line a server and row."""
    parser = argparse.ArgumentParser(description="instructions of the server per unit, by callgrind")
    parser.add_argument("servers", nargs="*", default=["interpreted"], help="compiled, interpreted, kamailio")
    parser.add_argument("--only", default="options,unauth,register,message,call", help="rows: " + ", ".join(ROWS))
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("count: valgrind is not installed (Debian: apt install valgrind)")
    if unknown := [word for word in options.servers if word not in ("compiled", "interpreted", "twsip", "kamailio")]:
        parser.error(f"there is no server called {unknown[0]!r}")
    if unknown := [word for word in options.only.split(",") if word not in ROWS]:
        parser.error(f"there is no row called {unknown[0]!r}")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    rows = [ROWS[name] for name in options.only.split(",")]
    folder = Path(tempfile.mkdtemp(prefix="twsip-count-"))
    process.spawn = with_callgrind(process.spawn)  # type: ignore[assignment]
    try:
        load = build_load(folder)
        secure = any(row.transport == "tls" for row in rows)
        certificates = make_certificates(folder) if secure else None
        for word in options.servers:
            column = column_of(word)
            for durable in sorted({row.durable for row in rows}):
                job = Job(durable, users=50, certificates=certificates)
                server = column.start(folder / f"{word}-{durable}", None, job)
                try:
                    for row in (row for row in rows if row.durable == durable):
                        found = counted(load, server, row, UNITS[row.workload])
                        print(f"{server.name:17} {row.text:43} {found:12.0f}", flush=True)
                finally:
                    server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
