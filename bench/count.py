"""Instructions of the server per unit of work, by callgrind: a figure that a busy machine hardly moves.

`python bench/count.py [twsip] [kamailio]`; needs valgrind.  User space only: what the kernel does for a datagram is not in it.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import run

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


def counted(load: Path, server: run.Server, workload: str, units: int) -> float:
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

    found = run.measure(load, server, workload, 4, 120, 0, None, units, began=began, ended=ended)
    if found["units"] != units or found["wrong"]:
        raise RuntimeError(
            f"{server.name}, {workload}: {found['units']} of {units}, wrong {found['wrong']} ({found['why']})"
        )
    until = time.monotonic() + 5
    while time.monotonic() < until and written(server.folder) == before:
        time.sleep(0.1)
    return (written(server.folder) - before) / units


def main() -> None:
    """One row a workload."""
    parser = argparse.ArgumentParser(description="instructions of the server per unit, by callgrind")
    parser.add_argument("servers", nargs="*", default=["twsip"], help="twsip, kamailio")
    parser.add_argument("--only", default="options,unauth,register,message,call")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("count: valgrind is not installed (Debian: apt install valgrind)")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    run.USERS = 50
    folder = Path(tempfile.mkdtemp(prefix="twsip-count-"))
    direct = run.spawn

    def under_callgrind(
        name: str, command: list[str], port: int, where: Path, core: int | None, environment: dict[str, str]
    ) -> run.Server:
        children = "--trace-children=" + ("yes" if name != "twsip" else "no")
        command = [*CALLGRIND, children, f"--callgrind-out-file={where}/cg.%p", *command]
        return direct(name, command, port, where, core, environment)

    run.spawn = under_callgrind
    try:
        load = run.build_load(folder)
        for name in options.servers:
            where = folder / name
            server = run.start_twsip(where, None) if name == "twsip" else run.start_kamailio(where, None, "tlsf")
            try:
                for workload in options.only.split(","):
                    print(
                        f"{server.name:15} {run.WORKLOADS[workload]:40} {counted(load, server, workload, UNITS[workload]):12.0f}",
                        flush=True,
                    )
            finally:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
