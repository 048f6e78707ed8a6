"""Who is calling: every cause has its own name inside and the same face outside."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.helpers import FakeDomains, FakeFlow, FakeHouse, digest_answer, make_context, make_request, settled
from twsip.api import (
    PASS,
    Account,
    BackendDown,
    Caller,
    Challenge,
    ConfigError,
    IAccounts,
    IRequestCheck,
    OurDialog,
    Pass,
    Reply,
    TrustedPeer,
)
from twsip.api.events import AuthFailed, BackendFailed, BackendRecovered
from twsip.checks import Digest
from twsip.guard.nonce import Mint

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
    """A Digest check at home, with a phone that talks to it."""

    def __init__(self, **options: Any) -> None:
        self.book = Book()
        self.house = FakeHouse(options.pop("domains", None))
        self.digest = Digest(options.pop("accounts", None) or {"example.org": self.book}, **options)
        self.digest.attach(self.house)

    def ask(self, *authorizations: str, method: str = "REGISTER", uri: str = HERE, now: float = NOW, **words: Any) -> Any:
        """The verdict, maybe still awaitable, for a request with these credentials."""
        header = words.pop("header", "Authorization" if method == "REGISTER" else "Proxy-Authorization")
        facts = words.pop("facts", ())
        words.setdefault("from_", "<sip:alice@example.org>;tag=a1")
        words.setdefault("to", "<sip:alice@example.org>" if method == "REGISTER" else "")
        request = make_request(method, uri, extra=tuple(f"{header}: {value}" for value in authorizations), **words)
        return self.digest.check(make_context(request, *facts, now=now, site=self.house.domains))

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


# --- who is asked


def test_it_is_a_check() -> None:
    assert verifyObject(IRequestCheck, Scene().digest)


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "BYE", "MESSAGE", "SUBSCRIBE", "PRACK", "UPDATE", "OPTIONS", "XYZ"])
def test_every_method_that_claims_a_local_identity_is_challenged(method: str) -> None:
    scene = Scene()
    verdict = scene.ask(method=method, uri="sip:bob@example.org")
    refused(verdict, "AUTH_NO_CREDENTIALS")
    assert verdict.realm == "example.org"
    assert verdict.values[0].startswith('Digest realm="example.org", nonce="')
    assert verdict.values[0].endswith('", algorithm=MD5, qop="auth"')
    assert scene.causes() == [], "the first question of every phone is no failure"


def test_a_ping_of_ourselves_is_answered_under_any_name() -> None:
    assert Scene().ask(method="OPTIONS", uri="sip:example.org") is PASS
    for uri in ("sip:bob@example.org", "sip:elsewhere.example", "sip:example.org;maddr=198.51.100.7"):
        assert isinstance(Scene().ask(method="OPTIONS", uri=uri), Challenge)
    through = make_request("OPTIONS", "sip:example.org", extra=("Route: <sip:elsewhere.example;lr>",))
    assert isinstance(Scene().digest.check(make_context(through)), Challenge)


def test_our_bare_address_is_a_local_identity_in_the_realm_of_the_site() -> None:
    scene = Scene()
    for host in ("192.0.2.1", "[2001:db8::1]:5060", "EXAMPLE.org", "example.org:5080"):
        assert isinstance(scene.ask(method="INVITE", from_=f"<sip:alice@{host}>;tag=a"), Challenge)
    assert isinstance(scene.ask(to="<sips:alice@192.0.2.1>", uri="sip:192.0.2.1"), Challenge)


def test_foreign_identities_trusted_peers_and_our_dialogs_are_not_asked() -> None:
    scene = Scene()
    for from_ in ("<sip:alice@elsewhere.example>;tag=a", "<tel:+4930123>;tag=a", "<sip:anonymous@anonymous.invalid>;tag=a"):
        assert scene.ask(method="INVITE", from_=from_) is PASS
    assert scene.ask(facts=(TrustedPeer("gateway", True),)) is PASS
    assert scene.ask(method="BYE", facts=(OurDialog(b"c1"),)) is PASS
    assert scene.ask(to="<sip:alice@elsewhere.example>") is PASS


def test_from_decides_nothing_for_register_and_to_nothing_for_others() -> None:
    scene = Scene()
    assert isinstance(scene.ask(from_="<sip:x@elsewhere.example>;tag=a"), Challenge)
    assert scene.ask(method="INVITE", uri="sip:bob@example.org", from_="<sip:x@elsewhere.example>;tag=a") is PASS


# --- who gets in


def test_a_login_and_what_is_learned() -> None:
    scene = Scene()
    found = caller(scene.says(scene.answer()))
    assert found == Caller("alice", "example.org", frozenset({"sip:alice@example.org"}))
    assert scene.house.told == []


def test_a_remembered_login_answers_at_once() -> None:
    scene = Scene(remember=60.0)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    for nc in (2, 3, 4):
        assert caller(scene.ask(scene.answer(challenge, nc=nc))).auth_id == "alice"
    assert len(scene.book.asked) == 1
    caller(scene.says(scene.answer(challenge, nc=5), now=NOW + 61))
    assert len(scene.book.asked) == 2


def test_logins_are_forgotten_on_request_and_at_the_bound() -> None:
    scene = Scene(most_logins=1)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    scene.digest.forget("example.org", "alice")
    caller(scene.says(scene.answer(challenge, nc=2)))
    caller(scene.says(scene.answer(challenge, "bob", "build", nc=3)))
    caller(scene.says(scene.answer(challenge, nc=4)))
    assert [name for _, name in scene.book.asked] == ["alice", "alice", "bob", "alice"]
    never = Scene(remember=0)
    challenge = never.challenge()
    for nc in (1, 2):
        caller(never.says(never.answer(challenge, nc=nc)))
    assert len(never.book.asked) == 2


def test_a_new_password_works_at_once() -> None:
    scene = Scene()
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    scene.book.passwords["alice"] = "looking glass"
    caller(scene.says(scene.answer(challenge, password="looking glass", nc=2)))
    refused(scene.says(scene.answer(challenge, nc=3)), "AUTH_INVALID_PASSWORD")


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_every_algorithm_and_qop(algorithm: str, qop: str) -> None:
    scene = Scene(algorithms=(algorithm,), qop="auth,auth-int")
    challenge = scene.challenge(method="MESSAGE")
    assert f'algorithm={algorithm}, qop="auth,auth-int"' in challenge
    for nc in (1, 2):
        words = {"method": "MESSAGE", "uri": "sip:bob@example.org"}
        answer = scene.answer(challenge, nc=nc, qop=qop, body=b"hello", **words)
        caller(scene.says(answer, body="hello", **words))
        changed = scene.answer(challenge, nc=nc + 10, qop=qop, body=b"hello", **words)
        verdict = scene.says(changed, body="hullo", **words)
        assert isinstance(verdict, Challenge if qop == "auth-int" else Pass)


def test_several_algorithms_are_several_challenges_with_one_nonce() -> None:
    scene = Scene(algorithms=("SHA-256", "MD5"))
    values = scene.ask().values
    assert [value.split("algorithm=")[1].split(",")[0] for value in values] == ["SHA-256", "MD5"]
    both = [scene.answer(value, nc=nc) for nc, value in enumerate(values, 1)]
    for answer in both:
        caller(scene.says(answer))
    wrong = scene.answer(values[0], password="wrong", nc=9)
    refused(scene.says(scene.answer(values[1], nc=10), wrong), "AUTH_INVALID_PASSWORD")


def test_a_missing_algorithm_means_the_one_that_was_offered_or_md5() -> None:
    for algorithms in (("MD5",), ("SHA-256",), ("SHA-256", "MD5")):
        scene = Scene(algorithms=algorithms)
        answer = scene.answer(scene.ask().values[-1])
        caller(scene.says(answer.replace(f", algorithm={algorithms[-1]}", "")))
    scene = Scene(algorithms=("SHA-256", "SHA-512-256"))
    refused(scene.says(scene.answer().replace(", algorithm=SHA-256", "")), "AUTH_DOWNGRADE")


def test_either_header_and_quoted_spellings_will_do() -> None:
    scene = Scene()
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge), header="Proxy-Authorization"))
    answer = scene.answer(challenge, nc=2).replace("algorithm=MD5", 'algorithm="md5"').replace("qop=auth", 'qop="auth"')
    caller(scene.says(answer))


def test_credentials_of_other_realms_and_schemes_are_passed_over() -> None:
    scene = Scene()
    ours = scene.answer()
    foreign = ours.replace('realm="example.org"', 'realm="elsewhere.example"')
    refused(scene.says(foreign, "Basic QWxhZGRpbg=="), "AUTH_NO_CREDENTIALS")
    caller(scene.says(foreign, "Bearer x", ours))
    assert scene.causes() == []


def test_a_name_with_a_domain_may_be_the_same_address() -> None:
    scene = Scene()
    assert caller(scene.says(scene.answer(name="alice@example.org"))).aors == {"sip:alice@example.org"}


def test_two_domains_do_not_mix() -> None:
    mine, other = Book(), Book()
    domains = FakeDomains(("example.org", "example.com"))
    scene = Scene(accounts={"example.org": mine, "*": other}, domains=domains)
    challenge = scene.challenge(to="<sip:alice@example.com>")
    assert 'realm="example.com"' in challenge
    caller(scene.says(scene.answer(challenge), to="<sip:alice@example.com>"))
    assert (len(mine.asked), len(other.asked)) == (0, 1)
    lie = scene.answer(challenge, realm="example.org", nc=2)
    refused(scene.says(lie), "AUTH_NONCE_UNKNOWN")


# --- who does not


def test_wrong_password_and_unknown_subscriber_look_the_same() -> None:
    scene = Scene()
    challenge = scene.challenge()
    wrong = refused(scene.says(scene.answer(challenge, password="x")), "AUTH_INVALID_PASSWORD")
    unknown = refused(scene.says(scene.answer(challenge, name="mallory")), "AUTH_USER_UNKNOWN")
    assert wrong.values[0].partition("nonce=")[0] == unknown.values[0].partition("nonce=")[0]
    assert len(wrong.values[0]) == len(unknown.values[0])
    assert scene.causes() == ["AUTH_INVALID_PASSWORD", "AUTH_USER_UNKNOWN"]


def test_both_ask_the_backend_even_when_a_login_is_remembered() -> None:
    scene = Scene()
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    scene.says(scene.answer(challenge, password="x", nc=2))
    scene.says(scene.answer(challenge, name="mallory", nc=2))
    assert [name for _, name in scene.book.asked] == ["alice", "alice", "mallory"]


def test_an_event_names_whom_and_where_and_no_secret() -> None:
    scene = Scene()
    scene.says(scene.answer(password="x"))
    (event,) = scene.house.told
    assert event == AuthFailed("AUTH_INVALID_PASSWORD", "alice", "example.org", "192.0.2.9", "UDP", "REGISTER", "c1@phone", -2)


def test_a_replay_is_refused_out_of_order_is_not() -> None:
    scene = Scene()
    challenge = scene.challenge()
    for nc in (1, 3, 2):
        caller(scene.says(scene.answer(challenge, nc=nc)))
    for nc in (1, 2, 3):
        refused(scene.says(scene.answer(challenge, nc=nc)), "AUTH_NONCE_REUSED", stale=True)
    assert scene.causes() == ["AUTH_NONCE_REUSED"] * 3


def test_two_copies_on_their_way_at_once_let_one_in() -> None:
    scene = Scene()
    answers: list[Deferred[Account]] = [Deferred(), Deferred()]
    scene.book.later = list(answers)
    value = scene.answer()
    verdicts: list[Any] = []
    for _ in range(2):
        Deferred.fromCoroutine(scene.ask(value)).addBoth(verdicts.append)
    for answer in answers:
        answer.callback(Account("alice", "example.org", {}, "wonder"))
    caller(verdicts[0])
    refused(verdicts[1], "AUTH_NONCE_REUSED", stale=True)


def test_bad_digests_on_somebodys_nonce_do_not_hurt_them() -> None:
    scene = Scene()
    challenge = scene.challenge()
    for nc in (1, 2, 4_000_000_000):
        refused(scene.says(scene.answer(challenge, password="guess", nc=nc)), "AUTH_INVALID_PASSWORD")
    caller(scene.says(scene.answer(challenge)))
    refused(scene.says(scene.answer(challenge, password="guess", nc=2)), "AUTH_INVALID_PASSWORD")
    caller(scene.says(scene.answer(challenge, nc=2)))


def test_stale_is_said_only_when_the_digest_was_right() -> None:
    scene = Scene(nonce_expire=300)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge), now=NOW + 300))
    refused(scene.says(scene.answer(challenge, nc=2), now=NOW + 301), "AUTH_STALE_NONCE", stale=True)
    refused(scene.says(scene.answer(challenge, password="x", nc=2), now=NOW + 301), "AUTH_INVALID_PASSWORD")
    assert scene.causes() == ["AUTH_STALE_NONCE", "AUTH_INVALID_PASSWORD"]


def test_a_nonce_from_the_future_is_stale_beyond_the_drift() -> None:
    scene = Scene()
    challenge = scene.challenge(now=NOW + 3)
    caller(scene.says(scene.answer(challenge), now=NOW))
    challenge = scene.challenge(now=NOW + 3.5)
    refused(scene.says(scene.answer(challenge), now=NOW), "AUTH_STALE_NONCE", stale=True)


def test_forged_nonces_are_not_stale() -> None:
    scene = Scene()
    foreign = Mint([b"x" * 32]).mint(NOW, b"12345678", "example.org", 65)
    for nonce in (foreign, "abc", "A" * 48):
        value = f'Digest realm="example.org", nonce="{nonce}", algorithm=MD5, qop="auth"'
        refused(scene.says(scene.answer(value)), "AUTH_NONCE_UNKNOWN")
    assert set(scene.causes()) == {"AUTH_NONCE_UNKNOWN"}
    assert scene.book.asked == [], "nobody's secret is looked at for a nonce that is none"


def test_downgrades_are_refused() -> None:
    scene = Scene(algorithms=("SHA-256",))
    challenge = scene.challenge()
    for words in ({"algorithm": "MD5"}, {"qop": None}, {"qop": "auth-int"}):
        refused(scene.says(scene.answer(challenge, **words)), "AUTH_DOWNGRADE")
    refused(scene.says(scene.answer(challenge).replace("algorithm=SHA-256", "algorithm=SHA3-256")), "AUTH_DOWNGRADE")
    assert scene.causes() == ["AUTH_DOWNGRADE"] * 4


def test_without_qop_a_nonce_is_good_once_if_that_is_allowed_at_all() -> None:
    scene = Scene(qop_required=False)
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge, qop=None)))
    refused(scene.says(scene.answer(challenge, qop=None)), "AUTH_NONCE_REUSED", stale=True)
    refused(scene.says(scene.answer(challenge, nc=7)), "AUTH_NONCE_REUSED", stale=True)
    caller(scene.says(scene.answer()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value.replace("nc=00000001", "nc=1"),
        lambda value: value.replace(", nc=00000001", ""),
        lambda value: value.replace("cnonce=", "cn="),
        lambda value: value + ', username="bob"',
        lambda value: value.replace('username="alice"', 'username="alice'),
        lambda value: value.replace('response="', 'response="zz'),
        lambda value: "Digest",
    ],
)
def test_credentials_that_cannot_be_read_get_400(spoil: Any) -> None:
    scene = Scene()
    verdict = scene.says(spoil(scene.answer()))
    assert isinstance(verdict, Reply) and verdict.status == 400
    assert scene.causes() == ["AUTH_ERROR"]


def test_nine_headers_with_credentials_are_too_many() -> None:
    scene = Scene()
    caller(scene.says(*["Basic x"] * 7, scene.answer()))
    verdict = scene.says(*["Basic x"] * 8, scene.answer())
    assert isinstance(verdict, Reply) and verdict.status == 400


@pytest.mark.parametrize(
    ("signed", "asked", "mode", "good"),
    [
        ("sip:bob@example.org", "sip:bob@example.org", "strict", True),
        ("sip:bob@EXAMPLE.org", "sip:bob@example.org", "strict", False),
        ("sip:bob@EXAMPLE.org", "sip:bob@example.org", "equivalent", True),
        ("sip:bob@192.0.2.1:5060", "sip:bob@example.org", "equivalent", True),
        ("sip:bob@192.0.2.7", "sip:bob@example.org", "equivalent", False),
        ("sip:bob@example.org", "sip:bob@192.0.2.7", "equivalent", False),
        ("sip:carol@example.org", "sip:bob@example.org", "equivalent", False),
        ("sip:example.org", "sip:bob@example.org", "equivalent", False),
        ("sip:bob@example.org", "sip:bob@example.org;maddr=192.0.2.7", "equivalent", False),
        ("bob", "sip:bob@example.org", "equivalent", False),
        ("bob", "sip:bob@example.org", "off", True),
    ],
)
def test_the_signed_uri_must_be_the_one_that_is_asked_for(signed: str, asked: str, mode: str, good: bool) -> None:
    scene = Scene(check_digest_uri=mode)
    verdict = scene.says(scene.answer(method="MESSAGE", uri=signed), method="MESSAGE", uri=asked)
    if good:
        caller(verdict)
    else:
        assert isinstance(verdict, Reply) and verdict.status == 400
        assert scene.causes() == ["AUTH_WRONG_URI"]


def test_credentials_are_good_for_their_method_only() -> None:
    scene = Scene()
    challenge = scene.challenge()
    refused(scene.says(scene.answer(challenge, method="OPTIONS")), "AUTH_INVALID_PASSWORD")


# --- when the backend does not answer


def test_a_dead_backend_is_500_told_once_and_never_a_challenge() -> None:
    scene = Scene()
    challenge = scene.challenge()
    scene.book.later = [fail(BackendDown("no such table")) for _ in range(3)]
    for nc in (1, 2, 3):
        verdict = scene.says(scene.answer(challenge, nc=nc))
        assert isinstance(verdict, Reply) and verdict.status == 500
        assert verdict.headers == (("Retry-After", "5"),)
        assert "table" not in verdict.reason
    assert scene.house.told == [BackendFailed("book", "no such table")]
    caller(scene.says(scene.answer(challenge, nc=3)))
    assert scene.house.told[1:] == [BackendRecovered("book")]
    scene.says(scene.answer(challenge, nc=4))
    assert len(scene.house.told) == 2


def test_a_wrong_password_is_also_a_sign_of_life() -> None:
    scene = Scene()
    scene.book.later = [fail(BackendDown("gone"))]
    scene.says(scene.answer())
    scene.says(scene.answer(password="x"))
    assert [type(event) for event in scene.house.told] == [BackendFailed, BackendRecovered, AuthFailed]


def test_a_backend_that_says_nothing_is_down_after_its_time() -> None:
    scene = Scene(timeout=2.0)
    never: Deferred[Account] = Deferred()
    scene.book.later = [never]
    verdicts: list[Any] = []
    value = scene.answer()
    Deferred.fromCoroutine(scene.ask(value)).addBoth(verdicts.append)
    scene.house.reactor.advance(1.9)
    assert verdicts == []
    scene.house.reactor.advance(0.2)
    assert isinstance(verdicts[0], Reply) and verdicts[0].status == 500
    assert scene.house.told == [BackendFailed("book", "no answer within 2 seconds")]
    assert scene.house.reactor.getDelayedCalls() == []
    caller(scene.says(value)), "what timed out spent nothing"


def test_a_remembered_login_survives_a_dead_backend() -> None:
    scene = Scene()
    challenge = scene.challenge()
    caller(scene.says(scene.answer(challenge)))
    scene.book.later = [fail(BackendDown("gone"))]
    caller(scene.ask(scene.answer(challenge, nc=2)))
    assert isinstance(scene.says(scene.answer(challenge, password="x", nc=3)), Reply)


def test_what_a_backend_raises_besides_is_not_swallowed() -> None:
    scene = Scene()
    scene.book.later = [fail(ZeroDivisionError())]
    with pytest.raises(ZeroDivisionError):
        scene.says(scene.answer())


# --- bounds and options


def test_challenges_are_not_remembered() -> None:
    scene = Scene()
    nonces = {scene.challenge() for _ in range(200)}
    assert len(nonces) == 200
    assert (len(scene.digest._challenges.ledger), len(scene.digest._logins)) == (0, 0)
    scene.says(scene.answer(password="x"))
    assert (len(scene.digest._challenges.ledger), len(scene.digest._logins)) == (0, 0)


def test_what_a_full_ledger_forgot_is_stale() -> None:
    scene = Scene(most_nonces=1)
    first, second = scene.challenge(), scene.challenge(now=NOW + 1)
    caller(scene.says(scene.answer(first)))
    caller(scene.says(scene.answer(second), now=NOW + 1))
    refused(scene.says(scene.answer(first), now=NOW + 1), "AUTH_STALE_NONCE", stale=True)
    refused(scene.says(scene.answer(first, nc=2), now=NOW + 1), "AUTH_STALE_NONCE", stale=True)


def test_clear_passwords_are_not_kept() -> None:
    scene = Scene()
    scene.says(scene.answer())
    (login,) = scene.digest._logins._kept.values()
    assert b"wonder" not in b"".join(login.ha1.values())
    assert "secrets hidden" in repr(login)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"algorithms": ("MD4",)}, "'MD4'"),
        ({"algorithms": ()}, "algorithms="),
        ({"algorithms": ("MD5", "MD5")}, "algorithms="),
        ({"qop": ""}, "qop="),
        ({"qop": "auth-conf"}, "auth-conf"),
        ({"check_digest_uri": "maybe"}, "check_digest_uri="),
        ({"nonce_expire": 0}, "nonce_expire=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"accounts": {"elsewhere.example": Book()}}, "'elsewhere.example', which is no domain"),
        ({"domains": FakeDomains(("example.org", "example.com"))}, "nobody has accounts for the domain 'example.com'"),
        ({"accounts": {"example.org": "subscribers.db"}}, "SQLAccounts"),
    ],
)
def test_options_that_make_no_sense_stop_the_start(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Scene(**options)


def test_algorithms_that_the_backend_cannot_answer_stop_the_start() -> None:
    book = Book()
    book.algorithms = ("MD5",)  # type: ignore[attr-defined]
    Scene(accounts={"example.org": book}, algorithms=("MD5-sess", "MD5"))
    with pytest.raises(ConfigError, match="no secrets for SHA-256"):
        Scene(accounts={"example.org": book}, algorithms=("SHA-256",))


def test_no_accounts_at_all() -> None:
    for nothing in ({}, None, "x"):
        with pytest.raises(ConfigError, match="SQLAccounts"):
            Digest(nothing)  # type: ignore[arg-type]


def test_before_the_site_starts_nobody_is_let_in() -> None:
    digest = Digest({"example.org": Book()})
    with pytest.raises(ConfigError, match="never attached"):
        digest.check(make_context(make_request(), flow=FakeFlow()))
