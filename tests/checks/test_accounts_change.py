"""When an account changes or cannot be read while others can: what is remembered, what is told, and how often."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from tests.checks.test_digest import Scene, caller, refused
from twsip.api import Account, BackendDown, Reply, SealBroken
from twsip.api.events import AuthFailed, BackendFailed, BackendRecovered
from twsip.checks.backends import MOST_TOLD


def test_a_changed_password_works_on_the_next_request_and_the_old_one_no_more() -> None:
    scene = Scene(remember=60.0)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    scene.book.passwords["alice"] = "rabbit"
    caller(scene.says(scene.answer(challenge, nc=2))), "changed behind our back: not known yet"
    scene.digest.forget("example.org", "alice")
    refused(scene.says(scene.answer(challenge, nc=3)), "AUTH_INVALID_PASSWORD")
    caller(scene.says(scene.answer(challenge, password="rabbit", nc=4)))


def test_an_answer_that_was_under_way_when_the_password_changed_is_not_remembered() -> None:
    scene = Scene(remember=60.0)
    challenge = scene.challenge()
    slow: Deferred[Account] = Deferred()
    scene.book.later = [slow]
    verdicts: list[Any] = []
    Deferred.fromCoroutine(scene.ask(scene.answer(challenge))).addBoth(verdicts.append)
    scene.book.passwords["alice"] = "rabbit"
    scene.digest.forget("example.org", "alice")
    slow.callback(Account("alice", "example.org", {}, "wonder"))
    caller(verdicts[0]), "it was asked before the change"
    refused(scene.says(scene.answer(challenge, nc=2)), "AUTH_INVALID_PASSWORD")


def test_an_account_that_cannot_be_opened_is_500_told_once_whoever_logs_in_meanwhile() -> None:
    scene = Scene(remember=0)
    challenge = scene.challenge()
    for nc in range(1, 10, 3):
        scene.book.later = [fail(SealBroken("the ha1 of alice was altered"))]
        verdict = scene.says(scene.answer(challenge, nc=nc))
        assert isinstance(verdict, Reply) and verdict.status == 500
        assert verdict.headers == (("Retry-After", "5"),)
        caller(scene.says(scene.answer(challenge, "bob", "build", nc=nc + 1)))
        scene.says(scene.answer(challenge, "bob", "wrong", nc=nc + 2))
    told = [event for event in scene.house.told if not isinstance(event, AuthFailed)]
    assert told == [BackendFailed("book", "the ha1 of alice was altered")]
    # After the operator changed something it is news again.
    scene.digest.forget("example.org", "alice")
    scene.book.later = [fail(SealBroken("the ha1 of alice was altered"))]
    scene.says(scene.answer(challenge, nc=20))
    assert scene.house.told[-1] == BackendFailed("book", "the ha1 of alice was altered")


def test_however_many_accounts_are_broken_what_is_told_is_bounded() -> None:
    scene = Scene(remember=0)
    challenge = scene.challenge()
    for number in range(MOST_TOLD + 20):
        scene.book.later = [fail(SealBroken(f"the ha1 of user {number} was altered"))]
        assert isinstance(scene.says(scene.answer(challenge, nc=number + 1)), Reply)
    assert len(scene.house.told) == MOST_TOLD


def test_a_broken_account_is_a_sign_of_life() -> None:
    scene = Scene()
    scene.book.later = [fail(BackendDown("gone")), fail(SealBroken("altered"))]
    scene.says(scene.answer())
    scene.says(scene.answer())
    assert scene.house.told == [BackendFailed("book", "gone"), BackendRecovered("book"), BackendFailed("book", "altered")]


@pytest.mark.parametrize("accounts", [None, {"*": ["one", "two"]}])
def test_who_is_asked_for_accounts(accounts: Any) -> None:
    scene = Scene()
    if accounts:
        scene.digest._backends._accounts = accounts
    assert list(scene.digest.backends()) == (["one", "two"] if accounts else [scene.book])
