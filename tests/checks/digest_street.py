"""A whole house with a Digest check in it: the real engine, registrar and proxy, and phones that write to it."""

import hashlib
import re
from typing import Any

from tests.checks.digest_scene import Book
from tests.helpers import FakeDomains, FakeHouse, digest_answer
from tests.ladders.street import Street, message
from twsip.api.events import AuthFailed
from twsip.checks import Digest, InDialog, NoOpenRelay, OwnIdentity
from twsip.handlers import Options, Proxy, Registrar
from twsip.stores import MemoryBindings

HOME = "sip:example.org"


class Answer:
    """What came back: the status, and the values of its headers."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        text = data.decode()
        self.status = int(text.split(" ")[1])
        self.headers = [line.partition(": ")[::2] for line in text.split("\r\n")[1:] if line]

    def values(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]

    @property
    def challenges(self) -> list[str]:
        return self.values("WWW-Authenticate") + self.values("Proxy-Authenticate")

    @property
    def stale(self) -> bool:
        return any("stale=true" in value for value in self.challenges)

    @property
    def info(self) -> dict[str, str]:
        """Authentication-Info, taken apart; nothing when there is none."""
        (value,) = self.values("Authentication-Info") or ("",)
        return {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|(\w[\w-]*))', value)}


class Town:
    """The house; alice's password is wonder, bob's build."""

    def __init__(self, more: Any = (), **options: Any) -> None:
        self.book = Book()
        self.home = FakeHouse(FakeDomains(listening=("192.0.2.1",)))
        self.home.bindings = MemoryBindings()  # type: ignore[assignment]
        self.digest = Digest({"example.org": self.book}, **options)
        marks, registrar = InDialog(), Registrar()
        for part in (self.digest, marks, registrar):
            part.attach(self.home)
        self.street = Street(
            requests=[marks, self.digest, OwnIdentity(), NoOpenRelay()],
            handlers=[*more, registrar, Options(), Proxy(bindings=self.home.bindings)],  # type: ignore[arg-type]
            bindings=self.home.bindings,
        )
        self._sent = 0

    def ask(
        self,
        *authorizations: str,
        method: str = "REGISTER",
        uri: str = HOME,
        user: str = "alice",
        to: str = "",
        host: str = "192.0.2.9",
        body: str = "",
        more: tuple[str, ...] = (),
    ) -> Answer:
        """What a phone is answered that sends this in a transaction of its own."""
        self._sent += 1
        header = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
        to = to or (f"<sip:{user}@example.org>" if method == "REGISTER" else f"<{uri}>")
        self.street.outbox.clear()
        self.street.hears(
            message(
                f"{method} {uri} SIP/2.0",
                f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{self._sent};rport",
                "Max-Forwards: 70",
                f"From: <sip:{user}@example.org>;tag=a1",
                f"To: {to}",
                "Call-ID: c1",
                f"CSeq: {self._sent} {method}",
                f"Contact: <sip:{user}@{host}>",
                *more,
                *[f"{header}: {value}" for value in authorizations],
                body=body,
            ),
            host,
        )
        answers = [data for flow, data in self.street.outbox if flow.host == host and not data.startswith(b"SIP/2.0 100")]
        assert len(answers) == 1, answers
        return Answer(answers[0])

    def challenge(self, **words: Any) -> str:
        """The first challenge."""
        answer = self.ask(**words)
        assert answer.status in (401, 407), answer.data
        return answer.challenges[0]

    def answer(self, challenge: str = "", name: str = "alice", password: str = "wonder", **words: Any) -> str:
        """What a phone answers to it."""
        method, uri = words.pop("method", "REGISTER"), words.pop("uri", HOME)
        return digest_answer(challenge or self.challenge(), name, password, method, uri, **words)

    def causes(self) -> list[str]:
        """What was told, and forgotten now."""
        told = [event.cause for event in self.home.told if isinstance(event, AuthFailed)]
        self.home.told.clear()
        return told


def rspauth(kind: str, challenge: str, uri: str, *, nc: int = 1, qop: str = "auth", body: bytes = b"") -> str:
    """What the server must prove for alice's answer (RFC 7616 section 3.5): a second opinion."""

    def h(text: str) -> str:
        return hashlib.new(kind, text.encode()).hexdigest()

    nonce = re.findall(r'nonce="([^"]+)"', challenge)[0]
    a1 = h("alice:example.org:wonder")
    if "-sess" in challenge:
        a1 = h(f"{a1}:{nonce}:0a4f113b")
    a2 = h(f":{uri}" + (f":{hashlib.new(kind, body).hexdigest()}" if qop == "auth-int" else ""))
    return h(f"{a1}:{nonce}:{nc:08x}:0a4f113b:{qop}:{a2}")
