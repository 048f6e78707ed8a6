"""OwnIdentity with its options: who looks at what, the uri table in both directions, its failures, its memory, hiding in From."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from tests.helpers import FakeDomains, FakeHouse, ThreadReactor, make_context, make_request, settled
from twsip.api import (
    PASS,
    BackendDown,
    Caller,
    ConfigError,
    IIdentities,
    OurDialog,
    Pass,
    Reply,
    TLSPeer,
    TrustedPeer,
    Verdict,
)
from twsip.api.events import AuthFailed, BackendFailed, BackendRecovered
from twsip.checks import OwnIdentity
from twsip.checks.aors import KnownCallers
from twsip.cred import UriTable

NOW = 1_800_000_000.0
SITE = FakeDomains(domains=("sip.com", "example.org"))


def caller(auth_id: str, realm: str = "sip.com") -> Caller:
    return Caller(auth_id, realm, frozenset({f"sip:{auth_id}@{realm}"}), {"rpid": "x"})


@implementer(IIdentities)
class Table:
    """The deck's rows; `later` is what the next questions get instead."""

    name = "table"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.later: list[Any] = []

    def users(self, realm: str, auth_id: str) -> Any:
        self.asked.append((realm, auth_id))
        if self.later:
            return self.later.pop(0)
        return {"auth1": ("sip1", "sip2"), "auth2": ["sip2"]}.get(auth_id, ()) if realm == "sip.com" else ()


class Scene:
    """The check at home, with a table of the test's own."""

    def __init__(self, **options: Any) -> None:
        self.table = Table()
        self.house = FakeHouse(SITE)
        self.check = OwnIdentity(use_uri_table=self.table, **options)
        self.check.attach(self.house)

    def asks(self, who: Caller, user: str, *, method: str = "INVITE", now: float = NOW, **more: Any) -> Verdict | Any:
        from_, to, uri = f"<sip:{user}>;tag=1", more.pop("to", ""), "sip:sip.com"
        return self.check.check(
            make_context(make_request(method, uri, from_=from_, to=to, **more), who, site=SITE, now=now)
        )


def status(verdict: Any) -> int:
    verdict = settled(verdict)
    if isinstance(verdict, Reply):
        assert verdict.why
        return verdict.status
    assert isinstance(verdict, Pass)
    return 0


# fmt: off
ROWS = [
    # auth id  realm          From                   To of a REGISTER     status
    ("auth1", "sip.com",     "sip1@sip.com",        "",                   0),
    ("auth1", "sip.com",     "sip2@SIP.com:5070",   "",                   0),
    ("auth1", "sip.com",     "s%69p2@sip.com",      "",                   0),
    ("auth1", "sip.com",     "Sip2@sip.com",        "",                   403),
    ("auth1", "sip.com",     "sip3@sip.com",        "",                   403),
    # with the table its own name is one like any other
    ("auth1", "sip.com",     "auth1@sip.com",       "",                   403),
    ("auth2", "sip.com",     "sip2@sip.com",        "",                   0),
    ("auth2", "sip.com",     "sip1@sip.com",        "",                   403),
    ("auth3", "sip.com",     "auth3@sip.com",       "",                   403),
    # the realm is the domain
    ("auth1", "sip.com",     "sip1@example.org",    "",                   403),
    ("auth1", "example.org", "sip1@sip.com",        "",                   403),
    ("auth1", "example.org", "sip1@example.org",    "",                   403),
    ("auth1", "sip.com",     "sip1@192.0.2.1",      "",                   0),
    ("auth1", "sip.com",     "sip1@192.0.2.7",      "",                   403),
    ("auth1", "sip.com",     "sip1@sip.com",        "sip2@sip.com",       0),
    ("auth1", "sip.com",     "sip1@sip.com",        "sip3@sip.com",       403),
    ("auth2", "sip.com",     "sip2@sip.com",        "sip1@sip.com",       403),
    ("auth2", "sip.com",     "sip1@sip.com",        "sip2@sip.com",       403),
]
# fmt: on


