"""What is refused in a dialog although its mark holds, and what becomes of the ACK of a refusal without a transaction (§17.1.1.3)."""

from hashlib import md5

import pytest
from dialogs import ALICE, BOB, GATEWAY, MALLORY, Accounts, Call, Hop, Place, opened, proof, sip
from street import answer, request
from test_relay import Bob
from twisted.internet.defer import Deferred

from twsip.api import Account
from twsip.sip.message import Request, Response


def test_a_reinvite_that_was_given_up_before_anybody_knew_who_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    call = opened("always")
    refusal = call.is_refused(407, "INVITE", "alice", call.alice)
    waiting: list[Deferred[Account]] = []

    async def find(self: Accounts, realm: str, auth_id: str) -> Account:
        waiting.append(Deferred())
        return await waiting[-1]

    monkeypatch.setattr(Accounts, "find", find)
    (digest,) = [check for check in call.hop.checks if hasattr(check, "forget") and hasattr(check, "backends")]
    digest.forget("example.org", "alice")
    proven = proof(refusal, "alice", "INVITE", call.uri("alice"))  # type: ignore[arg-type]
    assert call.ask("INVITE", "alice", call.alice, proven) == []
    branch = f"z9hG4bKdialog{Call.branches}"
    answers = [getattr(found, "status", 0) for _, found in call.ask("CANCEL", "alice", call.alice, branch=branch)]
    assert sorted(answers) == [200, 487]
    # It has bob's To tag, as the one of any other refusal in the dialog.
    assert call.ask("ACK", "alice", call.alice, branch=branch) == []
    waiting[0].callback(Account("alice", "example.org", {"MD5": md5(b"alice:example.org:secret").hexdigest()}))
    call.hop.flush()
    assert call.hop.sent() == []
    call.passes("ACK", "alice", call.alice)


@pytest.mark.xfail(strict=True, reason="OwnIdentity lets any account use either name of a dialog whose mark it knows")
@pytest.mark.parametrize("mode", ["always", "same_flow"])
@pytest.mark.parametrize(("name", "whose"), [("alice", "bob"), ("bob", "alice")])
def test_a_party_does_not_speak_as_the_other_one_to_a_third(mode: str, name: str, whose: str) -> None:
    call = opened(mode)
    place = call.bob if whose == "bob" else call.alice
    gateway = "sip:+443069990000@198.51.100.250"
    # The mark covers neither the callee's tag nor where a request goes.
    words = {"uri": gateway, "to": f"<sip:{whose}@example.org>;tag={'b' if whose == 'bob' else 'a'}"}
    refusal = call.is_refused(407, "INVITE", name, place, **words)
    proven = proof(refusal, whose, "INVITE", gateway)  # type: ignore[arg-type]
    ((where, found),) = call.ask("INVITE", name, place, proven, **words)
    assert (where, getattr(found, "status", 0)) == (f"{place[0]}:{place[1]}", 403)


@pytest.mark.xfail(strict=True, reason="a mark does not say where a request may go, and NoOpenRelay lets OurDialog go anywhere")
@pytest.mark.parametrize("mode", ["always", "same_flow"])
def test_a_stranger_who_may_call_us_does_not_get_to_our_gateway_with_the_mark_of_that_call(mode: str) -> None:
    hop = Hop(mode, Bob((sip("bob", BOB), 1.0)))

    def invites(uri: str, to: str, cseq: int, *routes: str) -> list[tuple[str, Request | Response]]:
        lines = (f"Contact: <{sip('m', MALLORY)}>", *routes)
        return hop.asks(
            request("INVITE", uri, *lines, sender="<sip:m@evil.example>;tag=m", to=to, cseq=cseq, branch=f"z9hG4bKtoll{cseq}", via=MALLORY[0]),
            MALLORY,
        )

    gateway = f"sip:+443069990000@{GATEWAY[0]}"
    ((_, refused),) = invites(gateway, f"<{gateway}>", 1)
    assert getattr(refused, "status", 0) == 403
    ((_, call),) = invites("sip:bob@example.org", "<sip:bob@example.org>", 2)
    assert isinstance(call, Request)
    # It need only ring.
    hop.hears(answer(call, 180, f"Contact: <{sip('bob', BOB)}>"), *BOB)
    ((_, ringing),) = hop.sent()
    routes = [f"Route: {line.decode().partition(': ')[2]}" for line in ringing.lines if line.startswith(b"Record-Route")]
    ((where, found),) = invites(gateway, "<sip:bob@example.org>;tag=b", 3, *routes)
    assert (where, getattr(found, "status", 0)) == (f"{MALLORY[0]}:5060", 403)


@pytest.mark.xfail(strict=True, reason="To is whatever the opener writes, and the mark makes an identity of it")
@pytest.mark.parametrize("mode", ["same_flow", "always"])
def test_a_name_in_to_that_was_never_called_is_nobodys_to_use(mode: str) -> None:
    # alice rings a second phone of her own, and writes into To whom she would like to be.
    own: Place = ("192.0.2.10", 5060, "UDP")
    hop = Hop(mode, Bob((sip("alice", own), 1.0)))

    def opens(cseq: int, *more: str) -> list[tuple[str, Request | Response]]:
        contact = f"Contact: <{sip('alice', ALICE)}>"
        return hop.asks(
            request("INVITE", "sip:alice@192.0.2.10", contact, *more, to="<sip:boss@example.org>", cseq=cseq, branch=f"z9hG4bKto{cseq}"), ALICE
        )

    ((_, asked),) = opens(1)
    ((where, invite),) = opens(2, proof(asked, "alice", "INVITE", "sip:alice@192.0.2.10"))
    assert where == "192.0.2.10:5060"
    assert isinstance(invite, Request)
    routes = [f"Route: {line.decode().partition(': ')[2]}" for line in invite.lines if line.startswith(b"Record-Route")]
    carol = "sip:carol@198.51.100.77"

    def writes(cseq: int, *more: str) -> list[tuple[str, Request | Response]]:
        names = {"sender": "<sip:boss@example.org>;tag=x", "to": "<sip:alice@example.org>;tag=a", "via": "192.0.2.10:5060"}
        return hop.asks(request("MESSAGE", carol, *routes, *more, cseq=cseq, branch=f"z9hG4bKto{cseq}", **names), own)  # type: ignore[arg-type]

    ((where, found),) = writes(3)
    if getattr(found, "status", 0) == 407:
        ((where, found),) = writes(4, proof(found, "alice", "MESSAGE", carol))
    assert (where, getattr(found, "status", 0)) == ("192.0.2.10:5060", 403)
