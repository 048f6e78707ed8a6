"""The server proves itself as well: Authentication-Info in our own 2xx (RFC 7616 section 3.5, RFC 3261 section 22.4)."""

from typing import Any

import pytest

from tests.checks.digest_scene import Scene, caller
from tests.checks.digest_street import HOME, Town, rspauth
from twsip.api import Reply, RequestContext
from twsip.sip.proof import Proof


class Postman:
    """Takes every MESSAGE to the house itself."""

    def handle(self, context: RequestContext) -> Reply | None:
        return Reply(202, "Accepted") if context.request.method == "MESSAGE" else None


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("MD5", "md5"),
        ("MD5-sess", "md5"),
        ("SHA-256", "sha256"),
        ("SHA-256-sess", "sha256"),
        ("SHA-512-256", "sha512_256"),
    ],
)
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_a_200_to_a_register_proves_that_we_know_the_secret(algorithm: str, kind: str, qop: str) -> None:
    town = Town(algorithms=(algorithm,), qop="auth,auth-int")
    challenge = town.challenge()
    for nc in (1, 2):
        # The first login comes from the backend, the second is remembered.
        answer = town.ask(town.answer(challenge, nc=nc, qop=qop))
        assert answer.status == 200
        assert answer.info == {
            "qop": qop,
            "rspauth": rspauth(kind, challenge, HOME, nc=nc, qop=qop),
            "nc": f"{nc:08x}",
            "cnonce": "0a4f113b",
        }


def test_auth_int_rejects_an_altered_body() -> None:
    town = Town(qop="auth-int", more=[Postman()])
    words: dict[str, Any] = {"method": "MESSAGE", "uri": "sip:bob@example.org"}
    challenge = town.challenge(**words)
    answer = town.answer(challenge, body=b"hello", **words)
    altered = town.ask(answer, body="hullo", **words)
    assert altered.status == 407 and not altered.stale and not altered.info
    assert town.causes() == ["AUTH_INVALID_PASSWORD"]
    good = town.ask(answer, body="hello", **words)
    assert good.status == 202
    assert good.info["rspauth"] == rspauth("md5", challenge, words["uri"], qop="auth-int")


def test_other_2xx_of_our_own_have_it_and_refusals_have_none() -> None:
    town = Town(more=[Postman()])
    words: dict[str, Any] = {"method": "MESSAGE", "uri": "sip:bob@example.org"}
    challenge = town.challenge(**words)
    good = town.ask(town.answer(challenge, **words), **words)
    assert (good.status, good.info["rspauth"]) == (202, rspauth("md5", challenge, words["uri"]))
    wrong = town.ask(town.answer(challenge, password="x", nc=2, **words), **words)
    assert wrong.status == 407 and not wrong.info
    borrowed = town.ask(town.answer(town.challenge(), "bob", "build"))
    assert borrowed.status == 403 and not borrowed.info
    nowhere = town.ask(town.answer(challenge, nc=3, method="INVITE", uri="sip:bob@example.org"), method="INVITE", uri="sip:bob@example.org")
    assert nowhere.status in (404, 480) and not nowhere.info


def test_a_reply_that_is_given_again_carries_nobody_elses_proof() -> None:
    again = Reply(200, "OK", (("X", "y"),))

    class Same:
        def handle(self, context: RequestContext) -> Reply | None:
            return again if context.request.method == "MESSAGE" else None

    town = Town(more=[Same()])
    words: dict[str, Any] = {"method": "MESSAGE", "uri": HOME}
    challenge = town.challenge(**words)
    first = town.ask(town.answer(challenge, nc=1, **words), **words)
    second = town.ask(town.answer(challenge, nc=2, **words), **words)
    assert first.info["nc"] == "00000001" and second.info["nc"] == "00000002"
    assert again.printed == b"X: y\r\n"


def test_the_next_nonce_comes_when_half_of_its_life_is_over_and_is_good() -> None:
    town = Town(nonce_expire=300)
    challenge = town.challenge()
    town.street.clock.advance(149)
    assert "nextnonce" not in town.ask(town.answer(challenge)).info
    town.street.clock.advance(2)
    info = town.ask(town.answer(challenge, nc=2)).info
    assert info["rspauth"] == rspauth("md5", challenge, HOME, nc=2), "what was proven belongs to the nonce that was used"
    town.street.clock.advance(200)
    follows = challenge.replace(challenge.split('nonce="')[1].split('"')[0], info["nextnonce"])
    assert town.ask(town.answer(follows)).status == 200
    assert town.ask(town.answer(challenge, nc=3)).stale


def test_nonces_that_are_good_once_always_come_with_the_next_one() -> None:
    town = Town(one_time_nonce=True, auth_checks_register=8)
    challenge = town.challenge()
    for _ in range(4):
        answer = town.ask(town.answer(challenge))
        assert answer.status == 200
        challenge = challenge.replace(challenge.split('nonce="')[1].split('"')[0], answer.info["nextnonce"])
    assert town.causes() == []


def test_it_can_be_turned_off_and_needs_a_qop() -> None:
    off = Town(add_authinfo_hdr=False)
    assert off.ask(off.answer()).info == {}
    legacy = Town(qop_required=False)
    assert legacy.ask(legacy.answer(qop=None)).info == {}
    # Quoted pairs mean something else between our quotes: such a cnonce is not repeated.
    odd = Town()
    answer = odd.ask(odd.answer(cnonce='a\\"b'))
    assert answer.status == 200 and answer.info == {}


def test_the_fact_hides_its_secret() -> None:
    scene = Scene()
    caller(scene.says(scene.answer()))
    fact = scene.context.facts.get(Proof)
    assert fact is not None and repr(fact).endswith("secret hidden)")
