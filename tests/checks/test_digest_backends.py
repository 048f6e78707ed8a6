"""When the backend of a Digest check does not answer."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from tests.checks.digest_scene import Scene, caller
from twsip.api import (
    Account,
    BackendDown,
    Reply,
)
from twsip.api.events import AuthFailed, BackendFailed, BackendRecovered


def test_a_dead_backend_is_500_told_once_and_never_a_challenge() -> None:
    scene = Scene()
    challenge = scene.challenge()
    scene.book.later = [fail(BackendDown("no such table")) for _ in range(3)]
    for nc in (1, 2, 3):
        verdict = scene.says(scene.answer(challenge, nc=nc))
        assert isinstance(verdict, Reply) and verdict.status == 500
        assert verdict.headers == (("Retry-After", "5"),)
        assert "table" not in verdict.reason
    assert scene.house.told == [BackendFailed("book", "no such table")]
    caller(scene.says(scene.answer(challenge, nc=3)))
    assert scene.house.told[1:] == [BackendRecovered("book")]
    scene.says(scene.answer(challenge, nc=4))
    assert len(scene.house.told) == 2


def test_a_wrong_password_is_also_a_sign_of_life() -> None:
    scene = Scene()
    scene.book.later = [fail(BackendDown("gone"))]
    scene.says(scene.answer())
    scene.says(scene.answer(password="x"))
    assert [type(event) for event in scene.house.told] == [BackendFailed, BackendRecovered, AuthFailed]


def test_a_backend_that_says_nothing_is_down_after_its_time() -> None:
    scene = Scene(timeout=2.0)
    never: Deferred[Account] = Deferred()
    scene.book.later = [never]
    verdicts: list[Any] = []
    value = scene.answer()
    Deferred.fromCoroutine(scene.ask(value)).addBoth(verdicts.append)
    scene.house.reactor.advance(1.9)
    assert verdicts == []
    scene.house.reactor.advance(0.2)
    assert isinstance(verdicts[0], Reply) and verdicts[0].status == 500
    assert scene.house.told == [BackendFailed("book", "no answer within 2 seconds")]
    assert scene.house.reactor.getDelayedCalls() == []
    caller(scene.says(value)), "what timed out spent nothing"


def test_a_remembered_login_survives_a_dead_backend() -> None:
    scene = Scene()
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    scene.book.later = [fail(BackendDown("gone"))]
    caller(scene.ask(scene.answer(challenge, nc=2)))
    assert isinstance(scene.says(scene.answer(challenge, password="x", nc=3)), Reply)


def test_what_a_backend_raises_besides_is_not_swallowed() -> None:
    scene = Scene()
    scene.book.later = [fail(ZeroDivisionError())]
    with pytest.raises(ZeroDivisionError):
        scene.says(scene.answer())
