"""Where twsip's time goes: `python bench/where.py call register` prints the functions by own time and by calls per unit.

The server runs bench.tac under cProfile, switched on only while the load runs.  cProfile makes small functions look dearer
than they are; the calls per unit are exact and do not depend on how busy the machine is.
"""

import argparse
import pstats
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import run

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


def main() -> None:
    """One table a workload."""
    parser = argparse.ArgumentParser(description="where twsip's time goes, by workload")
    parser.add_argument("workloads", nargs="*", default=["options", "register", "message", "call"])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--lines", type=int, default=25)
    parser.add_argument("--by", choices=["tottime", "cumtime", "ncalls"], default="tottime")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="twsip-where-"))
    server = None
    try:
        load = run.build_load(folder)
        database = folder / "bench.db"
        run.prepare_accounts(database)
        port, out = run.free_port(), folder / "profile"
        environment = {
            "TWSIP_BENCH_PORT": str(port),
            "TWSIP_BENCH_DATABASE": str(database),
            "PYTHONPATH": str(run.ROOT),
        }
        command = [sys.executable, "-c", UNDER_PROFILE, str(out), str(run.HERE / "bench.tac")]
        server = run.spawn("twsip", command, port, folder, None, environment)
        for workload in options.workloads:
            process = server.process
            found = run.measure(
                load,
                server,
                workload,
                32,
                options.seconds,
                0,
                None,
                began=lambda process=process: process.send_signal(signal.SIGUSR1),
                ended=lambda process=process: process.send_signal(signal.SIGUSR2),
            )
            until = time.monotonic() + 5
            while not out.exists() and time.monotonic() < until:
                time.sleep(0.05)
            show(out, workload, max(found["units"], 1), options.by, options.lines)
            if found["lost"] or found["wrong"]:
                print(f"lost {found['lost']}, wrong {found['wrong']} ({found['why']})")
            out.unlink()
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
    rows.sort(key=lambda row: -row[key])
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
