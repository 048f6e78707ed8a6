"""The man pages of the checks: every part is there, every option is named, every example runs."""

import re
from inspect import signature
from pathlib import Path

import pytest

from twsip import checks

PAGES = Path(__file__).parents[2] / "docs" / "checks"
# fmt: off
OF = [
    # page               check
    ("sources",          checks.Sources),
    ("sanity",           checks.Sanity),
    ("digest",           checks.Digest),
    ("trusted",          checks.Trusted),
    ("own-identity",     checks.OwnIdentity),
    ("asserted-identity", checks.AssertedIdentity),
    ("in-dialog",        checks.InDialog),
    ("no-open-relay",    checks.NoOpenRelay),
    ("blacklist",        checks.Blacklist),
    ("private",          checks.NoPrivate),
]
# fmt: on


@pytest.mark.parametrize(("page", "check"), OF)
def test_page(page: str, check: type[object]) -> None:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {page}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Name", "Asks", "Says", "Options", "Example", "Events"]
    for option in signature(check).parameters:
        assert f"- `{option}`" in text, option
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        room: dict[str, object] = {}
        exec(compile(example, f"{page}.md", "exec"), room)
        built = [part for words in ("ingress", "requests", "destinations") for part in room.get(words, ())]  # type: ignore[attr-defined]
        assert any(isinstance(part, check) for part in built)
