"""Does a path cost more than it did?   `python bench/budget.py check` holds each against `budgets.json`, `record` writes it.

A path may cost 5 % more than its budget; more is exit 1 and a sentence that names it.  See README.md.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from budget_methods import Method, methods

BUDGETS = Path(__file__).resolve().parent / "budgets.json"
SLACK = 5.0
"""Per cent that a path may cost more than its budget."""
STALE = 10.0
"""Per cent less from which on a budget is too loose to guard anything."""
HOW = "python bench/budget.py record"
Figures = Mapping[str, float]


def per_cent(measured: float, budget: float) -> float:
    """How much more than the budget this is, without the last digits, so that 5 % are 5 %."""
    return round((measured - budget) * 100.0 / budget, 6)


def faults(measured: Figures, budgets: Figures) -> list[str]:
    """A sentence for each path that costs too much, and for each that could not be compared."""
    found = []
    for path, budget in budgets.items():
        if path not in measured:
            found.append(f"{path} has a budget and was not measured: if it is gone, {HOW}")
        elif budget <= 0 or measured[path] <= 0:
            found.append(f"{path}: {measured[path]:,.10g} of {budget:,.10g} is no measurement; mend it")
        elif per_cent(measured[path], budget) > SLACK:
            found.append(
                f"{path} costs {per_cent(measured[path], budget):.1f} % more than its budget, {measured[path]:,.10g} "
                f"instead of {budget:,.10g}: make it cheaper, or if it is worth that, {HOW}"
            )
    found += [f"{path} has no budget: {HOW}" for path in measured if path not in budgets]
    return found or ([] if budgets else [f"no path was compared: {HOW}"])


def hints(measured: Figures, budgets: Figures) -> list[str]:
    """A sentence for each path that became so cheap that its budget guards it no more."""
    return [
        f"{path} costs {-per_cent(cost, budgets[path]):.1f} % less than its budget: record it ({HOW})"
        for path, cost in measured.items()
        if path in budgets and per_cent(cost, budgets[path]) < -STALE
    ]


def table(key: str, measured: Figures, budgets: Figures) -> str:
    """Path, measured, budget, difference."""
    lines = [f"counted by {key}, a unit of each path", f"{'path':16} {'measured':>14} {'budget':>14} {'per cent':>9}"]
    for path, cost in measured.items():
        budget = budgets.get(path, 0)
        compared = f"{budget:14,.10g} {per_cent(cost, budget):+9.2f}" if budget > 0 else f"{'':14} {'new':>9}"
        lines.append(f"{path:16} {cost:14,.10g} {compared}")
    return "\n".join(lines)


def check(records: Mapping[str, Figures], ways: Sequence[Method], required: bool) -> int:
    """Hold the paths against the record of the first method that has one and can be used; returns the exit status."""
    for way in ways:
        if way.key not in records:
            print(f"budget: no record of {way.key}; to make it: {HOW}")
        elif way.why_not:
            print(f"budget: not by {way.name}: {way.why_not}")
        else:
            budgets = records[way.key]
            measured = way.measure()
            print(table(way.key, measured, budgets))
            for hint in hints(measured, budgets):
                print(f"budget: {hint}")
            sys.stdout.flush()
            wrong = faults(measured, budgets)
            for fault in wrong:
                print(f"budget: {fault}", file=sys.stderr)
            return 1 if wrong else 0
    print(f"budget: nothing was compared, for want of a record of this Python; to make one: {HOW}", file=sys.stderr)
    return 1 if required else 0


def record(file: Path, ways: Sequence[Method]) -> int:
    """Write what the paths cost now by every method that can be used; other builds keep their records."""
    for way in ways:
        if way.why_not:
            print(f"budget: not by {way.name}: {way.why_not}")
    found = {way.key: way.measure() for way in ways if not way.why_not}
    records = read(file)
    for key, measured in found.items():
        print(table(key, measured, records.get(key, {})))
    if not found:
        return 1
    file.write_text(json.dumps(records | found, indent=2, sort_keys=True) + "\n")
    return 0


def read(file: Path) -> dict[str, Figures]:
    """The records by method and build; none when there is no such file."""
    return json.loads(file.read_text()) if file.exists() else {}


def main() -> int:
    """`check` or `record`."""
    parser = argparse.ArgumentParser(description="hold the cost of each path against its budget")
    parser.add_argument("what", choices=["check", "record"])
    parser.add_argument("--method", choices=["callgrind", "calls"], help="this one only")
    parser.add_argument("--file", type=Path, default=BUDGETS)
    options = parser.parse_args()
    ways = [way for way in methods() if options.method in (None, way.name)]
    if options.what == "record":
        return record(options.file, ways)
    return check(read(options.file), ways, os.environ.get("TWSIP_PEERS") == "required")


if __name__ == "__main__":
    sys.exit(main())
