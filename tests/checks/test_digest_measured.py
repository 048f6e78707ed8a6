"""What was measured of another server with single packets, row by row, and what this one does instead (semantics of the digest, 2)."""

from typing import Any

import pytest

from tests.checks.digest_street import HOME, Town
from tests.ladders.street import request
from twsip.guard.nonce import Mint

METHODS = ["INVITE", "BYE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "NOTIFY", "UPDATE", "REFER", "INFO", "PRACK", "OPTIONS", "XYZ"]
INSIDE = "<sip:bob@example.org>;tag=b1"


def test_row_1_good_credentials_get_200() -> None:
    town = Town()
    assert town.ask(town.answer()).status == 200
    assert town.causes() == []


def test_row_2_an_exact_replay_in_a_new_transaction_is_stale_and_told() -> None:
    town = Town()
    answer = town.answer()
    assert town.ask(answer).status == 200
    replay = town.ask(answer)
    assert (replay.status, replay.stale) == (401, True)
    assert town.causes() == ["AUTH_NONCE_REUSED"]


def test_row_2_a_retransmission_is_no_replay() -> None:
    town = Town()
    answer = town.answer()
    first = town.ask(answer)
    town._sent -= 1
    assert town.ask(answer).data == first.data
    assert town.causes() == []


@pytest.mark.parametrize("mode", ["equivalent", "strict"])
def test_row_3_a_digest_uri_of_another_host_is_refused(mode: str) -> None:
    town = Town(check_digest_uri=mode)
    assert town.ask(town.answer(uri="sip:elsewhere.example")).status == 400
    assert town.causes() == ["AUTH_WRONG_URI"]


def test_row_4_a_qop_that_was_stripped_is_refused() -> None:
    town = Town()
    refused = town.ask(town.answer(qop=None))
    assert (refused.status, refused.stale) == (401, False)
    assert town.causes() == ["AUTH_DOWNGRADE"]


def test_row_4_without_qop_where_that_is_allowed_a_nonce_is_good_once() -> None:
    town = Town(qop_required=False)
    challenge = town.challenge()
    assert town.ask(town.answer(challenge, qop=None)).status == 200
    assert town.ask(town.answer(challenge)).stale, "spent whole"


@pytest.mark.parametrize("required", [True, False])
def test_row_4b_its_replay_is_refused(required: bool) -> None:
    town = Town(qop_required=required)
    answer = town.answer(qop=None)
    town.ask(answer)
    assert town.ask(answer).status == 401


def test_row_5_prack_is_challenged() -> None:
    town = Town()
    assert town.ask(method="PRACK", uri="sip:bob@example.org").status == 407
    assert town.ask(method="PRACK", uri="sip:bob@example.org", to=INSIDE).status == 407


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("to", ["", INSIDE])
def test_row_5_so_is_every_method_in_and_out_of_dialogs(method: str, to: str) -> None:
    town = Town()
    answer = town.ask(method=method, uri="sip:bob@example.org", to=to)
    assert answer.status == 407 and answer.challenges
    made_up = ("Route: <sip:192.0.2.1;lr;m=00112233445566778899aabbccddeeff>",)
    inside = town.ask(method=method, uri="sip:bob@198.51.100.2", to=to, more=made_up)
    assert inside.status == 407, "a Route to us proves nothing either"


def test_row_5_ack_and_cancel_cannot_be_challenged_and_go_nowhere() -> None:
    town = Town()
    assert town.ask(method="CANCEL", uri="sip:bob@example.org").status == 481
    town.street.outbox.clear()
    town.street.hears(request("ACK", "sip:bob@example.org"))
    assert town.street.outbox == []


def test_row_6_a_wrong_password_is_challenged_again() -> None:
    town = Town()
    refused = town.ask(town.answer(password="x"))
    assert (refused.status, refused.stale) == (401, False)
    assert town.causes() == ["AUTH_INVALID_PASSWORD"]


def test_row_7_an_unknown_user_gets_the_very_bytes_of_a_wrong_password() -> None:
    seen = []
    for name in ("alice", "mallory"):
        town = Town()
        challenge = town.challenge()
        answer = town.ask(town.answer(challenge, name=name, password="x"))
        nonce = answer.challenges[0].split('nonce="')[1].split('"')[0]
        seen.append(answer.data.replace(nonce.encode(), b"NONCE"))
        assert len(nonce) == 48
        assert town.book.asked == [("example.org", name)], "the same question is asked"
    assert seen[0] == seen[1]


def test_row_8_good_credentials_under_anothers_name_are_403_at_once() -> None:
    town = Town()
    for words in ({}, {"method": "INVITE", "uri": "sip:carol@example.org"}):
        challenge = town.challenge(**words)  # type: ignore[arg-type]
        borrowed: Any = town.ask(town.answer(challenge, "bob", "build", **words), **words)  # type: ignore[arg-type]
        assert borrowed.status == 403 and not borrowed.challenges
    assert town.home.bindings.get("sip:alice@example.org", 0.0) == ()  # type: ignore[attr-defined]


def test_row_9_a_forged_nonce_is_not_stale() -> None:
    town = Town()
    good = town.challenge()
    forged = Mint([b"x" * 32]).mint(0.0, b"12345678", "example.org", 65)
    for nonce in (forged, forged[:-1] + "A", "x", "0" * 40):
        answer = town.ask(town.answer(good.replace(good.split('nonce="')[1].split('"')[0], nonce)))
        assert (answer.status, answer.stale) == (401, False)
    assert set(town.causes()) == {"AUTH_NONCE_UNKNOWN"}


def test_row_10_a_thousand_bad_digests_on_a_nonce_do_not_hurt_whom_it_was_made_for() -> None:
    town = Town()
    challenge = town.challenge()
    for count in range(1000):
        bad = town.answer(challenge, password="guess", nc=4_294_967_295 - count * 4_000_000)
        refused = town.ask(bad, host="203.0.113.66")
        assert (refused.status, refused.stale) == (401, False)
    assert len(town.digest._challenges.ledger) == 0
    assert town.ask(town.answer(challenge, nc=1)).status == 200
    assert town.ask(town.answer(challenge, nc=2)).status == 200


def test_row_12_nonces_of_one_moment_are_all_different() -> None:
    town = Town()
    nonces = {town.challenge(host=f"192.0.2.{number % 200}") for number in range(1000)}
    assert town.street.clock.seconds() == 0.0
    assert len(nonces) == 1000


def test_credentials_are_of_the_request_that_they_were_made_for() -> None:
    town = Town()
    challenge = town.challenge()
    assert town.ask(town.answer(challenge, method="OPTIONS")).status == 401
    assert town.ask(town.answer(challenge, realm="elsewhere.example")).status == 401
    assert town.ask(town.answer(challenge), uri=HOME).status == 200
