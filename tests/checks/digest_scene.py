"""A Digest check at home, with a phone that talks to it: what its tests share."""

from typing import Any

from zope.interface import implementer

from tests.helpers import FakeHouse, digest_answer, make_context, make_request, settled
from twsip.api import Account, Caller, Challenge, IAccounts, Pass, RequestContext
from twsip.api.events import AuthFailed
from twsip.checks import Digest

NOW = 1_800_000_000.0
HERE = "sip:example.org"


@implementer(IAccounts)
class Book:
    """alice's password is wonder, bob's build; `later` is what the next questions get instead."""

    name = "book"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.passwords = {"alice": "wonder", "bob": "build", "alice@example.org": "wonder"}
        self.later: list[Any] = []

    def find(self, realm: str, auth_id: str) -> Any:
        self.asked.append((realm, auth_id))
        if self.later:
            return self.later.pop(0)
        password = self.passwords.get(auth_id)
        return None if password is None else Account(auth_id.partition("@")[0], realm, {}, password)


class Scene:
    """The check and the phone; `context` is that of the last request."""

    context: RequestContext

    def __init__(self, **options: Any) -> None:
        self.book = Book()
        self.house = FakeHouse(options.pop("domains", None))
        self.digest = Digest(options.pop("accounts", None) or {"example.org": self.book}, **options)
        self.digest.attach(self.house)

    def ask(self, *authorizations: str, method: str = "REGISTER", uri: str = HERE, now: float = NOW, **words: Any) -> Any:
        """The verdict, maybe still awaitable, for a request with these credentials."""
        header = words.pop("header", "Authorization" if method == "REGISTER" else "Proxy-Authorization")
        facts = words.pop("facts", ())
        flow = words.pop("flow", None)
        if "agent" in words:
            words["extra"] = (f"User-Agent: {words.pop('agent')}",)
        words.setdefault("from_", "<sip:alice@example.org>;tag=a1")
        words.setdefault("to", "<sip:alice@example.org>" if method == "REGISTER" else "")
        more = words.pop("extra", ())
        request = make_request(method, uri, extra=(*more, *(f"{header}: {value}" for value in authorizations)), **words)
        self.context = make_context(request, *facts, now=now, site=self.house.domains, flow=flow)
        return self.digest.check(self.context)

    def says(self, *authorizations: str, **words: Any) -> Any:
        """The same, awaited."""
        return settled(self.ask(*authorizations, **words))

    def challenge(self, now: float = NOW, **words: Any) -> str:
        """The first challenge's value."""
        verdict = self.ask(now=now, **words)
        assert isinstance(verdict, Challenge), verdict
        return verdict.values[0]

    def answer(self, challenge: str = "", name: str = "alice", password: str = "wonder", **words: Any) -> str:
        """What the phone answers."""
        method, uri = words.pop("method", "REGISTER"), words.pop("uri", HERE)
        return digest_answer(challenge or self.challenge(), name, password, method, uri, **words)

    def causes(self) -> list[str]:
        """What was told, and forgotten now."""
        told = [event.cause for event in self.house.told if isinstance(event, AuthFailed)]
        self.house.told.clear()
        return told


def caller(verdict: Any) -> Caller:
    assert isinstance(verdict, Pass), verdict
    (fact,) = verdict.facts
    assert isinstance(fact, Caller)
    return fact


def refused(verdict: Any, why: str, stale: bool = False) -> Challenge:
    assert isinstance(verdict, Challenge), verdict
    assert (verdict.why, verdict.stale) == (why, stale)
    assert all(value.endswith(", stale=true") == stale for value in verdict.values)
    return verdict
