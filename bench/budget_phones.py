"""Paths through the whole site: phones at 127.0.0.1, and a neighbour at 127.0.0.2 whom it trusts."""

from collections.abc import Callable, Iterator
from hashlib import md5

from budget_house import DOMAIN, House, Letter, ha1
from micro import SDP

USERS = 16
FIRST = 900_000 * USERS
"""Numbers of the registrations that are there beforehand."""
Work = Callable[[], object]


def _request(method: str, number: int, host: str, *more: str, to: str = "", uri: str = "", cseq: int = 1, body: bytes = b"") -> bytes:
    """A request of unit `number`."""
    user = f"u{number % USERS}"
    lines = (
        f"{method} {uri or f'sip:{DOMAIN}'} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:40404;branch=z9hG4bK{number:08x}{cseq}{method};rport",
        "Max-Forwards: 70",
        f"From: <sip:{user}@{DOMAIN}>;tag=f{number:08x}",
        f"To: {to or f'<sip:{user}@{DOMAIN}>'}",
        f"Call-ID: b-{number:08x}",
        f"CSeq: {cseq} {method}",
        "User-Agent: twsip bench 1",
        *more,
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _values(data: bytes, name: bytes) -> list[str]:
    """The values of all headers with this name."""
    return [line.partition(b": ")[2].decode() for line in data.split(b"\r\n") if line.startswith(name + b": ")]


def _proof(number: int, refusal: bytes) -> str:
    """The Authorization that answers a 401."""
    nonce = _values(refusal, b"WWW-Authenticate")[0].partition('nonce="')[2].partition('"')[0]
    user, uri, cnonce = f"u{number % USERS}", f"sip:{DOMAIN}", f"{number:08x}"
    ha2 = md5(f"REGISTER:{uri}".encode()).hexdigest()
    response = md5(f"{ha1(user)}:{nonce}:00000001:{cnonce}:auth:{ha2}".encode()).hexdigest()
    return (
        f'Authorization: Digest username="{user}", realm="{DOMAIN}", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'algorithm=MD5, cnonce="{cnonce}", qop=auth, nc=00000001'
    )


def _within(method: str, number: int, answer: bytes, cseq: int) -> bytes:
    """The caller's request in the dialog that this 200 made."""
    routes = [f"Route: {value}" for value in reversed(_values(answer, b"Record-Route"))]
    contact = _values(answer, b"Contact")[0].strip("<>")
    return _request(method, number, "127.0.0.2", *routes, to=_values(answer, b"To")[0], uri=contact, cseq=cseq)


def _answer(data: bytes, status: bytes, *more: bytes) -> bytes:
    """The response of the phone that received this request."""
    kept = [line for line in data.split(b"\r\n") if line.startswith((b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:", b"Record-Route:"))]
    kept = [line + b";tag=callee" if line.startswith(b"To:") and b";tag=" not in line else line for line in kept]
    return b"\r\n".join([b"SIP/2.0 " + status, *kept, *more, b"Content-Length: 0", b"", b""])


class Neighbourhood:
    """A house with its phones: each path is a method, and the house is the same for all batches of one."""

    def __init__(self) -> None:
        self.house = House()
        self.phone = self.house.flow("127.0.0.1", 40404)
        self.peer = self.house.flow("127.0.0.2", 40404)
        for work in self.register(range(FIRST, FIRST + USERS)):
            work()

    def _delivered(self, letters: list[Letter]) -> Work:
        return lambda: self.house.hears(letters)

    def _at_peer(self, letters: list[bytes]) -> Work:
        return self._delivered([(self.peer, data) for data in letters])

    def _at_phone(self, letters: list[bytes]) -> Work:
        return self._delivered([(self.phone, data) for data in letters])

    def _end(self) -> Iterator[Work]:
        yield self.house.waits
        self.house.said(b"", 0)
        self.house.is_done()

    def options(self, numbers: range) -> Iterator[Work]:
        """OPTIONS to the domain, 200."""
        yield self._at_peer([_request("OPTIONS", number, "127.0.0.2", to=f"<sip:{DOMAIN}>") for number in numbers])
        self.house.said(b"SIP/2.0 200 ", len(numbers))
        yield from self._end()

    def _registers(self, numbers: range, cseq: int, proofs: list[str]) -> Work:
        return self._at_phone(
            [
                _request(
                    "REGISTER",
                    number,
                    "127.0.0.1",
                    *([proof] if proof else []),
                    f"Contact: <sip:u{number % USERS}@127.0.0.1:40404>",
                    "Expires: 3600",
                    cseq=cseq,
                )
                for number, proof in zip(numbers, proofs, strict=True)
            ]
        )

    def unauth(self, numbers: range) -> Iterator[Work]:
        """REGISTER, 401."""
        yield self._registers(numbers, 1, [""] * len(numbers))
        self.house.said(b"SIP/2.0 401 ", len(numbers))
        yield from self._end()

    def register(self, numbers: range) -> Iterator[Work]:
        """REGISTER, 401, REGISTER with digest, 200."""
        yield self._registers(numbers, 1, [""] * len(numbers))
        asked = self.house.said(b"SIP/2.0 401 ", len(numbers))
        yield self._registers(numbers, 2, [_proof(number, data) for number, data in zip(numbers, asked, strict=True)])
        self.house.said(b"SIP/2.0 200 ", len(numbers))
        yield from self._end()

    def message(self, numbers: range) -> Iterator[Work]:
        """MESSAGE relayed to a registered contact, its 200 relayed back."""
        yield self._at_peer([self._to_next("MESSAGE", number, b"Hello, this is unit %08x" % number, "text/plain") for number in numbers])
        relayed = self.house.said(b"MESSAGE sip:", len(numbers))
        yield self._at_phone([_answer(data, b"200 OK") for data in relayed])
        self.house.said(b"SIP/2.0 200 ", len(numbers))
        yield from self._end()

    def call(self, numbers: range) -> Iterator[Work]:
        """INVITE, 100, 180, 200, ACK, BYE, 200 along Record-Route."""
        yield self._at_peer([self._to_next("INVITE", number, SDP, "application/sdp") for number in numbers])
        rings = [data for _, data in self.house.post if data.startswith(b"INVITE ")]
        self.house.post[:] = [(flow, data) for flow, data in self.house.post if not data.startswith(b"SIP/2.0 100 ")]
        self.house.said(b"INVITE sip:", len(numbers))
        yield self._at_phone([_answer(data, b"180 Ringing") for data in rings])
        self.house.said(b"SIP/2.0 180 ", len(numbers))
        contact = b"Contact: <sip:callee@127.0.0.1:40404>"
        yield self._at_phone([_answer(data, b"200 OK", contact) for data in rings])
        taken = self.house.said(b"SIP/2.0 200 ", len(numbers))
        yield self._at_peer([_within("ACK", number, data, 1) for number, data in zip(numbers, taken, strict=True)])
        self.house.said(b"ACK sip:callee@", len(numbers))
        yield self._at_peer([_within("BYE", number, data, 2) for number, data in zip(numbers, taken, strict=True)])
        ends = self.house.said(b"BYE sip:callee@", len(numbers))
        yield self._at_phone([_answer(data, b"200 OK") for data in ends])
        self.house.said(b"SIP/2.0 200 ", len(numbers))
        yield from self._end()

    def _to_next(self, method: str, number: int, body: bytes, kind: str) -> bytes:
        callee = f"sip:u{(number + 1) % USERS}@{DOMAIN}"
        more = ("Contact: <sip:caller@127.0.0.2:40404>", f"Content-Type: {kind}")
        return _request(method, number, "127.0.0.2", *more, to=f"<{callee}>", uri=callee, body=body)
