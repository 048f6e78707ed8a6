"""Every cause of a failure: its symbol, its numbers, its action, and a request that has it."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import fail

from tests.checks.digest_scene import NOW, Scene, caller, refused
from tests.helpers import make_context, make_request
from twsip.api import BackendDown, Caller, Challenge, ConfigError, Drop, Reply, UsernameExpired
from twsip.api.events import AuthFailed
from twsip.checks import OwnIdentity
from twsip.checks.causes import NUMBERS, number


def wrong_password(scene: Scene) -> Any:
    return scene.says(scene.answer(password="x"))


def unknown_user(scene: Scene) -> Any:
    return scene.says(scene.answer(name="mallory"))


def stale_nonce(scene: Scene) -> Any:
    return scene.says(scene.answer(), now=NOW + 301)


def reused_nonce(scene: Scene) -> Any:
    answer = scene.answer()
    caller(scene.says(answer))
    return scene.says(answer)


def expired_username(scene: Scene) -> Any:
    answer = scene.answer()
    scene.book.later = [fail(UsernameExpired("it was good until noon"))]
    return scene.says(answer)


def dead_backend(scene: Scene) -> Any:
    answer = scene.answer()
    scene.book.later = [fail(BackendDown("gone"))]
    return scene.says(answer)


def malformed(scene: Scene) -> Any:
    return scene.says(scene.answer() + ", nc=00000002")


def forged_nonce(scene: Scene) -> Any:
    return scene.says(scene.answer('Digest realm="example.org", nonce="abc", algorithm=MD5, qop="auth"'))


def downgraded(scene: Scene) -> Any:
    return scene.says(scene.answer(qop=None))


def another_uri(scene: Scene) -> Any:
    return scene.says(scene.answer(uri="sip:elsewhere.example"))


Happens = Callable[[Scene], Any]
# fmt: off
ROWS: list[tuple[str, Happens, str, int, int, str]] = [
    # cause                  how                option                 OpenSER Kamailio outside
    ("AUTH_USER_UNKNOWN",     unknown_user,     "on_user_unknown",     -1, -3, "challenge"),
    ("AUTH_INVALID_PASSWORD", wrong_password,   "on_invalid_password", -2, -2, "challenge"),
    ("AUTH_STALE_NONCE",      stale_nonce,      "on_stale_nonce",      -3, -4, "stale"),
    ("AUTH_NONCE_REUSED",     reused_nonce,     "on_nonce_reused",     -3, -6, "stale"),
    ("AUTH_USERNAME_EXPIRED", expired_username, "on_username_expired", -5, -7, "403"),
    ("AUTH_ERROR",            malformed,        "on_error",            -5, -1, "400"),
    ("AUTH_NONCE_UNKNOWN",    forged_nonce,     "",                    -3, -4, "challenge"),
    ("AUTH_DOWNGRADE",        downgraded,       "",                    -5, -1, "challenge"),
    ("AUTH_WRONG_URI",        another_uri,      "",                    -5, -1, "400"),
]
# fmt: on
CHOSEN = [row for row in ROWS if row[2]]


def outside(verdict: Any) -> str:
    if isinstance(verdict, Challenge):
        return "stale" if verdict.stale else "challenge"
    return str(verdict.status) if isinstance(verdict, Reply) else "silence"


@pytest.mark.parametrize(("cause", "how", "option", "openser", "kamailio", "face"), ROWS)
def test_each_cause_is_told_with_its_number_and_has_its_face(
    cause: str, how: Happens, option: str, openser: int, kamailio: int, face: str
) -> None:
    for codes, code in (("openser", openser), ("kamailio", kamailio)):
        scene = Scene(codes=codes)
        verdict = how(scene)
        assert outside(verdict) == face
        assert verdict.why.startswith(cause)
        told = [event for event in scene.house.told if isinstance(event, AuthFailed)]
        assert [(event.cause, event.code) for event in told] == [(cause, code)]
        assert number(cause, codes) == code


@pytest.mark.parametrize(("cause", "how", "option", "openser", "kamailio", "face"), CHOSEN)
def test_each_action_can_be_chosen(cause: str, how: Happens, option: str, openser: int, kamailio: int, face: str) -> None:
    rejected = how(Scene(**{option: "reject"}))
    assert isinstance(rejected, Reply) and rejected.status == (400 if cause == "AUTH_ERROR" else 403)
    assert rejected.why.startswith(cause) and cause not in rejected.reason
    dropped = how(Scene(**{option: "drop"}))
    assert isinstance(dropped, Drop) and dropped.why.startswith(cause)
    if cause == "AUTH_ERROR":
        with pytest.raises(ConfigError, match="on_error='challenge'"):
            Scene(on_error="challenge")
    else:
        assert isinstance(how(Scene(**{option: "challenge"})), Challenge)
    with pytest.raises(ConfigError, match=f"{option}='shrug'.*use one of"):
        Scene(**{option: "shrug"})
    if option != "on_error":
        assert outside(malformed(Scene(**{option: "drop"}))) == "400", "one option is for one cause"


def test_a_dead_backend_is_an_error_too_and_is_never_challenged() -> None:
    scene = Scene()
    verdict = dead_backend(scene)
    assert isinstance(verdict, Reply) and verdict.status == 500 and verdict.why == "AUTH_ERROR: book: gone"
    assert isinstance(dead_backend(Scene(on_error="drop")), Drop)


def test_the_first_request_of_every_phone_is_no_failure() -> None:
    scene = Scene()
    refused(scene.says(), "AUTH_NO_CREDENTIALS")
    assert scene.causes() == []
    assert (number("AUTH_NO_CREDENTIALS", "openser"), number("AUTH_NO_CREDENTIALS", "kamailio")) == (-4, -5)


def test_success_is_a_fact_and_a_one() -> None:
    assert caller(Scene().says(Scene().answer())).auth_id == "alice"
    assert (number("AUTH_OK", "openser"), number("AUTH_OK", "kamailio")) == (1, 1)


def test_a_mismatch_is_refused_by_the_check_behind() -> None:
    bob = Caller("bob", "example.org", frozenset({"sip:bob@example.org"}))
    verdict = OwnIdentity().check(make_context(make_request("INVITE"), bob))
    assert isinstance(verdict, Reply) and verdict.status == 403
    assert (number("AUTH_USER_MISMATCH", "openser"), number("AUTH_USER_MISMATCH", "kamailio")) == (-5, -8)


def test_an_unknown_family_of_numbers_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="codes='asterisk'"):
        Scene(codes="asterisk")
    assert {cause for cause, *_ in ROWS} | {"AUTH_OK", "AUTH_NO_CREDENTIALS", "AUTH_USER_MISMATCH"} == set(NUMBERS)
