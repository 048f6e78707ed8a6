"""Single parts by themselves, microseconds of CPU each: parsing, transaction machine, digest.    Run it:  python bench/micro.py

process_time of many repetitions, the best of seven rounds: the least disturbed one is nearest to the truth.
"""

import sys
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from time import process_time
from types import FunctionType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from twsip.api import Target
from twsip.dns import Resolver
from twsip.guard.nonce import Mint
from twsip.sip import digest
from twsip.sip.fields.auth import parse_credentials
from twsip.sip.message import Request
from twsip.sip.parser import parse
from twsip.sip.transaction.server_invite import InviteServer
from twsip.sip.transaction.server_other import OtherServer
from twsip.sip.transaction.words import Input
from twsip.sip.uri import parse_uri

SDP = (
    b"v=0\r\no=- 3724394400 3724394405 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
    b"m=audio 49170 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
HEAD = (
    b"Via: SIP/2.0/UDP 127.0.0.2:40404;branch=z9hG4bK0000%08x1;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:u1@bench.example>;tag=f%08x\r\nTo: <sip:u2@bench.example>\r\nCall-ID: b0000-%08x\r\n"
)
INVITE = (
    b"INVITE sip:u2@bench.example SIP/2.0\r\n"
    + HEAD
    + b"CSeq: 1 INVITE\r\nUser-Agent: twsip bench 1\r\nContact: <sip:u1@127.0.0.2:40404>\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS\r\nContent-Type: application/sdp\r\n"
    + b"Content-Length: %d\r\n\r\n" % len(SDP)
    + SDP
)
USER, REALM, NONCE, PASSWORD = "u1", "bench.example", "5f0a7c1e5f0a7c1e5f0a7c1e5f0a7c1e", "correct horse"
HA1 = md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
HA2 = md5(b"REGISTER:sip:bench.example").hexdigest()
RESPONSE = md5(f"{HA1}:{NONCE}:00000001:0a4f113b:auth:{HA2}".encode()).hexdigest()
CREDENTIALS = (
    f'Digest username="{USER}", realm="{REALM}", nonce="{NONCE}", uri="sip:bench.example", response="{RESPONSE}", '
    'algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001'
).encode()
REGISTER = (
    b"REGISTER sip:bench.example SIP/2.0\r\n"
    + HEAD
    + b"CSeq: 2 REGISTER\r\nAuthorization: "
    + CREDENTIALS
    + b"\r\nUser-Agent: twsip bench 1\r\nContact: <sip:u1@127.0.0.1:40404>\r\nExpires: 3600\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def best(what: str, work: Callable[[int], None], times: int = 20000) -> None:
    """Print the least CPU time of seven rounds, by repetition."""
    work(times // 20 + 1)
    least = float("inf")
    for _ in range(7):
        began = process_time()
        work(times // 7)
        least = min(least, (process_time() - began) / (times // 7))
    print(f"{what:58} {least * 1e6:8.2f} us")


def made(text: bytes, times: int) -> list[bytes]:
    """Different messages of one kind, so that no cache of whole messages could help."""
    holes = text.count(b"%08x")
    return [text % ((number,) * holes) for number in range(times)]


def parsing(text: bytes) -> Callable[[int], None]:
    """A parser run over messages that differ."""
    messages = made(text, 4000)
    if not isinstance(parse(messages[0], False), Request):
        raise SystemExit("micro: a sample message is not accepted; mend the sample")

    def work(times: int) -> None:
        for number in range(times):
            parse(messages[number % 4000], False)

    return work


def invite_machine(times: int) -> None:
    """INVITE server transaction: made, 180, 200, ACK, timer L."""
    for _ in range(times):
        machine = InviteServer(False)
        for event in (Input.REQUEST, Input.SEND_1XX, Input.SEND_2XX, Input.ACK, Input.TIMER_L):
            machine.on(event)


def other_machine(times: int) -> None:
    """Other server transaction: made, 200, timer J."""
    for _ in range(times):
        machine = OtherServer(False)
        for event in (Input.SEND_FINAL, Input.TIMER_J):
            machine.on(event)


def main() -> None:
    """The table."""
    print(f"python {sys.version.split()[0]}; parser compiled: {not isinstance(parse, FunctionType)}")
    best(f"parse INVITE ({len(made(INVITE, 1)[0])} bytes)", parsing(INVITE))
    best(f"parse REGISTER with credentials ({len(made(REGISTER, 1)[0])} bytes)", parsing(REGISTER))
    best("INVITE server machine, 5 events", invite_machine)
    best("other server machine, 2 events", other_machine)
    best("parse credentials", lambda times: [parse_credentials(CREDENTIALS) for _ in range(times)] and None)
    fields = parse_credentials(CREDENTIALS)
    if isinstance(fields, str) or not digest.verify(digest.MD5, HA1.encode(), fields, b"REGISTER", b""):
        raise SystemExit("micro: the sample credentials do not hold; mend the sample")
    best(
        "digest verify from HA1",
        lambda times: (
            [digest.verify(digest.MD5, HA1.encode(), fields, b"REGISTER", b"") for _ in range(times)] and None
        ),
    )
    mint = Mint([b"s" * 32])
    nonce = mint.mint(1e9, b"r" * 8, REALM, 1).encode()
    best("nonce mint", lambda times: [mint.mint(1e9, b"r" * 8, REALM, 1) for _ in range(times)] and None)
    best("nonce read", lambda times: [mint.read(nonce, REALM) for _ in range(times)] and None)
    uri = parse_uri(b"sip:u2@127.0.0.1:40404")
    if uri is not None:
        resolver, target = Resolver(), Target(uri)
        best("locate an address", lambda times: [resolver.locate(target) for _ in range(times)] and None)


main() if __name__ == "__main__" else None
