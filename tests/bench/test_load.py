"""The benchmark's own parts hold: its site starts, and its load generator finds every unit answered rightly.  No speed is judged."""

import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or not Path("/proc/self/task").is_dir(), reason="needs a C compiler and Linux"
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    sys.path.insert(0, str(BENCH))
    try:
        run = import_module("run")
        users, run.USERS = run.USERS, 5
        yield run
        run.USERS = users
    finally:
        sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def load(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program: Path = bench.build_load(tmp_path_factory.mktemp("load"))
    return program


@pytest.fixture(scope="module")
def site(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    server = bench.start_twsip(tmp_path_factory.mktemp("site"), None)
    yield server
    server.stop()


@pytest.mark.parametrize(
    "workload", ["options", "unauth", "register", "message", "call", "message_auth", "call_auth", "bindings"]
)
def test_every_unit_is_answered(bench: Any, load: Path, site: Any, workload: str) -> None:
    found = bench.measure(load, site, workload, 2, 60, 0, None, 20)
    assert (found["units"], found["lost"], found["wrong"], found["why"]) == (20, 0, 0, "")
    assert found["cpu_us"] > 0


def test_what_is_answered_wrongly_is_found_out(bench: Any, load: Path, tmp_path: Path) -> None:
    echo = bench.start_echo(load, tmp_path, None)
    try:
        # Everything is a 200 to it: fine for OPTIONS, wrong for a REGISTER without credentials.
        assert bench.measure(load, echo, "options", 2, 60, 0, None, 20)["wrong"] == 0
        found = bench.measure(load, echo, "unauth", 2, 60, 0, None, 20)
        assert found["units"] == 0
        assert found["wrong"] >= 20
        assert "a wrong status" in found["why"]
    finally:
        echo.stop()
