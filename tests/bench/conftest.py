"""The benchmark's modules, which live outside of any package: found while these tests run, forgotten after them."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
NAMES = ["certificates", "compiled", "load", "plot", "process", "record", "rounds", "rows", "run", "servers", "table"]


@pytest.fixture(scope="package")
def bench() -> Iterator[Any]:
    sys.path.insert(0, str(BENCH))
    try:
        yield SimpleNamespace(**{name: import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(BENCH))
        for name in NAMES:
            sys.modules.pop(name, None)
