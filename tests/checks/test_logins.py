"""Remembered logins: bounded, without passwords, forgotten by name."""

from tests.helpers import digest_answer
from twsip.api import Account, Pass
from twsip.checks.logins import NOBODY, Logins
from twsip.sip.digest import MD5, SHA_256, SIPDigest, ha1
from twsip.sip.fields.auth import DigestCredentials, parse_credentials


def proven(name: str, account: Account, realm: str = "example.org") -> SIPDigest:
    fields = parse_credentials(digest_answer(f'Digest realm="{realm}", nonce="n"', name, "pw", "BYE", "sip:r").encode())
    assert isinstance(fields, DigestCredentials)
    credentials = SIPDigest(fields, MD5, b"BYE", b"")
    assert credentials.holds_for(account)
    return credentials


def made(algorithms: tuple[str, ...], seconds: float, most: int) -> Logins:
    logins = Logins(seconds, most)
    logins.expect(algorithms)
    return logins


def account(name: str) -> Account:
    return Account(name, "example.org", {}, "pw")


def test_what_is_kept() -> None:
    logins = made(("SHA-256", "MD5-sess"), 60.0, 10)
    passes = Pass("caller")
    logins.keep(proven("alice", account("alice")), passes, 100.0)
    found = logins.find("example.org", "alice")
    assert (found.until, found.passes) == (160.0, passes)
    assert found.ha1 == {
        "MD5": ha1(MD5, "alice", "example.org", "pw"),
        "SHA-256": ha1(SHA_256, "alice", "example.org", "pw"),
    }
    assert logins.find("example.com", "alice") is NOBODY
    assert logins.find("example.org", "Alice") is NOBODY


def test_an_unknown_family_is_not_kept() -> None:
    logins = made(("SHA-256", "MD5"), 60.0, 10)
    stored = Account("alice", "example.org", {"MD5": ha1(MD5, "alice", "example.org", "pw").decode()})
    logins.keep(proven("alice", stored), Pass(), 100.0)
    assert list(logins.find("example.org", "alice").ha1) == ["MD5"]


def test_nothing_is_kept_that_was_not_proven_or_not_wanted() -> None:
    credentials = proven("alice", account("alice"))
    never = made(("MD5",), 0.0, 10)
    never.keep(credentials, Pass(), 100.0)
    logins = made(("MD5",), 60.0, 10)
    logins.keep(SIPDigest(credentials.fields, MD5, b"BYE", b""), Pass(), 100.0)
    assert (len(never), len(logins)) == (0, 0)


def test_an_account_is_forgotten_under_all_its_names() -> None:
    logins = made(("MD5",), 60.0, 10)
    for name in ("alice", "alice@example.org", "alice@EXAMPLE.org", "alicea"):
        logins.keep(proven(name, account("x")), Pass(), 100.0)
    logins.keep(proven("alice", account("x"), "example.com"), Pass(), 100.0)
    logins.forget("example.org", "alice")
    assert len(logins) == 2
    assert logins.find("example.org", "alicea") is not NOBODY
    assert logins.find("example.com", "alice") is not NOBODY


def test_the_oldest_goes() -> None:
    logins = made(("MD5",), 60.0, 2)
    for name in ("a", "b", "a", "c"):
        logins.keep(proven(name, account(name)), Pass(), 100.0)
    assert len(logins) == 2
    assert logins.find("example.org", "b") is NOBODY


def test_names_that_nobody_has_are_kept_apart_and_bounded() -> None:
    logins = Logins(60.0, 2, 30.0)
    for name in ("a", "b", "a", "c"):
        logins.miss("example.org", name, 100.0)
    assert [logins.is_missed("example.org", name, 129.9) for name in "abc"] == [True, False, True]
    assert not logins.is_missed("example.org", "a", 130.0)
    assert not logins.is_missed("example.com", "a", 100.0)
    logins.forget("example.org", "c")
    assert not logins.is_missed("example.org", "c", 100.0)
    never = Logins(60.0, 2)
    never.miss("example.org", "a", 100.0)
    assert not never.is_missed("example.org", "a", 100.0)
