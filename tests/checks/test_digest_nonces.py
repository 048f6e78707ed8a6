"""What a nonce is good for: how long, how often, for which request, and by whose key."""

from typing import Any

import pytest

from tests.checks.digest_scene import NOW, Scene, caller, refused
from tests.helpers import FakeDomains, FakeFlow
from twsip.api import ConfigError

HERE: dict[str, Any] = {"method": "MESSAGE", "uri": "sip:bob@example.org"}
TO_CAROL: dict[str, Any] = {"method": "MESSAGE", "uri": "sip:carol@example.org"}
# fmt: off
PARTS: list[tuple[int, dict[str, Any]]] = [
    # bit  what is another one then
    (1,    {"uri": "sip:carol@example.org"}),
    (2,    {"call_id": "c2@phone"}),
    (4,    {"from_": "<sip:alice@example.org>;tag=a2"}),
    (8,    {"flow": FakeFlow("192.0.2.77")}),
]
# fmt: on


@pytest.mark.parametrize(("bit", "other"), PARTS)
def test_a_nonce_is_good_for_what_its_bits_say(bit: int, other: dict[str, Any]) -> None:
    for bits in range(16):
        scene = Scene(auth_checks_no_dlg=bits)
        challenge = scene.challenge(**HERE)
        caller(scene.says(scene.answer(challenge, **HERE), **HERE))
        elsewhere = HERE | other
        answer = scene.answer(challenge, nc=2, method="MESSAGE", uri=elsewhere["uri"])
        verdict = scene.says(answer, **elsewhere)
        if bits & bit:
            # Stale, so that a phone that moved asks nobody for a password.
            refused(verdict, "AUTH_STALE_NONCE", stale=True)
        else:
            caller(verdict)
        wrong = scene.answer(challenge, password="x", nc=3, method="MESSAGE", uri=elsewhere["uri"])
        refused(scene.says(wrong, **elsewhere), "AUTH_INVALID_PASSWORD")


def test_the_bits_go_by_the_kind_of_request() -> None:
    scene = Scene(auth_checks_register=8, auth_checks_in_dlg=2)
    moved = {"flow": FakeFlow("192.0.2.77")}
    challenge = scene.challenge()
    refused(scene.says(scene.answer(challenge), **moved), "AUTH_STALE_NONCE", stale=True)
    caller(scene.says(scene.answer(challenge), call_id="c2"))
    challenge = scene.challenge(**HERE)
    caller(scene.says(scene.answer(challenge, **HERE), **HERE, **moved, call_id="c2"))
    inside = HERE | {"to": "<sip:bob@example.org>;tag=b1"}
    challenge = scene.challenge(**inside)
    caller(scene.says(scene.answer(challenge, **HERE), **inside))
    refused(scene.says(scene.answer(challenge, nc=2, **HERE), **inside, call_id="c2"), "AUTH_STALE_NONCE", stale=True)


def test_a_nonce_from_outside_is_not_good_inside_where_it_must_be_bound() -> None:
    scene = Scene(auth_checks_in_dlg=2)
    outside = scene.answer(scene.challenge(**HERE), **HERE)
    refused(scene.says(outside, **HERE, to="<sip:bob@example.org>;tag=b1"), "AUTH_STALE_NONCE", stale=True)


def test_what_was_refused_for_its_binding_is_not_spent() -> None:
    scene = Scene(auth_checks_register=8)
    answer = scene.answer()
    refused(scene.says(answer, flow=FakeFlow("192.0.2.77")), "AUTH_STALE_NONCE", stale=True)
    caller(scene.says(answer))


@pytest.mark.parametrize("option", ["auth_checks_register", "auth_checks_no_dlg", "auth_checks_in_dlg"])
def test_bits_that_mean_nothing_stop_the_start(option: str) -> None:
    for bits in (16, -1):
        with pytest.raises(ConfigError, match=f"{option}={bits} .*add up"):
            Scene(**{option: bits})


def test_a_nonce_that_is_good_once() -> None:
    scene = Scene(one_time_nonce=True)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    for nc in (1, 2, 100):
        refused(scene.says(scene.answer(challenge, nc=nc)), "AUTH_NONCE_REUSED", stale=True)
    for _ in range(3):
        again = refused(scene.says(scene.answer(challenge, nc=9)), "AUTH_NONCE_REUSED", stale=True)
        challenge = again.values[0]
        caller(scene.says(scene.answer(challenge)))


def test_nonces_live_as_long_as_their_realm_says() -> None:
    scene = Scene(
        accounts=None,
        domains=FakeDomains(("example.org",)),
        nonce_expire={"example.org": 30},
    )
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge), now=NOW + 29))
    refused(scene.says(scene.answer(challenge, nc=2), now=NOW + 31), "AUTH_STALE_NONCE", stale=True)
    other = Scene(nonce_expire={"*": 600})
    challenge = other.challenge()
    caller(other.says(other.answer(challenge), now=NOW + 599))
    with pytest.raises(ConfigError, match=r"nonce_expire=0\.0 is too little"):
        Scene(nonce_expire={"example.org": 0})
    with pytest.raises(ConfigError, match="nonce_expire='soon' of Digest is no number"):
        Scene(nonce_expire="soon")
    with pytest.raises(ConfigError, match=r"nonce_expire for 'elsewhere\.example', which is no domain"):
        Scene(nonce_expire={"elsewhere.example": 30})


def test_keys_rotate_the_first_signs_and_all_verify() -> None:
    old, new = b"o" * 32, b"n" * 32
    before, during, after = Scene(secrets=[old]), Scene(secrets=[new, old]), Scene(secrets=[new])
    early, late = before.challenge(), during.challenge()
    caller(during.says(during.answer(early)))
    caller(during.says(during.answer(late)))
    caller(after.says(after.answer(late)))
    refused(after.says(after.answer(early)), "AUTH_NONCE_UNKNOWN")
    refused(before.says(before.answer(late)), "AUTH_NONCE_UNKNOWN")
    caller(Scene().says(Scene().answer())), "the site's own secret is the same for all its workers"
    for secrets in ([b"short"], ["o" * 32]):
        with pytest.raises(ConfigError, match="secrets= of Digest holds one"):
            Scene(secrets=secrets)
