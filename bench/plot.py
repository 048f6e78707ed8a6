"""A record as a picture: `python bench/plot.py bench/results/NAME.json [OUT.svg]` writes results/NAME.svg.

One line of panels a unit of work, one panel a transport; bars are medians, whiskers the range over the rounds.  The panels of a
line share their scale, so that servers and transports can be compared; different lines cannot.
"""

import json
import statistics
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from rows import BINDINGS_MIB, ROWS, TO_TUNED, UNITS

COLOURS = {
    "twsip": "#1f4e8c",
    "twsip interpreted": "#7ba6d6",
    "kamailio tlsf": "#c8641b",
    "kamailio qm": "#ecb27f",
}
OTHERS = ("#2e7d5b", "#93c9ae", "#7a4b8f", "#c3a3d1")
HEADS = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}
LEFT, PANEL, GAP, BAR, PAD, TOP = 190, 250, 34, 14, 13, 92
INK, PALE, RULE = "#222222", "#6b6b6b", "#dddddd"


@dataclass
class Panel:
    """Bars by column; `mark` is where one column should end at most."""

    bars: dict[str, list[float]]
    mark: tuple[str, float] | None = None


@dataclass
class Line:
    """Panels that share a scale, by transport or title."""

    text: str
    unit: str
    panels: dict[str, Panel] = field(default_factory=dict)


def cpu_lines(record: dict[str, Any]) -> list[Line]:
    """One line a unit of work, from the runs at the highest rate."""
    lines: dict[str, Line] = {}
    for row in ROWS.values():
        bars: dict[str, list[float]] = {}
        for run in record["runs"]:
            if run["workload"] == row.name and run["mode"] == "max" and run["server"] != "echo in C":
                bars.setdefault(run["server"], []).append(run["cpu_us"])
        if bars:
            text = row.text if row.durable else UNITS[row.workload]
            tuned = bars.get("kamailio tlsf")
            asked = TO_TUNED.get(row.name)
            mark = ("twsip", asked * statistics.median(tuned)) if asked and tuned and "twsip" in bars else None
            key = row.workload + (" durable" if row.durable else "")
            lines.setdefault(key, Line(text, "microseconds")).panels[HEADS[row.transport]] = Panel(bars, mark)
    # What is the same but for SQLite stands below its sister.
    return [line for _, line in sorted(lines.items(), key=lambda item: list(UNITS).index(item[0].split()[0]))]


def other_lines(record: dict[str, Any]) -> list[Line]:
    """Memory and floods, one line each."""
    lines = []
    memory, calls = record.get("memory", {}), record.get("calls", {})
    if memory:
        line = Line("memory of 100,000 bindings", "MiB")
        mark = ("twsip", BINDINGS_MIB) if "twsip" in memory else None
        line.panels[""] = Panel({name: [found["per_100k"]] for name, found in memory.items() if "per_100k" in found}, mark)
        lines.append(line)
    if calls:
        lines.append(
            Line("memory of 10,000 ringing calls", "MiB", {"": Panel({name: [found["per_10k"]] for name, found in calls.items()})})
        )
    flood = Line("CPU while a banned source floods", "% of a core")
    for run in record.get("flood", []):
        if run["asked"]:
            panel = flood.panels.setdefault(f"{run['asked']:,.0f} packets/s", Panel({}))
            panel.bars.setdefault(run["server"], []).append(100 * run["busy"])
    return lines + ([flood] if flood.panels else [])


