"""Values as other people's plugins make them: lists where we write tuples, events of their own, facts that stay as they are."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from twsip.api import Caller, Challenge, Event, Relay, Reply, Target
from twsip.sip.uri import parse_uri


def test_lists_are_taken_too() -> None:
    uri = parse_uri(b"sip:bob@example.org")
    assert uri is not None
    target = Target(uri, 1, ["sip:edge.example;lr"])
    assert target == Target(uri, 1.0, ("sip:edge.example;lr",))
    assert hash(target) == hash(Target(uri, 1.0, ("sip:edge.example;lr",)))
    assert Relay([target]).targets == (target,)
    assert Reply(302, headers=[("Contact", "<sip:a@b>")]).headers == (("Contact", "<sip:a@b>"),)
    assert Challenge("r", False, ["x"]).values == ("x",)


def test_an_event_of_somebody_elses_may_be_frozen() -> None:
    @dataclass(frozen=True)
    class Mine(Event):
        number: int

    assert Mine(1) == Mine(1)


def test_who_is_calling_cannot_be_changed_by_a_check_that_comes_later() -> None:
    caller = Caller("alice", "example.org", frozenset({"sip:alice@example.org"}))
    with pytest.raises((FrozenInstanceError, AttributeError)):
        caller.aors = frozenset()  # type: ignore[misc]
