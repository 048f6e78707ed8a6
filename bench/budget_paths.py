"""The paths that have a budget.

A path is given the numbers of its units and yields pieces of work; only these are counted.  What it does between them, writing
letters and reading answers as phones do, is not.  It raises when the work did something else than it should.
"""

from collections.abc import Callable, Iterator

from budget_phones import Neighbourhood, Work
from micro import CREDENTIALS, HA1, INVITE, NONCE, REALM, REGISTER, SDP

from twsip.guard.nonce import Mint, Nonce
from twsip.sip import digest
from twsip.sip.fields.auth import DigestCredentials, parse_credentials
from twsip.sip.message import Request, Response
from twsip.sip.parser import parse
from twsip.sip.transaction.client_invite import InviteClient
from twsip.sip.transaction.client_other import OtherClient
from twsip.sip.transaction.server_invite import InviteServer
from twsip.sip.transaction.server_other import OtherServer
from twsip.sip.transaction.words import Input, State

Path = Callable[[range], Iterator[Work]]

ANSWER = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKtw%08x;rport=5060;received=127.0.0.1\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.2:40404;branch=z9hG4bK0000%08x1;rport=40404;received=127.0.0.2\r\n"
    b"Record-Route: <sip:127.0.0.1:5060;lr;m=00112233445566778899aabbccddeeff>\r\n"
    b"From: <sip:u1@bench.example>;tag=f%08x\r\nTo: <sip:u2@bench.example>;tag=t%08x\r\nCall-ID: b0000-%08x\r\n"
    b"CSeq: 1 INVITE\r\nContact: <sip:u2@127.0.0.1:40404>\r\nContent-Type: application/sdp\r\n"
) + b"Content-Length: %d\r\n\r\n%b" % (len(SDP), SDP)


def parsing(text: bytes, kind: type) -> Path:
    """Messages of this text, no two alike."""

    def path(numbers: range) -> Iterator[Work]:
        holes = text.count(b"%08x")
        messages = [text % ((number,) * holes) for number in numbers]
        found: list[object] = []
        yield lambda: found.extend([parse(message, False) for message in messages])
        if not all(isinstance(one, kind) for one in found):
            raise RuntimeError("a sample message is not accepted")

    return path


def machine(kind: Callable[[bool], InviteServer | OtherServer | InviteClient | OtherClient], *events: Input) -> Path:
    """A transaction from its making to its end."""

    def path(numbers: range) -> Iterator[Work]:
        made: list[InviteServer | OtherServer | InviteClient | OtherClient] = []

        def work() -> None:
            for _ in numbers:
                one = kind(False)
                for event in events:
                    one.on(event)
                made.append(one)

        yield work
        if not all(one.state is State.TERMINATED for one in made):
            raise RuntimeError("the transaction has not ended")

    return path


def credentials(numbers: range) -> Iterator[Work]:
    """The value of an Authorization header."""
    texts = [CREDENTIALS.replace(b"00000001", b"%08x" % (number + 1)) for number in numbers]
    found: list[object] = []
    yield lambda: found.extend([parse_credentials(text) for text in texts])
    if not all(isinstance(one, DigestCredentials) and one.nonce == NONCE.encode() for one in found):
        raise RuntimeError("the sample credentials cannot be read")


def verifying(numbers: range) -> Iterator[Work]:
    """The sums of one response."""
    fields = parse_credentials(CREDENTIALS)
    found: list[bool] = []
    yield lambda: found.extend(
        [digest.verify(digest.MD5, HA1.encode(), fields, b"REGISTER", b"") for _ in numbers]  # type: ignore[arg-type]
    )
    if not all(found):
        raise RuntimeError("the sample credentials do not hold")


def nonces(numbers: range) -> Iterator[Work]:
    """A nonce minted and read."""
    mint = Mint([b"s" * 32])
    found: list[object] = []

    def work() -> None:
        for number in numbers:
            found.append(mint.read(mint.mint(1.8e9 + number, b"%08x" % number, REALM, 1).encode(), REALM))

    yield work
    if not all(isinstance(one, Nonce) for one in found):
        raise RuntimeError("a nonce is not recognised")


# Each of them is made when it is measured, in the process where it is measured.
PATHS: dict[str, Callable[[], Path]] = {
    "parse INVITE": lambda: parsing(INVITE, Request),
    "parse REGISTER": lambda: parsing(REGISTER, Request),
    "parse 200": lambda: parsing(ANSWER, Response),
    "INVITE server": lambda: machine(
        InviteServer, Input.SEND_1XX, Input.REQUEST, Input.SEND_2XX, Input.ACK, Input.TIMER_L
    ),
    "other server": lambda: machine(OtherServer, Input.SEND_FINAL, Input.REQUEST, Input.TIMER_J),
    "INVITE client": lambda: machine(InviteClient, Input.START, Input.RECV_1XX, Input.RECV_2XX, Input.TIMER_M),
    "other client": lambda: machine(OtherClient, Input.START, Input.TIMER_E, Input.RECV_FINAL, Input.TIMER_K),
    "credentials": lambda: credentials,
    "digest verify": lambda: verifying,
    "nonce": lambda: nonces,
    "OPTIONS": lambda: Neighbourhood().options,
    "unauth": lambda: Neighbourhood().unauth,
    "register": lambda: Neighbourhood().register,
    "message": lambda: Neighbourhood().message,
    "call": lambda: Neighbourhood().call,
}
