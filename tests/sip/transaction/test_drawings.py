"""The drawings under docs/machines/ show the tables as they are; `python docs/draw_machines.py` makes them so."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def drawer():
    spec = importlib.util.spec_from_file_location("draw_machines", DOCS / "draw_machines.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["client_invite", "client_other", "server_invite", "server_other"])
def test_a_drawing_is_its_table(drawer, name):
    title, first, table = drawer.DRAWINGS[name]
    assert (DOCS / "machines" / f"{name}.dot").read_text() == drawer.draw(title, first, table)
    picture = (DOCS / "machines" / f"{name}.svg").read_text()
    for (_, event), (_, acts) in table.items():
        assert f">{event.name} / {', '.join(act.name for act in acts) or '-'}<" in picture.replace("&#45;", "-")
