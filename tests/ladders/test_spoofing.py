"""Nobody is somebody else, from end to end: the deck's cheating attempt, anonymous callers, who is told who calls, whose credentials go on."""

from typing import Any

import pytest
from street import Street, answer, request
from test_relay import ONE, Bob
from zope.interface import implementer

from tests.helpers import FakeHouse, digest_answer
from twsip.api import Account, IAccounts
from twsip.api.events import AuthFailed, Refused
from twsip.checks import AssertedIdentity, Digest, InDialog, NoOpenRelay, OwnIdentity, Trusted
from twsip.handlers import Proxy, Registrar
from twsip.ops.log import line
from twsip.sip import names
from twsip.sip.fields.auth import ours
from twsip.sip.message import Request, Response
from twsip.stores import Memory

GATEWAY = "192.0.2.16"
HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a'


@implementer(IAccounts)
class Book:
    """alice and bob, each with their own name as password; bob has an attribute."""

    name = "book"

    def find(self, realm: str, auth_id: str) -> Account | None:
        if auth_id not in ("alice", "bob"):
            return None
        return Account(auth_id, realm, {}, auth_id, {"rpid": "tel:+4930"} if auth_id == "bob" else {})


class Town:
    """A street whose house has its doors shut."""

    def __init__(self, anonymous: bool = False, phones: Any = None) -> None:
        self.store = phones or Memory()
        self.digest = Digest({"*": Book()}, anonymous=anonymous)
        self.identity = OwnIdentity(anonymous=anonymous)
        dialogs = InDialog()
        self.street = Street(
            requests=[
                dialogs,
                Trusted(GATEWAY, trust_udp=True),
                self.digest,
                self.identity,
                AssertedIdentity(GATEWAY),
                NoOpenRelay(),
            ],
            handlers=[Registrar(bindings=self.store), Proxy(bindings=self.store)],
            bindings=self.store,
        )
        self.street.engine.consumed = lambda value: ours(value, ("example.org",))
        house = FakeHouse(self.street.engine.domains, self.street.clock)  # type: ignore[arg-type]
        house.now = self.street.clock.seconds  # type: ignore[method-assign]
        house.told = self.street.events
        house.tell = house.told.append
        self.digest.attach(house)
        self.identity.attach(house)
        dialogs.attach(house)
        self.count = 0

    def says(self, method: str, uri: str, *more: str, **words: Any) -> None:
        self.count += 1
        self.street.hears(request(method, uri, *more, branch=f"z9hG4bKa{self.count}", cseq=self.count, **words))

    def asked(self, method: str, uri: str, *more: str, status: int = 0, **words: Any) -> str:
        """The challenge that this gets."""
        self.says(method, uri, *more, **words)
        ((where, got),) = self.street.sent()
        assert isinstance(got, Response), got
        assert where == "192.0.2.9:5060"
        assert got.status == status
        value = got.text("WWW-Authenticate" if status == 401 else "Proxy-Authenticate")
        assert value is not None
        return value

    def tries(self, who: str, method: str, uri: str, *more: str, **words: Any) -> list[tuple[str, Request | Response]]:
        """What leaves when `who` answers the challenge with their own, right password."""
        challenge = self.asked(method, uri, *more, status=401 if method == "REGISTER" else 407, **words)
        proof = digest_answer(challenge, who, who, method, uri)
        if method == "INVITE":
            self.street.hears(request("ACK", uri, branch=f"z9hG4bKa{self.count}", cseq=self.count))
        header = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
        self.says(method, uri, *more, f"{header}: {proof}", **words)
        return self.street.sent()


def only(found: list[tuple[str, Request | Response]]) -> Request | Response:
    assert len(found) == 1, found
    return found[0][1]


def register(town: Town, who: str, from_: str, to: str) -> Response:
    contact = f"Contact: <sip:{who}@192.0.2.9:5060>"
    sender = f"<sip:{from_}@example.org>;tag=a"
    got = only(town.tries(who, "REGISTER", "sip:example.org", contact, sender=sender, to=f"<sip:{to}@example.org>"))
    assert isinstance(got, Response)
    return got


