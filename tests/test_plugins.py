"""A check from somebody else's package, installed with pip, is found by twistd and by a tac file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from twsip import plugins
from twsip.api import CheckMaker, ConfigError

ROOT = Path(__file__).parent.parent

TAC = """
from twsip.site import UDP, Site, plugin
site = Site("example.org", listen=[UDP(0, "127.0.0.1")], requests=[plugin({plugin})])
application = site.application()
"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    """The folder that the package under tests/acme was installed into, by pip and without any index."""
    source = tmp_path_factory.mktemp("source") / "acme"
    target = tmp_path_factory.mktemp("target")
    shutil.copytree(ROOT / "tests" / "acme", source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--no-deps", "--target", str(target), str(source)], check=True, capture_output=True
    )
    return target


def twistd(acme, *arguments):
    """Run twistd with the package on its path; what it said and its exit code."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(acme)])}
    command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--pidfile=", *arguments]
    return subprocess.run(command, env=environment, cwd=acme, capture_output=True, text=True, timeout=60, check=False)


def test_the_plugin_file_is_in_twisteds_package(acme):
    assert (acme / "twisted" / "plugins" / "acme_hours.py").exists()
    assert not (acme / "twisted" / "plugins" / "__init__.py").exists()


def test_checks_lists_it(acme):
    ran = twistd(acme, "twsip", "--checks")
    assert ran.returncode == 0, ran.stderr
    assert "  office-hours         Calls leave the office only by day." in ran.stdout.splitlines()
    assert "  NoOpenRelay " in ran.stdout


def test_a_tac_file_uses_it(acme, tmp_path):
    tac = tmp_path / "site.tac"
    tac.write_text(TAC.format(plugin='"office-hours", opens="08:00", shuts="19:00"'))
    ran = twistd(acme, "twsip", "--site", str(tac), "--order")
    assert ran.returncode == 0, ran.stderr
    assert "   1 office-hours" in ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("plugin", "sentence"),
    [
        ('"ofice-hours"', "no check is called 'ofice-hours'; plugins found: office-hours"),
        ('"office-hours", opens="08:00"', "the plugin 'office-hours' refuses its options: make() missing 1 required"),
        ('"office-hours", opens="8 in the morning", shuts="19:00"', "the plugin 'office-hours' refuses its options: Invalid"),
    ],
)
@pytest.mark.parametrize("door", [["-n", "twsip", "--site"], ["-ny"]], ids=["twsip", "-y"])
def test_mistakes_end_as_one_sentence(acme, tmp_path, plugin, sentence, door):
    tac = tmp_path / "site.tac"
    tac.write_text(TAC.format(plugin=plugin))
    ran = twistd(acme, *door, str(tac))
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    assert f"line 3: {sentence}" in ran.stderr


def test_without_plugins_the_sentence_says_so(monkeypatch):
    monkeypatch.setattr(plugins, "getPlugins", lambda kind: [])
    with pytest.raises(ConfigError, match="plugins found: none"):
        plugins.plugin("x")


def test_two_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(plugins, "getPlugins", lambda kind: [CheckMaker("a", "m", "x"), CheckMaker("a", "n", "y")])
    with pytest.raises(ConfigError, match="two plugins are called 'a'"):
        plugins.found()


@pytest.mark.parametrize("module", ["no.such.module", "json"])
def test_a_plugin_that_cannot_be_loaded_is_named(monkeypatch, module):
    monkeypatch.setattr(plugins, "getPlugins", lambda kind: [CheckMaker("a", module, "x")])
    with pytest.raises(ConfigError, match="the plugin 'a' cannot be loaded"):
        plugins.plugin("a")
