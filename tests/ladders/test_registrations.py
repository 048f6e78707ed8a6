"""Registrations whose answers wait for repeats: when the house stops, and when the system has no memory left."""

import mmap

import pytest
from street import Street, request

from twsip.api import Arrival, Pass, RequestContext, TrustedPeer
from twsip.api.events import Registered
from twsip.handlers.registrar import Registrar
from twsip.stores import MemoryBindings


class Everybody:
    """Everybody is a trusted peer."""

    def check(self, context: RequestContext) -> Pass:
        return Pass(TrustedPeer("everybody", spoofable=False))


def house() -> Street:
    bindings = MemoryBindings()
    return Street(requests=[Everybody()], handlers=[Registrar(bindings)], bindings=bindings)


def register(street: Street, number: int) -> None:
    """A REGISTER comes; the turn is not over."""
    data = request(
        "REGISTER",
        "sip:example.org",
        "Contact: <sip:bob@192.0.2.9:5060>",
        branch=f"z9hG4bKregister{number}",
        cseq=number,
        sender="<sip:bob@example.org>;tag=a",
    )
    street.engine.received(Arrival(data, street.flow("UDP", "192.0.2.9", 5060), street.clock.seconds()))


def test_a_repeat_whose_answer_cannot_be_sent_when_the_house_stops() -> None:
    street = house()
    register(street, 1)
    street.flush()
    assert street.says() == ["192.0.2.9:5060 200"]
    street.dead.add(("UDP", "192.0.2.9", 5060))
    register(street, 1)
    street.engine.stop()
    street.flush()
    assert [event for event in street.events if not isinstance(event, Registered)] == []


def test_a_registration_that_was_held_when_the_house_stops_is_answered() -> None:
    street = house()
    register(street, 1)
    street.engine.stop()
    street.flush()
    street.waits(40)
    assert street.says() == ["192.0.2.9:5060 200"]
    assert [event for event in street.events if not isinstance(event, Registered)] == []


def test_without_memory_for_the_shelf_everybody_is_answered_and_repeats_are(monkeypatch: pytest.MonkeyPatch) -> None:
    street = house()

    def refuses(*words: int) -> mmap.mmap:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("twsip.engine.shelf.mmap", refuses)
    for number in (1, 2, 3):
        register(street, number)
    street.flush()
    assert street.says() == ["192.0.2.9:5060 200"] * 3
    register(street, 2)
    street.flush()
    assert street.says() == ["192.0.2.9:5060 200"]
    street.waits(40)
    assert street.engine.counts()["server_transactions"] == 0
    assert [event for event in street.events if not isinstance(event, Registered)] == []
