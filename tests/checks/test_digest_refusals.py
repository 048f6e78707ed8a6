"""Who does not get in: every cause has its own name inside and the same face outside."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.checks.digest_scene import NOW, Scene, caller, refused
from twsip.api import (
    Account,
    Reply,
)
from twsip.api.events import AuthFailed
from twsip.guard.nonce import Mint


def test_wrong_password_and_unknown_subscriber_look_the_same() -> None:
    scene = Scene()
    challenge = scene.challenge()
    wrong = refused(scene.says(scene.answer(challenge, password="x")), "AUTH_INVALID_PASSWORD")
    unknown = refused(scene.says(scene.answer(challenge, name="mallory")), "AUTH_USER_UNKNOWN")
    assert wrong.values[0].partition("nonce=")[0] == unknown.values[0].partition("nonce=")[0]
    assert len(wrong.values[0]) == len(unknown.values[0])
    assert scene.causes() == ["AUTH_INVALID_PASSWORD", "AUTH_USER_UNKNOWN"]


def test_both_ask_the_backend_even_when_a_login_is_remembered() -> None:
    scene = Scene()
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    scene.says(scene.answer(challenge, password="x", nc=2))
    scene.says(scene.answer(challenge, name="mallory", nc=2))
    assert [name for _, name in scene.book.asked] == ["alice", "alice", "mallory"]


def test_an_event_names_whom_and_where_and_no_secret() -> None:
    scene = Scene()
    scene.says(scene.answer(password="x"))
    (event,) = scene.house.told
    assert event == AuthFailed("AUTH_INVALID_PASSWORD", "alice", "example.org", "192.0.2.9", "UDP", "REGISTER", "c1@phone", -2)


def test_a_replay_is_refused_out_of_order_is_not() -> None:
    scene = Scene()
    challenge = scene.challenge()
    for nc in (1, 3, 2):
        caller(scene.says(scene.answer(challenge, nc=nc)))
    for nc in (1, 2, 3):
        refused(scene.says(scene.answer(challenge, nc=nc)), "AUTH_NONCE_REUSED", stale=True)
    assert scene.causes() == ["AUTH_NONCE_REUSED"] * 3


def test_two_copies_on_their_way_at_once_let_one_in() -> None:
    scene = Scene()
    answers: list[Deferred[Account]] = [Deferred(), Deferred()]
    scene.book.later = list(answers)
    value = scene.answer()
    verdicts: list[Any] = []
    for _ in range(2):
        Deferred.fromCoroutine(scene.ask(value)).addBoth(verdicts.append)
    for answer in answers:
        answer.callback(Account("alice", "example.org", {}, "wonder"))
    caller(verdicts[0])
    refused(verdicts[1], "AUTH_NONCE_REUSED", stale=True)


def test_bad_digests_on_somebodys_nonce_do_not_hurt_them() -> None:
    scene = Scene()
    challenge = scene.challenge()
    for nc in (1, 2, 4_000_000_000):
        refused(scene.says(scene.answer(challenge, password="guess", nc=nc)), "AUTH_INVALID_PASSWORD")
    caller(scene.says(scene.answer(challenge)))
    refused(scene.says(scene.answer(challenge, password="guess", nc=2)), "AUTH_INVALID_PASSWORD")
    caller(scene.says(scene.answer(challenge, nc=2)))


def test_stale_is_said_only_when_the_digest_was_right() -> None:
    scene = Scene(nonce_expire=300)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge), now=NOW + 300))
    refused(scene.says(scene.answer(challenge, nc=2), now=NOW + 301), "AUTH_STALE_NONCE", stale=True)
    refused(scene.says(scene.answer(challenge, password="x", nc=2), now=NOW + 301), "AUTH_INVALID_PASSWORD")
    assert scene.causes() == ["AUTH_STALE_NONCE", "AUTH_INVALID_PASSWORD"]


def test_a_nonce_from_the_future_is_stale_beyond_the_drift() -> None:
    scene = Scene()
    challenge = scene.challenge(now=NOW + 3)
    caller(scene.says(scene.answer(challenge), now=NOW))
    challenge = scene.challenge(now=NOW + 3.5)
    refused(scene.says(scene.answer(challenge), now=NOW), "AUTH_STALE_NONCE", stale=True)


def test_forged_nonces_are_not_stale() -> None:
    scene = Scene()
    foreign = Mint([b"x" * 32]).mint(NOW, b"12345678", "example.org", 65)
    for nonce in (foreign, "abc", "A" * 48):
        value = f'Digest realm="example.org", nonce="{nonce}", algorithm=MD5, qop="auth"'
        refused(scene.says(scene.answer(value)), "AUTH_NONCE_UNKNOWN")
    assert set(scene.causes()) == {"AUTH_NONCE_UNKNOWN"}
    assert scene.book.asked == [], "nobody's secret is looked at for a nonce that is none"


def test_downgrades_are_refused() -> None:
    scene = Scene(algorithms=("SHA-256",))
    challenge = scene.challenge()
    for words in ({"algorithm": "MD5"}, {"qop": None}, {"qop": "auth-int"}):
        refused(scene.says(scene.answer(challenge, **words)), "AUTH_DOWNGRADE")
    refused(scene.says(scene.answer(challenge).replace("algorithm=SHA-256", "algorithm=SHA3-256")), "AUTH_DOWNGRADE")
    assert scene.causes() == ["AUTH_DOWNGRADE"] * 4


def test_without_qop_a_nonce_is_good_once_if_that_is_allowed_at_all() -> None:
    scene = Scene(qop_required=False)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge, qop=None)))
    refused(scene.says(scene.answer(challenge, qop=None)), "AUTH_NONCE_REUSED", stale=True)
    refused(scene.says(scene.answer(challenge, nc=7)), "AUTH_NONCE_REUSED", stale=True)
    caller(scene.says(scene.answer()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value.replace("nc=00000001", "nc=1"),
        lambda value: value.replace(", nc=00000001", ""),
        lambda value: value.replace("cnonce=", "cn="),
        lambda value: value + ', username="bob"',
        lambda value: value.replace('username="alice"', 'username="alice'),
        lambda value: value.replace('response="', 'response="zz'),
        lambda value: "Digest",
    ],
)
def test_credentials_that_cannot_be_read_get_400(spoil: Any) -> None:
    scene = Scene()
    verdict = scene.says(spoil(scene.answer()))
    assert isinstance(verdict, Reply) and verdict.status == 400
    assert scene.causes() == ["AUTH_ERROR"]


def test_nine_headers_with_credentials_are_too_many() -> None:
    scene = Scene()
    caller(scene.says(*["Basic x"] * 7, scene.answer()))
    verdict = scene.says(*["Basic x"] * 8, scene.answer())
    assert isinstance(verdict, Reply) and verdict.status == 400


@pytest.mark.parametrize(
    ("signed", "asked", "mode", "good"),
    [
        ("sip:bob@example.org", "sip:bob@example.org", "strict", True),
        ("sip:bob@EXAMPLE.org", "sip:bob@example.org", "strict", False),
        ("sip:bob@EXAMPLE.org", "sip:bob@example.org", "equivalent", True),
        ("sip:bob@192.0.2.1:5060", "sip:bob@example.org", "equivalent", True),
        ("sip:bob@192.0.2.7", "sip:bob@example.org", "equivalent", False),
        ("sip:bob@example.org", "sip:bob@192.0.2.7", "equivalent", False),
        ("sip:carol@example.org", "sip:bob@example.org", "equivalent", False),
        ("sip:example.org", "sip:bob@example.org", "equivalent", False),
        ("sip:bob@example.org", "sip:bob@example.org;maddr=192.0.2.7", "equivalent", False),
        ("bob", "sip:bob@example.org", "equivalent", False),
        ("bob", "sip:bob@example.org", "off", True),
    ],
)
def test_the_signed_uri_must_be_the_one_that_is_asked_for(signed: str, asked: str, mode: str, good: bool) -> None:
    scene = Scene(check_digest_uri=mode)
    verdict = scene.says(scene.answer(method="MESSAGE", uri=signed), method="MESSAGE", uri=asked)
    if good:
        caller(verdict)
    else:
        assert isinstance(verdict, Reply) and verdict.status == 400
        assert scene.causes() == ["AUTH_WRONG_URI"]


def test_credentials_are_good_for_their_method_only() -> None:
    scene = Scene()
    challenge = scene.challenge()
    refused(scene.says(scene.answer(challenge, method="OPTIONS")), "AUTH_INVALID_PASSWORD")