def text(x: float, y: float, words: str, size: int = 12, ink: str = INK, more: str = "") -> str:
    """One piece of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{ink}" {more}>{escape(words)}</text>'


def wrapped(words: str, width: int) -> list[str]:
    """The words in lines of so many characters at most."""
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def bar(x: float, y: float, values: list[float], scale: float, colour: str, mark: float | None) -> list[str]:
    """One bar with its range, its figure, and its mark."""
    middle, low, high = statistics.median(values), min(values), max(values)
    centre = y + BAR / 2 - 1
    parts = [f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(middle * scale, 1):.1f}" height="{BAR - 2}" rx="1.5" fill="{colour}"/>']
    if high > low:
        path = f"M{x + low * scale:.1f} {centre}H{x + high * scale:.1f}"
        path += "".join(f"M{x + end * scale:.1f} {centre - 3}V{centre + 3}" for end in (low, high))
        parts.append(f'<path d="{path}" stroke="{INK}" stroke-width="1" fill="none"/>')
    reach = high
    if mark is not None:
        parts.append(f'<path d="M{x + mark * scale:.1f} {y - 2}V{y + BAR}" stroke="#b3261e" stroke-width="2"/>')
        reach = max(high, mark)
    parts.append(text(x + reach * scale + 5, y + BAR - 4, f"{middle:.1f}" if middle < 100 else f"{middle:.0f}", 10, PALE))
    return parts


def draw(record: dict[str, Any]) -> str:
    """The whole picture as SVG."""
    lines, others = cpu_lines(record), other_lines(record)
    names = list(dict.fromkeys(name for line in lines + others for panel in line.panels.values() for name in panel.bars))
    strange = iter(OTHERS * len(names))
    colours = {name: COLOURS.get(name) or next(strange) for name in names}
    heads = list(dict.fromkeys(head for line in lines for head in line.panels))
    wide = max(len(heads), max((len(line.panels) for line in others), default=1), 2)
    parts: list[str] = []
    y: float = TOP
    for index, head in enumerate(heads):
        parts.append(text(LEFT + index * (PANEL + GAP), y, head, 13, INK, 'font-weight="bold"'))
    y += 10
    for line in lines + others:
        titles = heads if line in lines else list(line.panels)
        panels = [(titles.index(title), title, panel) for title, panel in line.panels.items()]
        count = max(len(panel.bars) for _, _, panel in panels)
        said = wrapped(line.text, 24)
        height = max(count * BAR, 15 * (len(said) + 1)) + 2 * PAD + (12 if line in others else 0)
        parts.append(f'<path d="M20 {y}H{LEFT + wide * (PANEL + GAP) - GAP + 20}" stroke="{RULE}"/>')
        for number, words in enumerate(said):
            parts.append(text(20, y + PAD + 11 + 15 * number, words))
        parts.append(text(20, y + PAD + 11 + 15 * len(said), line.unit, 11, PALE))
        most = max(max(max(values) for values in panel.bars.values()) for _, _, panel in panels)
        most = max([most, *(panel.mark[1] for _, _, panel in panels if panel.mark)])
        scale = (PANEL - 38) / most
        for index, title, panel in panels:
            x, at = LEFT + index * (PANEL + GAP), y + PAD
            if line in others:
                parts.append(text(x, at + 4, title, 10, PALE))
                at += 12
            parts.append(f'<path d="M{x} {at - 3}V{at + len(panel.bars) * BAR + 1}" stroke="{PALE}"/>')
            for name in (name for name in names if name in panel.bars):
                mark = panel.mark[1] if panel.mark and panel.mark[0] == name else None
                parts += bar(x, at, panel.bars[name], scale, colours[name], mark)
                at += BAR
        y += height
    width = LEFT + wide * (PANEL + GAP) - GAP + 40
    return "\n".join([*head_of(record, names, colours, width, y), *parts, *foot_of(record, y, width), "</svg>\n"])


def head_of(record: dict[str, Any], names: list[str], colours: dict[str, str], width: float, y: float) -> list[str]:
    """Title and legend."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{y + 62:.0f}" viewBox="0 0 {width:.0f} {y + 62:.0f}" '
        'font-family="DejaVu Sans, Verdana, Helvetica, sans-serif">',
        f'<rect width="{width:.0f}" height="{y + 62:.0f}" fill="#ffffff"/>',
        text(20, 30, "Server CPU a unit of work", 17, INK, 'font-weight="bold"'),
    ]
    x = 20.0
    for name in names:
        parts.append(f'<rect x="{x:.1f}" y="45" width="12" height="12" rx="1.5" fill="{colours[name]}"/>')
        parts.append(text(x + 17, 55, name))
        x += 40 + 7.6 * len(name)
    parts.append(f'<path d="M{x + 4:.1f} 44V58" stroke="#b3261e" stroke-width="2"/>')
    return [*parts, text(x + 12, 55, "mark for twsip")]


def foot_of(record: dict[str, Any], y: float, width: float) -> list[str]:
    """How to read it, and the machine line."""
    rounds = record["options"].get("rounds", "?")
    about = "; ".join(f"{name} {value}" for name, value in record["machine"].items())
    says = f"bars: median of {rounds} rounds at the highest rate without loss; whiskers: range; one scale a line; shorter is better"
    return [
        f'<path d="M20 {y}H{width - 20}" stroke="{RULE}"/>',
        text(20, y + 22, says, 11, PALE),
        *(text(20, y + 38 + 14 * number, line, 10, PALE) for number, line in enumerate(wrapped(about, int(width / 6.2)))),
    ]


def main() -> None:
    """Read the record, write the picture beside it."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("plot: write python bench/plot.py RECORD.json [OUT.svg]")
    source = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) == 3 else source.with_suffix(".svg")
    out.write_text(draw(json.loads(source.read_text())))
    print(out)


if __name__ == "__main__":
    main()