@pytest.mark.parametrize(("auth_id", "realm", "from_", "to", "expected"), ROWS)
def test_exactly_what_the_table_says(auth_id: str, realm: str, from_: str, to: str, expected: int) -> None:
    scene = Scene()
    method = "REGISTER" if to else "INVITE"
    for _ in range(2):  # the second time from memory
        verdict = settled(scene.asks(caller(auth_id, realm), from_, method=method, to=to and f"<sip:{to}>"))
        assert status(verdict) == expected
    assert scene.table.asked == [(realm, auth_id)]
    if not expected:
        (fact,) = verdict.facts
        assert fact.aors == {"sip:sip1@sip.com", "sip:sip2@sip.com"} or fact.aors == {"sip:sip2@sip.com"}
        assert (fact.auth_id, fact.realm, fact.attributes) == (auth_id, realm, {"rpid": "x"})


def test_assertions_are_held_against_the_table_as_well() -> None:
    scene = Scene()
    for user, expected in (("sip2", 0), ("sip3", 403), ("auth1", 403)):
        extra = (f"P-Preferred-Identity: <sip:{user}@sip.com>",)
        assert status(scene.asks(caller("auth1"), "sip1@sip.com", extra=extra)) == expected


def test_what_is_known_is_answered_at_once() -> None:
    scene = Scene()
    one = caller("auth1")
    waits = scene.asks(one, "sip1@sip.com")
    assert not isinstance(waits, Verdict)
    waits.close()
    assert status(scene.asks(one, "sip1@sip.com")) == 0
    assert isinstance(scene.asks(one, "sip1@sip.com"), Pass)
    assert isinstance(scene.asks(one, "sip3@sip.com"), Reply)
    # the same Pass again, unless the caller logged in anew
    assert scene.asks(one, "sip1@sip.com") is scene.asks(one, "sip2@sip.com")
    again = Caller("auth1", "sip.com", frozenset(), {"rpid": "y"})
    passes = scene.asks(again, "sip1@sip.com")
    assert passes.facts[0].attributes == {"rpid": "y"}
    assert passes is scene.asks(again, "sip1@sip.com")
    assert len(scene.table.asked) == 1


def test_it_is_known_for_a_while_and_forgotten_by_name() -> None:
    scene = Scene(remember=10.0)
    for now, times in ((NOW, 1), (NOW + 9.9, 1), (NOW + 10.0, 2), (NOW + 19.0, 2)):
        assert status(scene.asks(caller("auth1"), "sip1@sip.com", now=now)) == 0
        assert len(scene.table.asked) == times
    scene.check.forget("sip.com", "auth2")
    scene.check.forget("example.org", "auth1")
    assert isinstance(scene.asks(caller("auth1"), "sip1@sip.com", now=NOW + 19.0), Pass)
    scene.check.forget("sip.com", "auth1")
    scene.table.later = [()]
    assert status(scene.asks(caller("auth1"), "sip1@sip.com", now=NOW + 19.0)) == 403


def test_an_answer_that_was_under_way_when_the_account_changed_is_not_remembered() -> None:
    scene = Scene(remember=60.0)
    slow: Deferred[Any] = Deferred()
    scene.table.later = [slow]
    answers: list[Any] = []
    Deferred.fromCoroutine(scene.asks(caller("auth1"), "old@sip.com")).addCallback(answers.append)
    scene.check.forget("sip.com", "auth1")
    slow.callback(["old"])
    assert status(answers[0]) == 0, "it was asked before the change"
    assert status(scene.asks(caller("auth1"), "old@sip.com")) == 403


def test_nothing_is_known_when_nothing_is_to_be_remembered() -> None:
    scene = Scene(remember=0)
    for _ in range(3):
        assert status(scene.asks(caller("auth1"), "sip1@sip.com")) == 0
    assert len(scene.table.asked) == 3


def test_the_memory_has_a_bound() -> None:
    known = KnownCallers(60.0, 2)
    for name in ("a", "b", "a", "c"):
        known.keep(caller(name), (name,), NOW, 0)
    assert len(known) == 2
    assert known.find(caller("b"), NOW) is None
    found = known.find(caller("a"), NOW)
    assert found is not None
    assert "sip:a@sip.com" in repr(found)


