"""The rounds: every row, every server by turns; and what is measured once, memory."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from load import Unusable, flooded, measure
from rows import ROWS, Row
from servers import Column, Job, Server

GOOD_RATE = 200.0  # OPTIONS a second of the source that is not banned
# What a generator that was not let run for a while may make up for in one go: fits into a socket's usual 208 KiB.
HALF_WINDOW = 100
Figures = dict[str, dict[str, dict[str, dict[int, float]]]]
"""Column, row, mode, round: a figure.  A round in which a server could not be measured is missing."""


@dataclass
class Bench:
    """One run: its options and tools, the servers under way, and everything found so far."""

    options: argparse.Namespace
    load: Path
    folder: Path
    server_core: int | None
    load_core: int | None
    plain: Job
    running: list[Server] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    figures: Figures = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    outside: dict[str, list[float]] = field(default_factory=dict)
    failed: bool = False

    def start(self, column: Column, job: Job, why: str) -> Server:
        """The column's server doing this job, in a folder of its own; ended by `stop`."""
        server = column.start(self.folder / f"{len(list(self.folder.iterdir()))}-{why}", self.server_core, job)
        self.running.append(server)
        return server

    def stop(self, *servers: Server) -> None:
        """End these, or all."""
        for server in servers or tuple(self.running):
            server.stop()
            self.running.remove(server)

    def fail(self, note: str) -> None:
        """Something was lost or wrong: said at the end, and the run fails."""
        self.failed = True
        self.notes.append(note)
        print(f"  FAILED {note}", flush=True)

    def found(self, server: Server, row: Row, mode: str, turn: int, found: dict[str, Any]) -> None:
        """Keep one run of the generator, and say it."""
        self.runs.append({"round": turn, "server": server.name, "workload": row.name, "mode": mode, **found})
        self.figures.setdefault(server.name, {}).setdefault(row.name, {}).setdefault(mode, {})[turn] = found["cpu_us"]
        print(
            f"  round {turn + 1}  {server.name:17} {row.name:17} {mode:5} {found['cpu_us']:8.1f} us  {found['rate']:8.0f}/s"
            f"  busy {found['busy']:.2f}  lost {found['lost']}  wrong {found['wrong']}  strays {found['strays']}",
            flush=True,
        )
        if found["wrong"] or found["lost"]:
            self.fail(f"{server.name}, {row.name} {mode}: lost {found['lost']}, wrong {found['wrong']} ({found['why']})")


def one_row(bench: Bench, server: Server, row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """The highest rate without loss (a smaller window if there was loss), and for the main rows half of that rate."""
    options, window = bench.options, bench.options.window

    def run(window: int, rate: float) -> dict[str, Any]:
        return measure(
            bench.load, server, row.workload, window, options.seconds, rate, bench.load_core, transport=row.transport
        )

    found = run(window, 0)
    while found["lost"] and window > 4:
        bench.notes.append(f"{server.name}, {row.name}: lost {found['lost']} with {window} under way")
        window //= 2
        found = run(window, 0)
    yield "max", found | {"window": window}
    if row.main and not options.quick:
        yield "half", run(HALF_WINDOW, found["rate"] / 2)


def one_round(bench: Bench, turn: int, rows: list[str], plain: dict[str, Server], durable: dict[str, Server]) -> None:
    """Each row with each server that can do it, one after the other."""
    before = {name: server.cpu() for name, server in plain.items()}
    within = dict.fromkeys(plain, 0.0)
    for row in (ROWS[name] for name in rows):
        for server in (durable if row.durable else plain).values():
            if (row.transport == "tls" and not server.tls_port) or (server.name == "echo in C" and row.name != "options"):
                continue
            try:
                for mode, found in one_row(bench, server, row):
                    bench.found(server, row, mode, turn, found)
                    if not row.durable:
                        within[server.name] += found["cpu_us"] * found["units"] * 1e-6
            except Unusable as error:
                bench.fail(str(error))
    for name, server in plain.items():
        spent = bench.outside.setdefault(name, [0.0, 0.0])
        spent[0] += server.cpu() - before[name]
        spent[1] += within[name]


def floods(bench: Bench, columns: list[Column], rates: list[float], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """CPU of a server while a banned source sends, and what a good source still gets; rate 0 is the good source alone."""
    job = Job(banned=True, users=bench.plain.users)
    servers = [bench.start(column, job, "flood") for column in columns if column.can(job)]
    runs: list[dict[str, Any]] = []
    for turn in range(rounds):
        for rate in (0.0, *rates):
            for server in servers:
                try:
                    found = flooded(bench.load, server, rate, GOOD_RATE, seconds, bench.load_core)
                except Unusable as error:
                    bench.fail(str(error))
                    continue
                runs.append({"round": turn, "server": server.name, "asked": rate, **found})
                print(
                    f"  round {turn + 1}  {server.name:17} banned {found['flood_rate']:8.0f}/s  {100 * found['busy']:5.1f} % of a core"
                    f"  good {found['units']} of {found['units'] + found['lost']}",
                    flush=True,
                )
                if found["wrong"] or found["flood"]["answered"]:
                    bench.fail(
                        f"{server.name}, flood: wrong {found['wrong']} ({found['why']}), the banned source got "
                        f"{found['flood']['answered']} answers"
                    )
    bench.stop(*servers)
    return runs


def bindings(bench: Bench, server: Server, count: int) -> dict[str, float]:
    """MiB before and right after so many AORs registered one contact each, by the trusted source (no accounts involved)."""
    before = server.resident()
    found = measure(bench.load, server, "bindings", 16, 240, 0, bench.load_core, count)
    return _whole(server, found, count, "bindings") | {"before": before, "at_once": server.resident()}


def ringing(bench: Bench, server: Server, count: int) -> dict[str, float]:
    """MiB before and while so many calls ring: INVITE relayed, 180 relayed back, no final answer."""
    before: list[float] = []
    found = measure(
        bench.load, server, "ringing", 16, 120, 0, bench.load_core, count, began=lambda: before.append(server.resident())
    )
    during = server.resident()
    per = (during - before[0]) * 10000 / count
    return _whole(server, found, count, "ringing") | {"before": before[0], "during": during, "per_10k": per}


def _whole(server: Server, found: dict[str, Any], count: int, what: str) -> dict[str, float]:
    if found["units"] != count or found["wrong"]:
        raise Unusable(
            f"{server.name}: {found['units']} of {count} {what}; wrong {found['wrong']} ({found['why']}), lost {found['lost']}"
        )
    return {"count": count, "us_each": found["cpu_us"]}
