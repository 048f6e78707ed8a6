"""Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3)."""

import pytest

from twsip.sip.message import Request, Response
from twsip.sip.parser import parse
from twsip.sip.transaction.key import cancelled_key, client_key, server_key


def request(
    method: str, branch: str = ";branch=z9hG4bKa1", sent_by: str = "192.0.2.9:5060", to: str = "", tag: str = "a", call: str = "c1",
    cseq: int = 1, uri: str = "sip:bob@example.org",
) -> Request:  # fmt: skip
    data = (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {sent_by}{branch}\r\nFrom: <sip:alice@example.org>;tag={tag}\r\n"
        f"To: <sip:bob@example.org>{to}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n\r\n"
    )
    found = parse(data.encode())
    assert isinstance(found, Request), found
    return found


@pytest.mark.parametrize("branch", [";branch=z9hG4bKa1", ";branch=1", ""])
def test_an_ack_and_a_cancel_find_their_invite(branch: str) -> None:
    invite = server_key(request("INVITE", branch))
    assert server_key(request("ACK", branch, to=";tag=b")) == invite
    assert server_key(request("CANCEL", branch)) != invite
    assert cancelled_key(request("CANCEL", branch)) == invite
    assert server_key(request("INVITE", branch)) == invite


def test_a_modern_key_is_branch_sent_by_and_method_and_nothing_else() -> None:
    one = server_key(request("INVITE"))
    assert server_key(request("INVITE", tag="x", call="x", cseq=9, uri="sip:x@example.org")) == one
    assert server_key(request("INVITE", sent_by="192.0.2.9:5061")) != one
    assert server_key(request("INVITE", ";branch=z9hG4bKa2")) != one
    assert server_key(request("OPTIONS")) != one


def test_an_old_key_is_everything_that_rfc_2543_compares() -> None:
    one = server_key(request("INVITE", ""))
    assert server_key(request("INVITE", "", to=";tag=b")) == one
    for other in (
        request("INVITE", "", tag="x"),
        request("INVITE", "", call="x"),
        request("INVITE", "", cseq=2),
        request("INVITE", "", uri="sip:x@example.org"),
        request("INVITE", ";branch=2"),
        request("INVITE", "", sent_by="192.0.2.8"),
        request("OPTIONS", ""),
    ):
        assert server_key(other) != one


def test_a_response_finds_its_request_by_branch_and_cseq_method() -> None:
    data = (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:b@b>\r\n"
        b"Call-ID: c\r\nCSeq: 1 CANCEL\r\n\r\n"
    )
    response = parse(data)
    assert isinstance(response, Response)
    assert client_key(response) == b"z9hG4bKours CANCEL"
