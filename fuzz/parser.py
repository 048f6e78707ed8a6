"""Feed the parser, and what works on parsed messages, with mutated seeds: nothing may raise, what we print must parse.

Run it: `python fuzz/parser.py [count] [seed]`.  The same seed gives the same messages.  What breaks is written to
standard output as a bytes literal, fit for a test.
"""

import sys
from pathlib import Path
from random import Random
from typing import Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from twsip.sip import names
from twsip.sip.build import ack_for, cancel_for, reply, reply_to_malformed, upstream
from twsip.sip.fields.via import Source
from twsip.sip.message import Malformed, Request, Response
from twsip.sip.parser import MOST_HEADERS, parse
from twsip.sip.proxy.forward import prepare, printed
from twsip.sip.proxy.loops import Fingerprints, is_loop
from twsip.sip.proxy.response import ResponseContext
from twsip.sip.proxy.route import preprocess
from twsip.sip.transaction.key import cancelled_key, client_key, server_key
from twsip.sip.uri import Uri

SEEDS: Final = Path(__file__).resolve().parent / "seeds"
OUR_VIA: Final = b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours.0123456789abcdef"
PIECES: Final = (
    b"\r\n", b"\r", b"\n", b"\0", b"\\\0", b"\t", b" ", b"\r\n ", b"\r\n\t", b":", b" :", b";", b";;", b",", b"<", b">",
    b'"', b'\\"', b"\\", b"@", b"%", b"%00", b"%ff", b"%0d%0a", b"[", b"]", b"::", b"=", b"?", b"\xff", b"\xc3\xa9",
    b"9" * 30, b"00000000000000000000000", b"-1", b"4294967296", b"\r\n\r\n", b"SIP/2.0", b"sip:", b"tel:", b";lr",
    b";m=1", b";rport", b";received=", b";branch=", b";tag=", b"\r\nt: <sip:eve@example.org>", b"\r\nTO : <sip:eve@x>",
    b"\r\nVia: SIP/2.0/UDP a, SIP/2.0/UDP b", b"\r\nRoute: <sip:192.0.2.1;lr>", b"\r\nMax-Breadth: 1", b"\r\nTo",
)  # fmt: skip


def seeds() -> list[bytes]:
    """The seed messages in the order of their names."""
    return [path.read_bytes() for path in sorted(SEEDS.glob("*.sip"))]


def mutated(dice: Random, corpus: list[bytes]) -> bytes:
    """One to six small changes to one of the seeds."""
    data = bytearray(dice.choice(corpus))
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        at = dice.randint(0, len(data))
        until = min(len(data), at + dice.choice((0, 1, 1, 2, 5, 20, 80)))
        kind = dice.randrange(7)
        if kind == 0:
            data[at:until] = b""
        elif kind == 1:
            data[at:at] = dice.choice(PIECES)
        elif kind == 2:
            data[at:until] = dice.choice(PIECES)
        elif kind == 3:
            data[at:at] = data[at:until] * dice.choice((1, 2, 50))
        elif kind == 4 and at < len(data):
            data[at] = dice.randrange(256)
        elif kind == 5:
            lines = bytes(data).split(b"\r\n")
            lines.insert(dice.randint(1, len(lines)), dice.choice(lines))
            data = bytearray(b"\r\n".join(lines))
        else:
            other = dice.choice(corpus)
            cut = dice.randint(0, len(other))
            data[at:until] = other[cut : cut + 60]
    return bytes(data)


def is_ours(uri: Uri) -> bool:
    """Whether the seeds' proxy is meant."""
    return uri.host == "192.0.2.1"


def _request(request: Request) -> None:
    server_key(request)
    if request.method == "CANCEL":
        cancelled_key(request)
    request.arrived_from(Source("203.0.113.7", 40000))
    answered = parse(reply(request, 404, "", b"ours"))
    assert isinstance(answered, Response), answered
    assert answered.method == request.method
    for header in (names.CONTACT, names.ROUTE, names.PATH):
        request.addresses(header)
    request.tokens(names.SUPPORTED)
    request.number(names.EXPIRES)
    routed = preprocess(request, is_ours)
    if routed is None:
        return
    mark = Fingerprints().of(request, routed.uri)
    is_loop(request, mark)
    forwarding = prepare(request, routed.uri, routed.routes, None)
    if forwarding is None:
        return
    sent = printed(forwarding, routed.uri, (), OUR_VIA, [], 60)
    again = parse(sent)
    if len(request.lines) < MOST_HEADERS - 3:
        assert isinstance(again, Request), (again, sent)
        assert again.body == request.body
        assert again.call_id == request.call_id
        assert again.to.uri == request.to.uri
    for made in (cancel_for(sent), ack_for(sent, answered)):
        assert isinstance(parse(made), Request), made


def _response(response: Response) -> None:
    client_key(response)
    for invite in (True, False):
        context = ResponseContext(invite)
        context.started(0)
        context.answered(0, response)
    if len(response.layout.vias) > 1:
        again = parse(upstream(response), stream=True)
        # Of the second Via nobody has looked at more than its name.
        assert isinstance(again, Response) or "Via" in again.why, again  # type: ignore[union-attr]


def try_one(data: bytes) -> str:
    """Everything that the engine does with a message before it decides; the kind of message that it was."""
    parse(data, stream=True)
    message = parse(data)
    if isinstance(message, Request):
        _request(message)
    elif isinstance(message, Response):
        _response(message)
    elif isinstance(message, Malformed):
        reply_to_malformed(message, b"tag")
    return type(message).__name__


def run(count: int, seed: int) -> dict[str, int]:
    """So many mutations; how many of each kind of message they turned out to be."""
    dice = Random(seed)  # noqa: S311
    corpus = seeds()
    kinds: dict[str, int] = {}
    for _ in range(count):
        data = mutated(dice, corpus)
        try:
            kind = try_one(data)
        except Exception:
            print(repr(data))
            raise
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 20000, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