def test_bob_may_not_register_as_alice() -> None:
    town = Town()
    for from_, to in (("bob", "alice"), ("alice", "alice"), ("alice", "bob"), ("Bob", "Bob"), ("bob", "%61lice")):
        got = register(town, "bob", from_, to)
        # An end, not another challenge: his password was right.
        assert (got.status, got.reason) == (403, b"Forbidden auth ID")
        assert not got.has(names.WWW_AUTHENTICATE)
    assert list(town.store.aors()) == []
    assert register(town, "bob", "bob", "bob").status == 200
    assert list(town.store.aors()) == ["sip:bob@example.org"]


def test_the_operator_reads_one_line_for_it() -> None:
    town = Town()
    register(town, "bob", "bob", "alice")
    lines = [line(event) for event in town.street.events if isinstance(event, AuthFailed | Refused)]
    assert lines == [
        "event=auth_failed src=192.0.2.9 cause=AUTH_USER_MISMATCH auth_id=bob realm=example.org transport=UDP method=REGISTER "
        'call_id=c1 code=-5 claimed="To sip:alice@example.org"'
    ]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "BREW"])
def test_bob_may_not_call_as_alice(method: str) -> None:
    town = Town()
    got = only(town.tries("bob", method, "sip:carol@far.example"))
    assert isinstance(got, Response)
    assert got.status == 403
    assert [
        where for where, _ in town.tries("alice", method, "sip:carol@198.51.100.7") if where != "192.0.2.9:5060"
    ] == ["198.51.100.7:5060"]


def test_an_anonymous_caller_that_nobody_vouched_for_is_refused() -> None:
    for anonymous, status in ((False, 433), (True, 407)):
        town = Town(anonymous)
        town.says("MESSAGE", "sip:bob@example.org", sender=HIDDEN)
        got = only(town.street.sent())
        assert isinstance(got, Response)
        assert got.status == status
    # Not by credentials that nobody asked for, either.
    town = Town()
    proof = digest_answer(
        town.asked("MESSAGE", "sip:carol@198.51.100.7", status=407),
        "alice",
        "alice",
        "MESSAGE",
        "sip:carol@198.51.100.7",
    )
    town.says("MESSAGE", "sip:carol@198.51.100.7", f"Proxy-Authorization: {proof}", sender=HIDDEN)
    got = only(town.street.sent())
    assert isinstance(got, Response)
    assert got.status == 433


def told(message: Request | Response) -> list[str | None]:
    return [
        message.text(name) for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Privacy")
    ]


def test_an_authenticated_caller_may_hide_and_the_gateway_alone_knows_them() -> None:
    town = Town(True, Bob(ONE))
    for where, uri, known in (
        (f"{GATEWAY}:5060", f"sip:+4911@{GATEWAY}", "<sip:alice@example.org>"),
        ("198.51.100.1:5070", "sip:bob@example.org", None),
        ("198.51.100.7:5060", "sip:carol@198.51.100.7", None),
    ):
        ((to, call),) = town.tries("alice", "MESSAGE", uri, "Privacy: id", sender=HIDDEN)
        assert isinstance(call, Request)
        assert to == where
        assert call.from_.uri.text == "sip:anonymous@anonymous.invalid"
        assert told(call) == [known, None, None, "id"]
        assert not call.has(names.PROXY_AUTHORIZATION)


def test_who_calls_by_name_is_named_to_the_gateway_by_what_the_account_says() -> None:
    town = Town()
    claims = ("P-Preferred-Identity: <sip:bob@example.org>", "Remote-Party-ID: <sip:bob@example.org>;screen=yes")
    ((_, call),) = town.tries("bob", "MESSAGE", f"sip:+4911@{GATEWAY}", *claims, sender="<sip:bob@example.org>;tag=a")
    assert told(call) == ["<tel:+4930>", None, None, None]
    got = only(
        town.tries(
            "bob",
            "MESSAGE",
            f"sip:+4911@{GATEWAY}",
            "P-Asserted-Identity: <sip:alice@example.org>",
            sender="<sip:bob@example.org>;tag=a",
        )
    )
    assert isinstance(got, Response)
    assert got.status == 403


