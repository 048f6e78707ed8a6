"""The man pages of the accounts: every part is there, every option is named with its default, every example is made."""

import re
from inspect import signature
from pathlib import Path

import pytest

from twsip import cred

PAGES = Path(__file__).parents[2] / "docs" / "accounts"
# fmt: off
OF = [
    # page   accounts
    ("sql",  cred.SQLAccounts),
]
# fmt: on
PARTS = ["Name", "Knows", "Options", "Example", "Your Kamailio or OpenSIPS table", "When it is down", "Events"]


@pytest.mark.parametrize(("page", "backend"), OF)
def test_page(page: str, backend: type[object]) -> None:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {page}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    for option in signature(backend).parameters.values():
        found = re.search(rf"^- `{option.name}`(?: `(.*?)`)?", text, re.MULTILINE)
        assert found is not None, option.name
        if found[1] is not None and option.default:
            assert found[1] == (f'"{option.default}"' if isinstance(option.default, str) else str(option.default)), option.name
    examples = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        room: dict[str, object] = {}
        exec(compile(example, f"{page}.md", "exec"), room)
        accounts = room["accounts"]
        assert isinstance(accounts, dict) and accounts
        assert all(isinstance(one, backend) for one in accounts.values())


def test_every_page_is_looked_at() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(page for page, _ in OF)
