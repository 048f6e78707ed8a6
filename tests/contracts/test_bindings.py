"""What `IBindings` promises, asked of everything that provides it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from twsip.api import BackendDown, Binding, IBindings
from twsip.stores import MemoryBindings, SQLiteBindings
from twsip.stores.packed import pack, unpack_all

NOW = 1_800_000_000.0
ALICE = "sip:alice@example.org"
BOB = "sip:bob@example.org"
MAKERS: dict[str, Callable[[Path], Any]] = {
    "memory": lambda path: MemoryBindings(most_aors=5),
    "sqlite": lambda path: SQLiteBindings(str(path / "location.db"), most_aors=5).open(),
}


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = MAKERS[request.param](tmp_path)
    yield made
    close = getattr(made, "close", None)
    if close is not None:
        close()


def binding(contact: str = "sip:a@192.0.2.9", **changes: object) -> Binding:
    fields: dict[str, object] = {
        "contact": contact,
        "expires": NOW + 60,
        "q": 1.0,
        "call_id": "c1@phone",
        "cseq": 7,
        "received": "UDP 192.0.2.9 5060 via 192.0.2.1 5060",
        "path": "",
        "user_agent": "phone/1",
        "instance": "",
        "reg_id": 0,
        "changed": NOW,
    }
    return Binding(**{**fields, **changes})  # type: ignore[arg-type]


FULL = binding(
    "sip:b@192.0.2.10;transport=tcp",
    expires=NOW + 61.5,
    q=0.3,
    path="sip:p1;lr, sip:p2;lr",
    user_agent="Gerät \N{TELEPHONE RECEIVER} '; --",
    instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>",
    reg_id=2,
    call_id="\xff\x00%",
    cseq=2**31 - 1,
    changed=NOW + 0.25,
)


def test_provides_the_interface(store: Any) -> None:
    assert verifyObject(IBindings, store)


def test_nobody_is_there_at_first(store: Any) -> None:
    assert store.get(ALICE, NOW) == ()
    assert list(store.aors()) == []
    store.commit()


def test_what_was_applied_is_there_whole_and_in_order(store: Any) -> None:
    store.apply(ALICE, (FULL, binding()), NOW)
    assert store.get(ALICE, NOW) == (FULL, binding())
    store.commit()
    assert store.get(ALICE, NOW) == (FULL, binding())
    assert store.get(BOB, NOW) == ()
    assert list(store.aors()) == [ALICE]


def test_apply_replaces_all(store: Any) -> None:
    store.apply(ALICE, (binding("sip:1@h"), binding("sip:2@h")), NOW)
    store.apply(ALICE, (binding("sip:2@h"), binding("sip:3@h")), NOW)
    store.commit()
    assert [one.contact for one in store.get(ALICE, NOW)] == ["sip:2@h", "sip:3@h"]


def test_apply_nothing_removes(store: Any) -> None:
    store.apply(ALICE, (binding(),), NOW)
    store.commit()
    store.apply(ALICE, (), NOW)
    store.apply(BOB, (), NOW)
    store.commit()
    assert store.get(ALICE, NOW) == ()
    assert list(store.aors()) == []


def test_expired_is_gone_at_that_very_moment(store: Any) -> None:
    store.apply(ALICE, (binding("sip:1@h", expires=NOW + 10), binding("sip:2@h", expires=NOW + 20)), NOW)
    assert len(store.get(ALICE, NOW + 9.99)) == 2
    assert [one.contact for one in store.get(ALICE, NOW + 10)] == ["sip:2@h"]
    assert store.get(ALICE, NOW + 20) == ()
    store.apply(BOB, (binding(expires=NOW + 10),), NOW)
    assert store.get(BOB, NOW + 10) == ()


def test_sweep_takes_out_what_expired_and_no_more_than_it_may_look_at(store: Any) -> None:
    for number in range(5):
        expires = NOW + (10 if number % 2 else 100)
        store.apply(f"sip:{number}@h", (binding("sip:1@h", expires=NOW + 50), binding("sip:2@h", expires=expires)), NOW)
    store.commit()
    assert store.sweep(NOW, 100) == []
    gone = store.sweep(NOW + 10, 100)
    assert sorted((aor, one.contact) for aor, one in gone) == [("sip:1@h", "sip:2@h"), ("sip:3@h", "sip:2@h")]
    assert store.sweep(NOW + 10, 100) == []
    rest = [len(store.sweep(NOW + 200, 2)) for _ in range(3)]
    assert sum(rest) == 8
    assert max(rest) <= 4
    assert list(store.aors()) == []
    store.commit()


def test_sweep_passes_over_whoever_left_since_the_round_began(store: Any) -> None:
    for number in range(3):
        store.apply(f"sip:{number}@h", (binding(expires=NOW + 10),), NOW)
    assert store.sweep(NOW, 1) == []
    assert store.sweep(NOW, 0) == []
    for number in range(3):
        store.apply(f"sip:{number}@h", (), NOW)
    store.apply(ALICE, (binding(expires=NOW + 20),), NOW)
    assert store.sweep(NOW + 30, 2) == []
    assert [aor for aor, _ in store.sweep(NOW + 30, 2)] == [ALICE]


def test_the_bound_is_kept_and_harms_nobody_who_is_in(store: Any) -> None:
    for number in range(5):
        store.apply(f"sip:{number}@h", (binding(),), NOW)
    with pytest.raises(BackendDown, match="full"):
        store.apply(ALICE, (binding(),), NOW)
    store.apply("sip:3@h", (binding("sip:new@h"),), NOW)
    store.commit()
    assert store.get(ALICE, NOW) == ()
    assert len(store.aors()) == 5


@pytest.mark.parametrize("text", ["a\nb", "a\rb"])
def test_line_ends_are_refused_with_nothing_changed(store: Any, text: str) -> None:
    store.apply(ALICE, (binding(),), NOW)
    with pytest.raises(BackendDown):
        store.apply(ALICE, (binding(user_agent=text),), NOW)
    assert store.get(ALICE, NOW) == (binding(),)
    store.commit()


_text = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)
_bindings = st.builds(
    Binding,
    _text,
    st.floats(0, 2**33),
    st.floats(0, 1),
    _text,
    st.integers(0, 2**31),
    _text,
    _text,
    _text,
    _text,
    st.integers(0, 2**31),
    st.floats(0, 2**33),
)


@given(st.lists(_bindings, min_size=1, max_size=4))
def test_packed_and_unpacked_is_the_same(bindings: list[Binding]) -> None:
    assert unpack_all(pack(tuple(bindings))) == tuple(bindings)
