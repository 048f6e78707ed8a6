"""Draws docs/machines/ from the transaction tables: Graphviz text always, SVG too where `dot` is installed.

Run it from the repository:  python docs/draw_machines.py
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from twsip.sip.transaction import FIGURE_5, FIGURE_6, FIGURE_7, FIGURE_8, State, Table  # noqa: E402

DRAWINGS: dict[str, tuple[str, State, Table]] = {
    "client_invite": ("INVITE client transaction: RFC 3261 figure 5, RFC 6026", State.CALLING, FIGURE_5),
    "client_other": ("Other client transaction: RFC 3261 figure 6", State.TRYING, FIGURE_6),
    "server_invite": ("INVITE server transaction: RFC 3261 figure 7, RFC 6026", State.PROCEEDING, FIGURE_7),
    "server_other": ("Other server transaction: RFC 3261 figure 8", State.TRYING, FIGURE_8),
}


def draw(title: str, first: State, table: Table) -> str:
    """Graphviz text of one table; rows between the same two states share an arrow, one line each: input / acts."""
    arrows: dict[tuple[State, State], str] = {}
    for (state, event), (following, acts) in table.items():
        done = ", ".join(act.name for act in acts) or "-"
        arrows[state, following] = arrows.get((state, following), "") + f"{event.name} / {done}\\l"
    lines = [
        "digraph {",
        f'    label="{title}"; labelloc=t; fontname="sans-serif"; ranksep=0.8; nodesep=0.6;',
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
        '    edge [fontname="sans-serif", fontsize=10];',
        f"    begin [shape=point]; begin -> {first.name};",
    ]
    for (state, following), label in arrows.items():
        lines.append(f'    {state.name} -> {following.name} [label="{label}"];')
    return "\n".join([*lines, "}", ""])


def main() -> None:
    """Write every drawing; say so when there is no `dot` to make SVG with."""
    folder = ROOT / "docs" / "machines"
    folder.mkdir(exist_ok=True)
    dot = shutil.which("dot")
    for name, drawing in DRAWINGS.items():
        source = folder / f"{name}.dot"
        source.write_text(draw(*drawing))
        if dot:
            subprocess.run([dot, "-Tsvg", source, "-o", folder / f"{name}.svg"], check=True)
    if not dot:
        print("Graphviz (dot) is not installed: the .dot files are new, the .svg files are not.")


if __name__ == "__main__":
    main()
