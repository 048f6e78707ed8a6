"""The benchmark: server CPU per unit of work, twsip and Kamailio side by side in one run.  `bench/README.md` says how to read it."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from certificates import make_certificates
from compiled import CannotCompile, cached, compiled_copy, is_compiled
from load import Unusable, build_load, pin_cores, speaks_tls
from process import FIRST
from record import commit_of, keep, line_of, machine
from rounds import Bench, bindings, floods, one_round, ringing
from rows import FULL, QUICK, ROWS
from servers import ROOT, USERS, Column, Job, kamailio_column, kamailio_lacks, start_echo, twsip_column
from table import OURS, PLAIN, bindings_line, cpu_table, flood_table, mark_table, ringing_line

TRANSACTIONS_END = 36.0  # timer J is 32 s
CHOICES = ("compiled", "interpreted", "tlsf", "qm")


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, with what was left out filled in."""
    parser = argparse.ArgumentParser(
        description="server CPU per SIP unit of work: twsip, and Kamailio beside it when installed"
    )
    parser.add_argument("--quick", action="store_true", help="a short form of everything: under two minutes")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--window", type=int, default=32, help="units under way at once")
    parser.add_argument("--only", default="", help="rows, comma-separated: " + ", ".join(ROWS))
    parser.add_argument("--servers", default=",".join(CHOICES), help="comma-separated: " + ", ".join(CHOICES))
    parser.add_argument("--tree", action="append", default=[], metavar="NAME=PATH", help="another checkout as columns")
    parser.add_argument("--bindings", type=int, default=-1, help="how many for the memory row; 0 leaves it out")
    parser.add_argument("--calls", type=int, default=-1, help="how many ring for the other memory row; 0 leaves it out")
    parser.add_argument("--flood", default="-", help="packets a second, comma-separated; empty leaves it out")
    parser.add_argument("--record", default="", help="keep the record under this name, to be committed")
    parser.add_argument("--first", action="store_true", help="real-time scheduling, for a machine that others use too (root)")
    options = parser.parse_args(arguments)
    quick, part = options.quick, bool(options.only)
    options.rounds = options.rounds or (2 if quick else 5)
    options.seconds = options.seconds or (0.4 if quick else 1.5)
    options.rows = options.only.split(",") if part else (QUICK if quick else FULL)
    options.servers = [name for name in options.servers.split(",") if name]
    if options.bindings < 0:
        options.bindings = 0 if part else 20000 if quick else 100000
    if options.calls < 0:
        options.calls = 0 if part else 2000 if quick else 10000
    usual = "" if part else "20000" if quick else "20000,60000"
    options.flood = [float(rate) for rate in (usual if options.flood == "-" else options.flood).split(",") if rate]
    for given, known, what in ((options.rows, ROWS, "row"), (options.servers, CHOICES, "server")):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"there is no {what} called {unknown[0]!r}; there are: {', '.join(known)}")
    options.trees = {"": ROOT}
    for word in options.tree:
        name, _, path = word.partition("=")
        if not name or not path or not (Path(path) / "twsip" / "site.py").is_file():
            parser.error(f"--tree {word}: write NAME=PATH, the path of a checkout of twsip")
        if name in options.trees or name.startswith((OURS, "kamailio", "echo")):
            parser.error(f"--tree {word}: there is a column of that name already")
        options.trees[name] = Path(path).resolve()
    return options


def columns_of(options: argparse.Namespace) -> list[Column]:
    """The columns that can be had here; a sentence for each that cannot."""
    columns: list[Column] = []
    for name, tree in options.trees.items():
        commit = commit_of(tree)
        if "compiled" in options.servers:
            try:
                if cached(tree) is None:
                    print(f"compiling a copy of {name or 'this checkout'}: a minute or two, once", flush=True)
                columns.append(twsip_column(name or OURS, compiled_copy(tree), commit))
            except CannotCompile as error:
                print(f"{name or OURS} compiled is left out: {error}", flush=True)
        if "interpreted" in options.servers:
            if is_compiled(tree):
                raise SystemExit(f"bench: {tree} holds compiled modules; remove them (find twsip -name '*.so' -delete)")
            columns.append(twsip_column(f"{name} interpreted" if name else PLAIN, tree, commit))
    wanted = [name for name in ("tlsf", "qm") if name in options.servers]
    if wanted and kamailio_lacks(Job()):
        print(kamailio_lacks(Job()), flush=True)
        wanted = []
    return columns + [kamailio_column(name) for name in wanted]


