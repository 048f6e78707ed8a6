"""The pipeline: who is asked, in which order, and what becomes of a part that breaks."""

import asyncio
from typing import Any

import pytest

from tests.helpers import FakeFlow, make_context, make_request
from twsip.api import PASS, Arrival, Destination, Drop, Event, Pass, Reply
from twsip.api.events import CheckBroke
from twsip.engine.pipeline import Broke, Pipeline, name_of

ARRIVAL = Arrival(b"", FakeFlow(), 0.0)
DESTINATION = Destination("UDP", "192.0.2.7", 5060)


class Part:
    """Answers whatever it was given; raises it if it is an exception."""

    def __init__(self, answer: object, name: str = "part") -> None:
        self.answer = answer
        self.name = name
        self.asked: list[tuple[object, ...]] = []

    def ask(self, *args: object) -> Any:
        self.asked.append(args)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class NoOpenRelay:
    """No name of its own."""


class TLSPeer:
    """Capitals in a row."""


class IPv6:
    """Capitals, small letters and a digit."""


class Named:
    name = "somebody"


class Nameless:
    name = ""


class Numbered:
    name = 7


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (NoOpenRelay(), "no-open-relay"),
        (TLSPeer(), "tls-peer"),
        (IPv6(), "i-pv6"),
        (Named(), "somebody"),
        (Nameless(), "nameless"),
        (Numbered(), "numbered"),
    ],
)
def test_names(part: object, name: str) -> None:
    assert name_of(part) == name


def pipeline(*parts: Part) -> tuple[Pipeline, list[Event]]:
    events: list[Event] = []
    return Pipeline(parts, "ask", events.append), events


def broke(events: list[Event]) -> list[tuple[str, str]]:
    assert all(isinstance(event, CheckBroke) and "Traceback" in event.trace for event in events)
    return [(event.check, event.error) for event in events if isinstance(event, CheckBroke)]


def test_a_part_must_have_what_it_is_asked() -> None:
    with pytest.raises(AttributeError):
        Pipeline([NoOpenRelay()], "check", lambda event: None)


def test_checks_run_until_one_does_not_pass_and_their_facts_are_kept() -> None:
    context = make_context(make_request("OPTIONS"))
    line, events = pipeline(Part(Pass("fact")), Part(Pass()), Part(Drop("no")), Part(Pass()))
    at, verdict = line.check(context, 0)
    assert (at, repr(verdict)) == (2, "Drop('no')")
    assert context.facts.get(str) == "fact"
    assert [type(one).__name__ for one in context.trace] == ["Pass", "Pass", "Drop"]
    assert line.check(context, 3) == (-1, PASS)
    assert events == []


def test_a_check_that_raises_is_broke_and_told_once() -> None:
    context = make_context(make_request("OPTIONS"))
    line, events = pipeline(Part(Pass()), Part(ValueError("no"), "bad"), Part(Pass()))
    assert line.check(context, 0) == (1, Broke)
    assert broke(events) == [("bad", "ValueError: no")]
    assert len(context.trace) == 1


def test_handlers_are_asked_until_one_answers_or_raises() -> None:
    context = make_context(make_request("OPTIONS"))
    line, events = pipeline(Part(None), Part(5), Part(ValueError("no"), "bad"))
    assert line.handle(context, 0) == (1, 5)
    assert line.handle(context, 2) == (2, Broke)
    assert line.handle(context, 3) == (-1, None)
    assert broke(events) == [("bad", "ValueError: no")]


def test_what_is_no_exception_of_the_part_goes_through() -> None:
    line, events = pipeline(Part(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        line.check(make_context(make_request("OPTIONS")), 0)
    assert events == []


def test_wait_is_the_same_for_an_answer_that_comes_later() -> None:
    line, events = pipeline(Part(None, "slow"))

    async def later(answer: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert asyncio.run(line.wait(0, later(5))) == 5
    assert asyncio.run(line.wait(0, later(ValueError("no")))) is Broke
    assert broke(events) == [("slow", "ValueError: no")]


@pytest.mark.parametrize(
    ("answers", "drops", "asked"),
    [
        ([], None, 0),
        ([Pass(), Pass()], None, 2),
        ([Pass(), Drop("flood"), Pass()], "flood", 2),
        ([ValueError("no"), Pass()], "an ingress check broke", 1),
        ([None, Pass()], "an ingress check gave no verdict", 1),
        ([True, Pass()], "an ingress check gave no verdict", 1),
    ],
)
def test_the_ingress_checkpoint_lets_in_what_all_pass(answers: list[object], drops: str | None, asked: int) -> None:
    parts = [Part(answer) for answer in answers]
    line, events = pipeline(*parts)
    verdict = line.admit(ARRIVAL)
    assert (verdict.why if isinstance(verdict, Drop) else verdict) == drops
    assert sum(part.asked == [(ARRIVAL,)] for part in parts) == asked
    assert len(events) == sum(isinstance(answer, Exception) for answer in answers)


def test_the_ingress_checkpoint_hands_other_verdicts_on() -> None:
    verdict = Reply(503)
    assert pipeline(Part(verdict))[0].admit(ARRIVAL) is verdict


@pytest.mark.parametrize(
    ("answers", "refused", "asked"),
    [
        ([], None, 0),
        ([Pass(), Pass()], None, 2),
        ([Pass(), Reply(473, why="listed"), Pass()], ("second", 473, "listed"), 2),
        ([ValueError("no"), Pass()], ("first", 473, "a destination check broke"), 1),
        ([None, Pass()], ("first", 473, "a destination check gave no verdict"), 1),
    ],
)
def test_the_destination_checkpoint_says_who_refused(
    answers: list[object], refused: tuple[str, int, str] | None, asked: int
) -> None:
    parts = [Part(answer, name) for answer, name in zip(answers, ("first", "second", "third"), strict=False)]
    line, events = pipeline(*parts)
    context = make_context()
    found = line.allow(context, DESTINATION)
    if found is None:
        assert refused is None
    else:
        name, verdict = found
        assert isinstance(verdict, Reply)
        assert (name, verdict.status, verdict.why) == refused
    assert sum(part.asked == [(context, DESTINATION)] for part in parts) == asked
    assert len(events) == sum(isinstance(answer, Exception) for answer in answers)