@pytest.mark.parametrize(
    ("instead", "says"),
    [
        (fail(BackendDown("no such table")), "no such table"),
        (Deferred(), "no answer within 2 seconds"),
        ("sip1", "it gave str"),
        ([b"sip1"], "it gave list"),
        (None, "it gave NoneType"),
    ],
)
def test_without_the_table_nobody_passes_and_nobody_is_refused_for_good(instead: Any, says: str) -> None:
    scene = Scene()
    scene.table.later = [instead]
    answers: list[Any] = []
    Deferred.fromCoroutine(scene.asks(caller("auth1"), "sip3@sip.com")).addCallback(answers.append)
    scene.house.reactor.advance(2.0)
    scene.table.later = [fail(BackendDown("still"))]
    for reply in (answers[0], settled(scene.asks(caller("auth1"), "sip1@sip.com"))):
        assert (reply.status, reply.reason, reply.headers) == (500, "", (("Retry-After", "5"),))
    (event,) = scene.house.told
    assert isinstance(event, BackendFailed)
    assert event.backend == "table"
    assert says in event.error
    assert status(scene.asks(caller("auth1"), "sip1@sip.com")) == 0
    assert scene.house.told[1:] == [BackendRecovered("table")]


def test_what_was_known_is_no_pass_once_it_is_too_old_and_the_table_is_gone() -> None:
    scene = Scene(remember=10.0)
    assert status(scene.asks(caller("auth1"), "sip1@sip.com")) == 0
    scene.table.later = [fail(BackendDown("gone"))]
    assert status(scene.asks(caller("auth1"), "sip1@sip.com", now=NOW + 10.0)) == 500


def test_with_a_real_table(tmp_path: Path, reactor: ThreadReactor) -> None:
    path = tmp_path / "twsip.db"
    connection = sqlite3.connect(path)
    connection.executescript((Path(__file__).parents[2] / "etc" / "subscriber.sql").read_text())
    connection.execute("INSERT INTO uri (username, domain, uri_user) VALUES ('auth1', 'sip.com', 'sip1')")
    connection.commit()
    check = OwnIdentity(use_uri_table=UriTable(str(path)), remember=0)
    house = FakeHouse(SITE, reactor=reactor)
    check.attach(house)

    def ask(user: str) -> Any:
        request = make_request("MESSAGE", "sip:sip.com", from_=f"<sip:{user}@sip.com>;tag=1")
        return reactor.until(check.check(make_context(request, caller("auth1"), site=SITE)))

    assert isinstance(ask("sip1"), Pass)
    assert status(ask("sip2")) == 403
    connection.execute("DROP TABLE uri")
    connection.commit()
    connection.close()
    assert [status(ask(user)) for user in ("sip1", "sip2")] == [500, 500]
    assert [type(event) for event in house.told] == [AuthFailed, BackendFailed]


# fmt: off
LOOKS = [
    # options                               method      From      To       status
    ({},                                    "REGISTER", "bob",    "alice", 403),
    ({"check_to": 0},                       "REGISTER", "bob",    "alice", 0),
    ({"check_to": False},                   "REGISTER", "alice",  "alice", 403),
    ({"check_from": 0},                     "REGISTER", "alice",  "bob",   0),
    ({"check_from": 0},                     "REGISTER", "alice",  "alice", 403),
    ({"check_from": 0, "check_to": 0},      "REGISTER", "alice",  "alice", 0),
    ({"check_to": 0},                       "INVITE",   "alice",  "bob",   403),
    ({"check_from": 0},                     "INVITE",   "alice",  "bob",   0),
    ({"check_from": 1, "check_to": 1},      "INVITE",   "bob",    "alice", 0),
    ({"use_uri_table": 0},                  "INVITE",   "bob",    "alice", 0),
    ({"use_uri_table": False},              "INVITE",   "alice",  "alice", 403),
]
# fmt: on


@pytest.mark.parametrize(("options", "method", "from_", "to", "expected"), LOOKS)
def test_who_looks_at_what(options: dict[str, Any], method: str, from_: str, to: str, expected: int) -> None:
    request = make_request(method, "sip:sip.com", from_=f"<sip:{from_}@sip.com>;tag=1", to=f"<sip:{to}@sip.com>")
    check = OwnIdentity(**options)
    assert status(check.check(make_context(request, caller("bob"), site=SITE))) == expected
    asserting = make_request(
        method,
        "sip:sip.com",
        from_="<sip:bob@sip.com>;tag=1",
        to="<sip:bob@sip.com>",
        extra=("P-Asserted-Identity: <sip:alice@sip.com>",),
    )
    assert status(check.check(make_context(asserting, caller("bob"), site=SITE))) == 403


