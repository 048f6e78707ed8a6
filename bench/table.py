"""The tables of a run, from its figures: medians and ranges, ratios within a round, and the marks beside them."""

import statistics
from typing import Any

from rounds import Figures
from rows import BINDINGS_MIB, FIRST_MARKS, INTERPRETED, ROWS, TO_DEBIAN, TO_TUNED

OURS, PLAIN, TUNED, DEBIAN = "twsip", "twsip interpreted", "kamailio tlsf", "kamailio qm"


def spread(found: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(found):.1f} [{min(found):.1f}-{max(found):.1f}]" if found else "-"


def held(value: float, mark: float | None, digits: int = 2) -> str:
    """A figure and its mark: "1.52 (1.6 ok)"."""
    if mark is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({mark:g} {'ok' if value <= mark else 'OVER'})"


def values(figures: Figures, column: str, row: str, mode: str = "max") -> list[float]:
    """One column's figures in one row."""
    return list(figures.get(column, {}).get(row, {}).get(mode, {}).values())


def ratio(figures: Figures, row: str, ours: str, theirs: str) -> float | None:
    """Median of the rounds' ratios at the highest rate; None without both."""
    mine, other = (figures.get(column, {}).get(row, {}).get("max", {}) for column in (ours, theirs))
    ratios = [mine[turn] / other[turn] for turn in mine if other.get(turn)]
    return statistics.median(ratios) if ratios else None


def cpu_table(figures: Figures, columns: list[str], rows: list[str], mode: str) -> str:
    """One row a unit of work, one column a server, in microseconds."""
    saying = {"max": "as fast as it answers without loss", "half": "evenly spaced, at half of that rate"}[mode]
    lines = ["", f"server CPU in us a unit, median [range]; {mode}: {saying}"]
    lines.append("  ".join([f"{'unit':43}", *(f"{name:>21}" for name in columns)]).rstrip())
    for row in rows:
        cells = [values(figures, name, row, mode) for name in columns]
        if any(cells):
            lines.append("  ".join([f"{ROWS[row].text:43}", *(f"{spread(cell):>21}" for cell in cells)]))
    return "\n".join(lines)


def mark_table(figures: Figures, rows: list[str], others: list[str]) -> str:
    """Ratios at the highest rate with their marks; `others` are columns of other checkouts, against ours of the same kind."""
    heads = ["compiled : tlsf", "compiled : qm", "interpr. : compiled", "interpreted us"]
    lines = ["", "ratios at max, median of the rounds' ratios; in brackets the mark that it must not pass"]
    named = [f"{name} : {PLAIN if name.endswith('interpreted') else OURS}" for name in others]
    lines.append("  ".join([f"{'unit':43}", *(f"{head:>19}" for head in (*heads, *named))]).rstrip())
    for row in rows:
        cells = []
        for ours, theirs, mark in ((OURS, TUNED, TO_TUNED.get(row)), (OURS, DEBIAN, TO_DEBIAN), (PLAIN, OURS, INTERPRETED)):
            value = ratio(figures, row, ours, theirs)
            cells.append("-" if value is None else held(value, mark))
        plain = values(figures, PLAIN, row)
        cells.append(held(statistics.median(plain), FIRST_MARKS.get(row), 0) if plain else "-")
        for name in others:
            value = ratio(figures, row, name, PLAIN if name.endswith("interpreted") else OURS)
            cells.append("-" if value is None else f"{value:.3f}")
        if any(cell != "-" for cell in cells):
            lines.append("  ".join([f"{ROWS[row].text:43}", *(f"{cell:>19}" for cell in cells)]))
    return "\n".join(lines)


def flood_table(runs: list[dict[str, Any]]) -> str:
    """CPU in per cent of a core beside a banned source, and how many of the good source's requests were answered."""
    names = list(dict.fromkeys(run["server"] for run in runs))
    lines = ["", "flood of a banned source: server CPU in % of a core, median [range]; good requests answered"]
    lines.append("  ".join([f"{'banned, a second':20}", *(f"{name:>32}" for name in names)]))
    for asked in dict.fromkeys(run["asked"] for run in runs):
        cells = []
        for name in names:
            here = [run for run in runs if run["server"] == name and run["asked"] == asked]
            good, all_of_them = sum(run["units"] for run in here), sum(run["units"] + run["lost"] for run in here)
            busy = spread([100 * run["busy"] for run in here])
            cells.append(f"{busy}; {100 * good / max(all_of_them, 1):.1f} %" if here else "-")
        rates = [run["flood_rate"] for run in runs if run["asked"] == asked]
        label = f"{asked:.0f} (was {statistics.median(rates):.0f})" if asked else "none"
        lines.append("  ".join([f"{label:20}", *(f"{cell:>32}" for cell in cells)]))
    return "\n".join(lines)


def bindings_line(name: str, found: dict[str, float]) -> str:
    """What 100,000 bindings take, from what `found` took; one line about it."""
    per = 100000 / found["count"]
    found["per_100k"] = more = (found["settled"] - found["before"]) * per
    mark = f" (mark {BINDINGS_MIB:g} {'ok' if more <= BINDINGS_MIB else 'OVER'})" if name.startswith("twsip") else ""
    most = (found["at_once"] - found["before"]) * per
    return (
        f"{name}: {more:.1f} MiB more per 100,000 bindings once their transactions have ended{mark}; {most:.1f} right "
        f"after; {found['before']:.0f} MiB before any; {found['count']:.0f} made, {found['us_each']:.1f} us each"
    )


def ringing_line(name: str, found: dict[str, float]) -> str:
    """What 10,000 ringing calls take."""
    return (
        f"{name}: {found['per_10k']:.1f} MiB more per 10,000 calls that ring; {found['before']:.0f} MiB before any; "
        f"{found['count']:.0f} made, {found['us_each']:.1f} us each"
    )
