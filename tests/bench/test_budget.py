"""A path that became slower is caught and named, 5 % are forgiven, and what cannot be compared is no pass.  Calls are counted, no time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
BUDGETS = {"parse": 100.0, "register": 1000.0}


@pytest.fixture(scope="module")
def budget() -> Iterator[Any]:
    sys.path.insert(0, str(BENCH))
    try:
        yield import_module("budget")
    finally:
        sys.path.remove(str(BENCH))


@pytest.fixture
def interpreted(budget: Any) -> None:
    if import_module("budget_methods").is_compiled():
        pytest.skip("compiled code tells nobody of its calls")


def way(budget: Any, name: str, why_not: str = "", **costs: float) -> Any:
    """A method that measures what it is told."""
    return budget.Method(name, f"{name} here", why_not, lambda: {**BUDGETS, **costs})


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0", **environment}
    )


def test_the_slack_is_five_per_cent_and_who_is_over_is_named(budget: Any, capsys: pytest.CaptureFixture[str]) -> None:
    records = {"calls here": BUDGETS}
    assert budget.check(records, [way(budget, "calls")], True) == 0
    assert budget.check(records, [way(budget, "calls", parse=105.0, register=1050.0)], True) == 0
    assert capsys.readouterr().err == ""
    assert budget.check(records, [way(budget, "calls", register=1050.1)], False) == 1
    shown = capsys.readouterr()
    assert "register costs 5.0 % more than its budget" in shown.err
    assert "parse" not in shown.err
    assert "+5.01" in shown.out


def test_what_became_much_cheaper_should_be_recorded(budget: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert budget.check({"calls here": BUDGETS}, [way(budget, "calls", parse=90.0, register=899.0)], True) == 0
    shown = capsys.readouterr().out
    assert "register costs 10.1 % less than its budget: record it" in shown
    assert "parse costs" not in shown


@pytest.mark.parametrize(
    ("measured", "budgets", "sentence"),
    [
        ({"parse": 1.0}, {"parse": 1.0, "call": 1.0}, "call has a budget and was not measured"),
        ({"parse": 1.0, "call": 1.0}, {"parse": 1.0}, "call has no budget"),
        ({"parse": 0.0}, {"parse": 1.0}, "parse: 0 of 1 is no measurement"),
        ({"parse": 1.0}, {"parse": 0.0}, "parse: 1 of 0 is no measurement"),
        ({}, {}, "no path was compared"),
    ],
)
def test_what_cannot_be_compared_is_a_fault(budget: Any, measured: Any, budgets: Any, sentence: str) -> None:
    (fault,) = budget.faults(measured, budgets)
    assert sentence in fault


def test_the_best_method_with_a_record_is_used(budget: Any, capsys: pytest.CaptureFixture[str]) -> None:
    both = {"callgrind here": BUDGETS, "calls here": BUDGETS}
    slow = way(budget, "callgrind", parse=200.0)
    assert budget.check(both, [slow, way(budget, "calls")], True) == 1
    assert budget.check({"calls here": BUDGETS}, [slow, way(budget, "calls")], True) == 0
    assert budget.check(both, [way(budget, "callgrind", "no valgrind", parse=200.0), way(budget, "calls")], True) == 0
    assert "not by callgrind: no valgrind" in capsys.readouterr().out


def test_without_any_record_ci_fails_and_others_are_warned(budget: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for records, ways in (({}, [way(budget, "calls")]), ({"calls here": BUDGETS}, [way(budget, "calls", "compiled")])):
        assert budget.check(records, ways, True) == 1
        assert budget.check(records, ways, False) == 0
        assert "nothing was compared" in capsys.readouterr().err


@pytest.mark.usefixtures("interpreted")
def test_a_real_count_is_exact_and_a_parser_that_works_twice_is_caught(budget: Any, tmp_path: Path) -> None:
    calls = import_module("budget_methods").calls
    paths = ["parse REGISTER", "register"]
    honest = calls(paths)
    assert list(honest) == paths
    assert calls(paths) == honest
    twice = tmp_path / "twice.py"
    twice.write_text(
        f"import sys; sys.path.insert(0, {str(BENCH)!r})\n"
        "from twsip.sip import parser\n"
        "once = parser.parse\n"
        "parser.parse = lambda data, stream=False: once(data, stream) and once(data, stream)\n"
        "import budget_run; budget_run.main()\n"
    )
    done = run(str(twice), "calls", *paths, PYTHONPATH=str(BENCH.parent))
    assert done.returncode == 0, done.stderr
    slow = {name: int(told) / int(units) for name, units, told in (line.split("\t") for line in done.stdout.splitlines())}
    assert [fault.partition(" costs ")[0] for fault in budget.faults(slow, honest)] == paths
    assert budget.faults(honest, honest) == []


@pytest.mark.usefixtures("interpreted")
def test_what_was_recorded_holds_until_a_budget_is_less(tmp_path: Path) -> None:
    file = tmp_path / "budgets.json"
    command = [str(BENCH / "budget.py"), "check", "--method", "calls", "--file", str(file)]
    assert run(*command, TWSIP_PEERS="required").returncode == 1, "there is no record yet"
    assert run(command[0], "record", *command[2:]).returncode == 0
    assert run(*command, TWSIP_PEERS="required").returncode == 0
    ((key, budgets),) = json.loads(file.read_text()).items()
    file.write_text(json.dumps({key: {**budgets, "message": budgets["message"] / 1.06}}))
    done = run(*command)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "budget: message costs 6.0 % more than its budget" in done.stderr


def test_a_path_that_breaks_is_no_measurement(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        f"import sys; sys.path.insert(0, {str(BENCH)!r})\n"
        "import budget_paths, budget_run\n"
        "budget_paths.parse = lambda data, stream: None\n"
        "budget_run.main()\n"
    )
    done = run(str(broken), "calls", "parse INVITE", PYTHONPATH=str(BENCH.parent))
    assert (done.returncode, done.stdout) == (1, "")
    assert "parse INVITE: the path broke" in done.stderr


def test_every_python_that_twsip_runs_on_has_a_record_of_the_same_paths() -> None:
    records = json.loads((BENCH / "budgets.json").read_text())
    for minor in ("3.11", "3.12", "3.13"):
        assert records[f"calls cpython-{minor}"].keys() == records["calls cpython-3.11"].keys()
    assert all(figures.keys() == records["calls cpython-3.11"].keys() for figures in records.values())
    assert all(cost > 0 for figures in records.values() for cost in figures.values())