# fmt: off
HIDDEN = [
    # From                                          method      allowed
    ("<sip:anonymous@anonymous.invalid>",           "INVITE",   True),
    ('"Anonymous" <sips:Anonymous@x.INVALID>',      "MESSAGE",  True),
    ("<sip:anonymous@sip.com>",                     "INVITE",   True),
    ("<sip:anonymous@192.0.2.1>",                   "INVITE",   True),
    ("<sip:anonymous@bank.example>",                "INVITE",   False),
    ("<sip:boss@anonymous.invalid>",                "INVITE",   False),
    ("<sip:anonymous.invalid>",                     "INVITE",   False),
    ("<tel:+491>",                                  "INVITE",   False),
    ("<sip:anonymous@anonymous.invalid>",           "REGISTER", False),
]
# fmt: on


@pytest.mark.parametrize(("from_", "method", "allowed"), HIDDEN)
@pytest.mark.parametrize("table", [False, True])
def test_a_caller_may_hide_where_that_is_allowed(from_: str, method: str, allowed: bool, table: bool) -> None:
    for anonymous in (False, True):
        check = OwnIdentity(anonymous=anonymous, use_uri_table=Table() if table else None)
        check.attach(FakeHouse(SITE))
        to = "<sip:sip1@sip.com>"
        request = make_request(method, "sip:sip.com", from_=from_ + ";tag=1", to=to)
        who = Caller("auth1", "sip.com", frozenset({"sip:sip1@sip.com"}))
        assert status(check.check(make_context(request, who, site=SITE))) == (0 if allowed and anonymous else 403)


def test_hiding_lets_nobody_assert_somebody_else() -> None:
    request = make_request(
        from_="<sip:anonymous@anonymous.invalid>;tag=1", extra=("P-Preferred-Identity: <sip:alice@sip.com>",)
    )
    assert status(OwnIdentity(anonymous=True).check(make_context(request, caller("bob"), site=SITE))) == 403


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use_uri_table": 1}, r"use_uri_table=1 of OwnIdentity names no table; write use_uri_table=UriTable"),
        ({"use_uri_table": "twsip.db"}, "names no table"),
        ({"remember": -1}, "remember=-1 is too little"),
        ({"most_callers": 0}, "most_callers=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"retry_after": 0}, "retry_after=0"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        OwnIdentity(**options)


@pytest.mark.parametrize(
    "facts",
    [
        (),
        (caller("bob"),),
        (OurDialog(b"c1@phone"),),
        (caller("bob"), OurDialog(b"c1@phone")),
        (TLSPeer(("far.example",)),),
    ],
)
def test_what_the_untrusted_assert_does_not_go_on(facts: tuple[object, ...]) -> None:
    extra = (
        "P-Asserted-Identity: <sip:bob@sip.com>",
        "Subject: x",
        "p-preferred-identity: <sip:bob@sip.com>",
        "Remote-Party-ID: <sip:bob@sip.com>",
    )
    context = make_context(make_request(from_="<sip:bob@sip.com>;tag=1", extra=extra), *facts, site=SITE)
    assert status(OwnIdentity().check(context)) == 0
    assert context.edits is not None
    names = [context.request.lines[at].partition(b":")[0] for at in context.edits.taken]
    assert names == [b"P-Asserted-Identity", b"p-preferred-identity", b"Remote-Party-ID"]
    assert context.edits.lines_for("192.0.2.16") == []


def test_what_a_trusted_peer_asserts_goes_on() -> None:
    extra = ("P-Asserted-Identity: <tel:+491>",)
    context = make_context(make_request(extra=extra), TrustedPeer("gateways", spoofable=False), site=SITE)
    assert OwnIdentity().check(context) is PASS
    assert context.edits is None


def test_who_asserts_nothing_costs_nothing() -> None:
    context = make_context(make_request(from_="<sip:bob@sip.com>;tag=1"), caller("bob"), site=SITE)
    assert OwnIdentity().check(context) is PASS
    assert context.edits is None
