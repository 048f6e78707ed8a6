"""Cellar, hall, rooms, roof: nobody looks up, and no room opens onto another."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "twsip"
CELLAR = ("sip", "guard")
HALL = ("api",)
ROOMS = ("transport", "dns", "stores", "cred", "checks", "handlers", "engine", "ops")
ROOF = ("site", "running", "plugins", "build", "tap")

MAY: dict[str, tuple[str, ...]] = {"sip": (), "guard": ("sip",), "api": CELLAR}
MAY |= dict.fromkeys(ROOMS, CELLAR + HALL)
MAY |= dict.fromkeys(ROOF, CELLAR + HALL + ROOMS + ROOF)


def imported(source: str, package: list[str]) -> Iterator[str]:
    """Every module that the source imports, with its full name; wherever in the file the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            # "from .. import checks" and "from twsip import checks" import a module by its name.
            yield from (f"{name}.{alias.name}" for alias in node.names) if name == "twsip" else (name,)


def looks_up(source: str, part: str, package: list[str]) -> list[str]:
    """What a file of this part imports and may not."""
    wrong = []
    for name in imported(source, package):
        words = name.split(".")
        if words[0] == "twsip":
            if len(words) > 1 and words[1] in MAY and words[1] != part and words[1] not in MAY[part]:
                wrong.append(name)
        elif part in CELLAR and words[0] not in sys.stdlib_module_names:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE)))
def test_nobody_looks_up(path):
    words = path.relative_to(HOUSE).with_suffix("").parts
    if words == ("__init__",):
        assert list(imported(path.read_text(), ["twsip"])) == []
        return
    assert words[0] in MAY, f"{words[0]} is on no floor; give it one here and in docs/architecture.md"
    assert looks_up(path.read_text(), words[0], ["twsip", *words[:-1]]) == []


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("sip", "from ..api import Pass"),
        ("sip", "import twisted"),
        ("sip", "def late():\n    from zope.interface import Interface"),
        ("guard", "from twsip.api import Pass"),
        ("api", "from ..checks import Digest"),
        ("checks", "from ..cred import SQLAccounts"),
        ("ops", "from .. import stores"),
        ("stores", "from twsip import engine"),
        ("engine", "from ..site import Site"),
    ],
)
def test_who_looks_up_is_seen(part, source):
    assert looks_up(source, part, ["twsip", part])


def test_cellar_reads_no_clock_no_dice_no_sockets():
    for path in [*(HOUSE / "sip").rglob("*.py"), *(HOUSE / "guard").rglob("*.py")]:
        names = {name.partition(".")[0] for name in imported(path.read_text(), ["twsip", "sip"])}
        assert not names & {"time", "random", "secrets", "socket", "os", "logging", "asyncio", "threading"}, path


def test_twisted_plugins_stays_twisteds_package():
    assert not list((HOUSE.parent / "twisted").rglob("__init__.py"))
