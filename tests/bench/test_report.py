"""What the benchmark says of its figures: options, tables, marks, the picture, and which code a column is made of."""

import json
import os
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_each_row_is_known_to_the_generator_and_each_mark_to_a_row(bench: Any) -> None:
    rows = bench.rows
    assert set(rows.FULL) | set(rows.QUICK) <= set(rows.ROWS)
    assert set(rows.TO_TUNED) | set(rows.FIRST_MARKS) <= set(rows.ROWS)
    assert {row.transport for row in rows.ROWS.values()} == {"udp", "tcp", "tls"}
    assert [row.name for row in rows.ROWS.values() if row.durable] == ["register_durable"]


def test_the_command_line(bench: Any) -> None:
    whole = bench.run.options_of([])
    assert (whole.rounds, whole.rows, whole.bindings, whole.calls) == (5, bench.rows.FULL, 100000, 10000)
    assert whole.flood == [20000.0, 60000.0]
    quick = bench.run.options_of(["--quick"])
    assert (quick.rounds, quick.rows) == (2, bench.rows.QUICK)
    part = bench.run.options_of(["--only", "call,call_tls", "--servers", "interpreted", "--tree", f"before={ROOT}"])
    assert (part.rows, part.servers, part.bindings, part.calls, part.flood) == (["call", "call_tls"], ["interpreted"], 0, 0, [])
    assert part.trees == {"": ROOT, "before": ROOT}
    assert bench.run.options_of(["--only", "call", "--flood", "1000"]).flood == [1000.0]