def measure_rows(bench: Bench, columns: list[Column]) -> None:
    """The rounds, and their tables."""
    options = bench.options
    plain = {"echo in C": start_echo(bench.load, bench.folder / "echo", bench.server_core)}
    bench.running.append(plain["echo in C"])
    plain |= {column.name: bench.start(column, bench.plain, "plain") for column in columns}
    durable = {}
    kept = Job(durable=True, users=bench.plain.users)
    if any(ROWS[name].durable for name in options.rows):
        durable = {column.name: bench.start(column, kept, "durable") for column in columns if column.can(kept)}
    # In the quick form only the main rows have a second round.
    short = [name for name in options.rows if ROWS[name].main] if options.quick and not options.only else options.rows
    for turn in range(options.rounds):
        one_round(bench, turn, options.rows if turn == 0 else short, plain, durable)
    names = list(plain)
    print(cpu_table(bench.figures, names, options.rows, "max"))
    if not options.quick and any(ROWS[name].main for name in options.rows):
        print(cpu_table(bench.figures, names, options.rows, "half"))
    others = [column.name for column in columns if column.commit and column.name not in (OURS, PLAIN)]
    print(mark_table(bench.figures, options.rows, others))
    print()
    for name in names[1:]:
        spent, counted = bench.outside[name]
        print(
            f"{name}: {plain[name].resident():.0f} MiB resident after this; {100 * (spent - counted) / max(spent, 1e-9):.0f} % "
            "of its CPU was outside the measured windows (warm-up, registering, timers of what had ended)"
        )
    bench.stop()


def measure_the_rest(bench: Bench, columns: list[Column]) -> dict[str, Any]:
    """Memory and floods.  While the bindings' transactions come to their end, everything else is done."""
    options = bench.options
    remembered = [column for column in columns if column.remembered]
    made: dict[str, dict[str, float]] = {}
    calls: dict[str, dict[str, float]] = {}
    flood: list[dict[str, Any]] = []
    holders = [bench.start(column, bench.plain, "bindings") for column in remembered] if options.bindings else []
    for server in holders:
        try:
            made[server.name] = bindings(bench, server, options.bindings)
        except Unusable as error:
            bench.fail(str(error))
    since = time.monotonic()
    if options.flood:
        flood = floods(bench, columns, options.flood, 1 if options.quick else options.rounds, options.seconds)
    for column in remembered if options.calls else []:
        server = bench.start(column, bench.plain, "calls")
        try:
            calls[server.name] = ringing(bench, server, options.calls)
        except Unusable as error:
            bench.fail(str(error))
        bench.stop(server)
    if holders:
        time.sleep(max(0.0, TRANSACTIONS_END - (time.monotonic() - since)))
    if flood:
        print(flood_table(flood))
    print()
    for server in holders:
        if server.name in made:
            made[server.name]["settled"] = server.resident()
            print(bindings_line(server.name, made[server.name]))
    for name, found in calls.items():
        print(ringing_line(name, found))
    bench.stop()
    return {"memory": made, "calls": calls, "flood": flood}


def main() -> None:
    """Run what the command line asks for, print the tables, keep the record."""
    options = options_of()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers end with us, whoever ends us
    if options.first:
        os.environ[FIRST] = "1"
    about, began = machine(), time.monotonic()
    print(line_of(about), flush=True)
    columns = columns_of(options)
    folder = Path(tempfile.mkdtemp(prefix="twsip-bench-"))
    bench = None
    try:
        load = build_load(folder)
        users = 300 if options.quick else USERS
        secure = any(ROWS[name].transport == "tls" for name in options.rows)
        if secure and not speaks_tls(load):
            print("OpenSSL's headers are missing (Debian: apt install libssl-dev): the TLS rows are left out", flush=True)
            secure = False
        job = Job(users=users, certificates=make_certificates(folder / "certificates") if secure else None)
        for lack in dict.fromkeys((kamailio_lacks(job), kamailio_lacks(Job(durable=True)))):
            if lack and any(column.name.startswith("kamailio") for column in columns):
                print(lack, flush=True)
        print(
            f"{options.rounds} rounds of {options.seconds} s, {options.window} units under way, {users} accounts a transport; "
            "loopback, one worker each",
            flush=True,
        )
        bench = Bench(options, load, folder, *pin_cores(), job)
        measure_rows(bench, columns)
        rest = measure_the_rest(bench, columns)
        for note in dict.fromkeys(bench.notes):
            print(f"note: {note}")
        shown = {name: value for name, value in vars(options).items() if name not in ("tree", "trees")}
        commits = {column.name: column.commit for column in columns}
        took = round(time.monotonic() - began)
        record = {"machine": about, "options": shown, "commits": commits, "took": took, "failed": bench.failed}
        path = keep({**record, "notes": bench.notes, "runs": bench.runs, **rest, "outside": bench.outside}, options.record)
        print(f"record: {path.relative_to(ROOT)} ({took} s)")
    finally:
        if bench is not None:
            bench.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if bench.failed:
        print("bench: some units were lost or answered wrongly; see the notes above", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
