"""Who is asked who they are, and who gets in."""


import pytest
from zope.interface.verify import verifyObject

from tests.checks.digest_scene import NOW, Book, Scene, caller, refused
from tests.helpers import FakeDomains, make_context, make_request
from twsip.api import PASS, Caller, Challenge, IRequestCheck, OurDialog, Pass, TrustedPeer


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


def test_a_name_that_nobody_has_is_remembered_if_that_is_wanted() -> None:
    scene = Scene(remember_unknown=30.0)
    challenge = scene.challenge()
    for nc in (1, 2, 3):
        refused(scene.says(scene.answer(challenge, "mallory", "x", nc=nc)), "AUTH_USER_UNKNOWN")
    assert len(scene.book.asked) == 1
    scene.book.passwords["mallory"] = "x"
    refused(scene.says(scene.answer(challenge, "mallory", "x", nc=4)), "AUTH_USER_UNKNOWN")
    scene.digest.forget("example.org", "mallory")
    caller(scene.says(scene.answer(challenge, "mallory", "x", nc=5), to="<sip:mallory@example.org>"))
    scene.says(scene.answer(challenge, "carol", "x"))
    scene.says(scene.answer(challenge, "carol", "x"), now=NOW + 31)
    assert [name for _, name in scene.book.asked] == ["mallory", "mallory", "carol", "carol"]
    always = Scene()
    for nc in (1, 2):
        always.says(always.answer(name="mallory", nc=nc))
    assert len(always.book.asked) == 2


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