def test_what_the_gateway_asserts_reaches_a_phone_unless_privacy_is_wanted() -> None:
    town = Town(phones=Bob(ONE))
    for privacy, known in ((), "<tel:+4911>"), (("Privacy: id",), None):
        asserted = ("P-Asserted-Identity: <tel:+4911>", *privacy)
        sender = "<sip:+4911@gw.example>;tag=g"
        town.count += 1
        message = request(
            "MESSAGE",
            "sip:bob@example.org",
            *asserted,
            branch=f"z9hG4bKg{town.count}",
            sender=sender,
            via=f"{GATEWAY}:5060",
        )
        town.street.hears(message, GATEWAY)
        ((where, call),) = town.street.sent()
        assert where == "198.51.100.1:5070"
        assert told(call)[0] == known


OURS = 'Digest username="alice", realm="example.org", nonce="n", uri="sip:x", response="00"'
THEIRS = 'Digest username="alice", realm="far.example", nonce="n", uri="sip:x", response="00"'
HARMLESS = "Bearer token"


# fmt: off
LEAVING = [
    # what came besides the right credentials                                what goes on
    ((),                                                                     []),
    ((f"Authorization: {THEIRS}",),                                          [f"Authorization: {THEIRS}"]),
    ((f"Authorization: {OURS}", f"Proxy-Authorization: {THEIRS}"),           [f"Proxy-Authorization: {THEIRS}"]),
    ((f"Proxy-Authorization: {THEIRS}", f"Authorization: {THEIRS}", f"Authorization: {OURS}"),
                                                      [f"Proxy-Authorization: {THEIRS}", f"Authorization: {THEIRS}"]),
    ((f"proxy-authorization :  {OURS} ", f"AUTHORIZATION: {HARMLESS}"),      [f"AUTHORIZATION: {HARMLESS}"]),
]
# fmt: on


@pytest.mark.parametrize(("more", "left"), LEAVING)
@pytest.mark.parametrize("header", ["Authorization", "Proxy-Authorization"])
@pytest.mark.parametrize("first", [True, False])
def test_credentials_for_us_do_not_leave_the_house_and_others_do(
    more: tuple[str, ...], left: list[str], header: str, first: bool
) -> None:
    town = Town()
    uri = "sip:carol@198.51.100.7"
    proof = f"{header}: " + digest_answer(town.asked("MESSAGE", uri, status=407), "alice", "alice", "MESSAGE", uri)
    town.says("MESSAGE", uri, *((proof, *more) if first else (*more, proof)))
    ((where, call),) = town.street.sent()
    assert where == "198.51.100.7:5060"
    assert [line.decode() for line in call.lines if b"uthorization" in line.lower()] == left
    # Nor do they come back to whoever sent them.
    assert isinstance(call, Request)
    town.street.hears(answer(call, 200), "198.51.100.7")
    assert "realm" not in str(only(town.street.sent()).lines)


def test_credentials_in_an_ack_and_in_a_call_do_not_leave_either() -> None:
    town = Town()
    found = town.tries("alice", "INVITE", "sip:carol@198.51.100.7")
    call = next(one for where, one in found if isinstance(one, Request))
    assert not call.has(names.PROXY_AUTHORIZATION)
    town.street.hears(answer(call, 200), "198.51.100.7")
    town.street.sent()
    back = (f"Route: {call.text('Record-Route')}", f"Proxy-Authorization: {OURS}", f"Authorization: {THEIRS}")
    town.says("ACK", "sip:carol@198.51.100.7", *back, to="<sip:bob@example.org>;tag=b")
    ((where, ack),) = town.street.sent()
    assert (where, ack.method) == ("198.51.100.7:5060", "ACK")
    assert [line for line in ack.lines if b"uthorization" in line] == [f"Authorization: {THEIRS}".encode()]