@pytest.mark.parametrize(
    "words",
    [["--only", "coffee"], ["--servers", "twsip"], ["--tree", "nothing"], ["--tree", "before=/"], ["--tree", f"twsip={ROOT}"]],
)
def test_nonsense_is_refused(bench: Any, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.run.options_of(words)
    assert "error:" in capsys.readouterr().err


def test_marks(bench: Any) -> None:
    assert bench.table.held(1.6, 1.6) == "1.60 (1.6 ok)"
    assert bench.table.held(1.61, 1.6) == "1.61 (1.6 OVER)"
    assert bench.table.held(1.234, None) == "1.23"


def figures_of(lists: dict[str, dict[str, dict[str, list[float]]]]) -> Any:
    return {
        column: {row: {mode: dict(enumerate(found)) for mode, found in modes.items()} for row, modes in rows.items()}
        for column, rows in lists.items()
    }


LISTS = {
    "echo in C": {"options": {"max": [2.0, 2.0, 2.0]}},
    "twsip": {"options": {"max": [10.0, 12.0, 30.0], "half": [20.0]}, "call_tcp": {"max": [100.0]}},
    "twsip interpreted": {"options": {"max": [20.0, 30.0, 60.0]}},
    "kamailio tlsf": {"options": {"max": [10.0, 10.0, 10.0]}},
    "kamailio qm": {"options": {"max": [40.0, 40.0, 40.0]}},
    "before": {"options": {"max": [5.0, 6.0, 15.0]}},
}
FIGURES = figures_of(LISTS)


def test_tables(bench: Any) -> None:
    text = bench.table.cpu_table(FIGURES, list(FIGURES), ["options", "call", "call_tcp"], "max")
    options, call_tcp = text.splitlines()[3:]
    assert options.startswith("OPTIONS, 200") and "12.0 [10.0-30.0]" in options
    assert call_tcp.endswith(" -") and "100.0 [100.0-100.0]" in call_tcp
    marks = bench.table.mark_table(FIGURES, ["options", "call_tcp"], ["before"]).splitlines()
    assert len(marks) == 4, "a row without any ratio is not there"
    assert marks[3].split()[2:] == ["1.20", "(1.6", "ok)", "0.30", "(0.7", "ok)", "2.00", "(2.5", "ok)", "30", "(30", "ok)", "0.500"]


def test_ratios_are_of_one_round(bench: Any) -> None:
    # 1, 1.2 and 3: not the ratio of the medians of figures from different rounds.
    figures = figures_of({"a": {"options": {"max": [10.0, 60.0, 90.0]}}, "b": {"options": {"max": [10.0, 50.0, 30.0]}}})
    assert bench.table.ratio(figures, "options", "a", "b") == pytest.approx(1.2)
    assert bench.table.ratio(figures, "options", "a", "c") is None
    del figures["a"]["options"]["max"][0]  # a round that failed
    assert bench.table.ratio(figures, "options", "a", "b") == pytest.approx(2.1)


def test_memory_lines(bench: Any) -> None:
    found = {"count": 20000.0, "before": 30.0, "at_once": 60.0, "settled": 50.0, "us_each": 7.0}
    line = bench.table.bindings_line("twsip", found)
    assert "100.0 MiB more per 100,000 bindings" in line and "(mark 80 OVER)" in line and "150.0 right after" in line
    assert found["per_100k"] == 100.0
    assert "mark" not in bench.table.bindings_line("kamailio tlsf", found)


def record_of(servers: list[str]) -> dict[str, Any]:
    runs = [
        {"server": name, "workload": row, "mode": "max", "cpu_us": 10.0 * turn + index}
        for index, name in enumerate(servers, 1)
        for row in ("options", "register_durable", "call", "call_tls")
        for turn in range(3)
    ]
    flood = [{"server": name, "asked": rate, "busy": 0.2} for name in servers for rate in (0.0, 20000.0)]
    return {"machine": {"cpu": "a <fast> one & more"}, "options": {"rounds": 3}, "runs": runs, "flood": flood}


def test_the_picture_is_svg_and_shows_every_column(bench: Any) -> None:
    servers = ["twsip", "twsip interpreted", "kamailio tlsf", "<before>", "after & more"]
    picture = ElementTree.fromstring(bench.plot.draw(record_of(servers)))
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {*servers, "UDP", "TLS", "OPTIONS, 200", "cpu a <fast> one & more"} <= set(words)
    assert "TCP" not in words


def test_a_record_of_long_ago_can_still_be_drawn(bench: Any) -> None:
    record = json.loads((ROOT / "bench" / "results" / "issue-2.json").read_text())
    ElementTree.fromstring(bench.plot.draw(record))


def test_this_checkout_is_interpreted(bench: Any) -> None:
    if any((ROOT / "twsip" / "sip").rglob("*.so")):
        pytest.skip("this checkout was compiled in place")
    assert not bench.compiled.is_compiled(ROOT)


def test_a_tree_that_python_would_not_use_is_refused(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(bench.compiled.CannotCompile):
        bench.compiled.is_compiled(tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("twsip/sip/parser.py", "twisted/plugins/one.py", "setup.py", "pyproject.toml"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "tree"


def test_a_compiled_copy_is_of_these_sources_and_no_others(bench: Any, tree: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench.compiled.importlib.metadata, "version", lambda name: "1")
    key = bench.compiled.key(tree)
    assert bench.compiled.key(tree) == key
    (tree / "README.md").write_text("no code")
    assert bench.compiled.key(tree) == key
    (tree / "twsip" / "sip" / "parser.py").write_text("changed")
    changed = bench.compiled.key(tree)
    monkeypatch.setattr(bench.compiled.importlib.metadata, "version", lambda name: "2")
    assert len({key, changed, bench.compiled.key(tree)}) == 3


def test_a_shelf_that_others_can_write_to_is_refused(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench.compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    shelf = bench.compiled.shelf()
    assert shelf.stat().st_mode & 0o077 == 0
    shelf.chmod(0o777)
    with pytest.raises(bench.compiled.CannotCompile, match="not ours alone"):
        bench.compiled.shelf()


def test_a_build_that_fails_leaves_nothing(bench: Any, tree: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench.compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    (tree / "setup.py").write_text("raise SystemExit('no compiler today')")
    with pytest.raises(bench.compiled.CannotCompile, match="no compiler today"):
        bench.compiled.make(tree, bench.compiled.shelf() / "copy")
    assert os.listdir(bench.compiled.shelf()) == []


def test_without_mypy_it_is_said(bench: Any, tree: Path, monkeypatch: Any) -> None:
    def missing(name: str) -> str:
        raise bench.compiled.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(bench.compiled.importlib.metadata, "version", missing)
    with pytest.raises(bench.compiled.CannotCompile, match="mypy is not installed"):
        bench.compiled.key(tree)


def test_the_record_names_no_folder_of_this_machine(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench.record, "HERE", tmp_path)
    path = bench.record.keep({"machine": bench.record.machine()}, "mine")
    assert path == tmp_path / "results" / "mine.json"
    text = path.read_text()
    assert str(ROOT) not in text
    assert sys.prefix not in text
    assert "commit" in text
