"""Fixtures of the tests with real peers.

A peer that is not installed makes its tests skip; with TWSIP_PEERS=required (as in CI) it makes them fail.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.cage import NoCage
from tests.peers.scene import Missing, Scene
from tests.peers.server import Server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Skip or fail for what is missing, and show the ends of all logs below a failure."""
    missing = call.excinfo is not None and call.excinfo.errisinstance((Missing, NoCage))
    report = yield
    if missing and os.environ.get("TWSIP_PEERS") != "required":
        report.outcome = "skipped"
        assert call.excinfo is not None
        report.longrepr = (str(item.path), 0, f"Skipped: {call.excinfo.value}")
    elif report.failed and "scene" in getattr(item, "funcargs", {}):
        report.sections.append(("programs", item.funcargs["scene"].tails()))  # type: ignore[attr-defined]
    return report


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A cage and a folder; whatever was started in it ends with the test."""
    scene = Scene(tmp_path)
    yield scene
    scene.close()


@pytest.fixture
def server(scene: Scene) -> Iterator[Server]:
    """A running server; if it said "Traceback" by the end, the test fails whatever else it showed."""
    server = Server(scene)
    yield server
    for program in scene.programs:
        if program.name.startswith("twsip"):
            assert "Traceback" not in program.text(), program.tail()
