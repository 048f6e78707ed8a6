"""Documents are code: every tac file and every Python example in README and docs is compiled, and those that make a site are run."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.application.service import IService

from twsip.running import Running
from twsip.tap import load

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples():
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for found in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start()) + 2
            yield pytest.param(document, line, found.group(1), id=f"{document.relative_to(ROOT)}:{line}")


@pytest.mark.parametrize(("document", "line", "code"), list(examples()))
def test_example(document, line, code, tmp_path, monkeypatch):
    compiled = compile("\n" * (line - 1) + code, str(document), "exec", dont_inherit=True)
    if "site.application()" in code:
        # Making a site opens nothing; should it ever, it does so here and not in the checkout.
        monkeypatch.chdir(tmp_path)
        names = {}
        exec(compiled, names)
        assert [type(service) for service in IService(names["application"])] == [Running]
        assert list(tmp_path.iterdir()) == []


def test_the_readme_has_a_site_that_is_run():
    assert any("site.application()" in example.values[2] for example in examples() if example.values[0].name == "README.md")


@pytest.mark.parametrize("path", sorted((ROOT / "etc").glob("*.tac")), ids=lambda path: path.name)
def test_tac_file(path, tmp_path, monkeypatch):
    monkeypatch.setenv("TWSIP_VAR", str(tmp_path))
    (running,) = IService(load(str(path)))
    assert running.order()[0].startswith("127.0.0.1 on UDP 127.0.0.1:5060, TCP 127.0.0.1:5060, TLS 127.0.0.1:5061")
    assert list(tmp_path.iterdir()) == []


def test_every_file_that_a_document_names_is_there():
    for document in DOCUMENTS[:3]:
        for name in re.findall(r"`((?:etc|docs|tests|twsip|changes)/[\w./-]+)`", document.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{document.name} names {name}"


@pytest.fixture
def first_run(tmp_path):
    """Runs etc/first_run.py and returns what it printed."""

    def run():
        command = [sys.executable, str(ROOT / "etc" / "first_run.py"), str(tmp_path / "var")]
        return subprocess.run(
            command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    return run


def test_the_first_run_makes_two_subscribers_and_keeps_their_secrets(first_run, tmp_path):
    said = first_run()
    people = [line.split() for line in (tmp_path / "var" / "credentials.txt").read_text().splitlines()]
    assert [who for who, _ in people] == ["alice@127.0.0.1", "bob@127.0.0.1"]
    assert people[0][1] != people[1][1]
    for who, password in people:
        assert f"sip:{who}    password  {password}\n" in said
    for name in ("credentials.txt", "key.pem", "twsip.db"):
        assert stat.S_IMODE((tmp_path / "var" / name).stat().st_mode) == 0o600, name
    before = (tmp_path / "var" / "key.pem").read_bytes()
    assert first_run() == said
    assert (tmp_path / "var" / "key.pem").read_bytes() == before
