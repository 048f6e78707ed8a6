"""Sealed accounts through twisted.cred's door: a stolen database, moved and damaged rows, and what was there before."""

import hashlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import FakeHouse, ThreadReactor, digest_answer
from twsip.api import Account, BackendDown, ConfigError, ICaller, SealBroken, UnknownSubscriber, WrongResponse
from twsip.cred import SIPDigest, SQLAccounts, portal_for
from twsip.cred.seal import Seal
from twsip.guard.keyring import new_file
from twsip.sip.digest import MD5
from twsip.sip.fields.auth import DigestCredentials, parse_credentials
from twsip.stores import Subscribers


def key_file(path: Path, key: bytes = b"1" * 32) -> str:
    path.touch(0o600)
    path.write_text(new_file(key))
    return str(path)


@pytest.fixture
def key(tmp_path: Path) -> str:
    return key_file(tmp_path / "ha1.key")


@pytest.fixture
def path(tmp_path: Path, key: str) -> str:
    """alice and bob, sealed; carol has no password."""
    made = str(tmp_path / "twsip.db")
    people = Subscribers(made)
    people.seal_with(Seal(key))
    people.add("alice", "example.org", "wonder")
    people.add("bob", "example.org", "build")
    people.add("alice", "example.com", "other")
    people.close()
    execute(made, "INSERT INTO subscriber (username, domain) VALUES ('carol', 'example.org')")
    return made


def execute(path: str, sql: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def opened(path: str, reactor: ThreadReactor, **options: Any) -> SQLAccounts:
    accounts = SQLAccounts(path, **options)
    accounts.attach(FakeHouse(reactor=reactor))
    return accounts


def credentials(name: str, secret: str, is_ha1: bool = False) -> SIPDigest:
    """A phone's, that has the password or, if `is_ha1`, takes the text for its HA1."""
    answer = digest_answer('Digest realm="example.org", nonce="n", qop="auth"', name, secret, "REGISTER", "sip:example.org")
    if is_ha1:
        ha2 = hashlib.md5(b"REGISTER:sip:example.org", usedforsecurity=False).hexdigest()
        text = f"{secret}:n:00000001:0a4f113b:auth:{ha2}"
        response = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        start = answer.index('response="') + 10
        answer = answer[:start] + response + answer[start + 32 :]
    fields = parse_credentials(answer.encode())
    assert isinstance(fields, DigestCredentials)
    return SIPDigest(fields, MD5, b"REGISTER", b"")


def login(accounts: SQLAccounts, reactor: ThreadReactor, *words: Any) -> Any:
    return reactor.until(portal_for({"example.org": accounts}).login(credentials(*words), None, ICaller))[1]


def test_a_login_over_sealed_accounts(path: str, key: str, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor, seal=key)
    assert login(accounts, reactor, "alice", "wonder").auth_id == "alice"
    assert login(accounts, reactor, "alice@example.org", "wonder").auth_id == "alice"
    with pytest.raises(WrongResponse):
        login(accounts, reactor, "alice", "other")
    for nobody in ("eve", "carol", "alice@example.com"):
        with pytest.raises(UnknownSubscriber):
            login(accounts, reactor, nobody, "wonder")
    accounts.attach(FakeHouse(reactor=reactor))
    assert login(accounts, reactor, "bob", "build").auth_id == "bob"


def test_a_stolen_database_logs_nobody_in(path: str, reactor: ThreadReactor, tmp_path: Path) -> None:
    thief = tmp_path / "thief"
    thief.mkdir()
    for name in os.listdir(tmp_path):
        if name.startswith("twsip.db"):
            shutil.copy(tmp_path / name, thief / name)
    copy = str(thief / "twsip.db")
    other = key_file(thief / "own.key", b"2" * 32)
    tried = 0
    for options in (
        {},
        {"seal": other},
        {"seal": other, "accept_unsealed": True},
        {"calculate_ha1": 1, "password_column": "ha1"},
        {"calculate_ha1": 1, "password_column": "ha1", "seal": other, "accept_unsealed": True},
    ):
        accounts = opened(copy, reactor, **options)
        for username, first, second in execute(copy, "SELECT username, ha1, ha1b FROM subscriber WHERE ha1 != '' AND domain = 'example.org'"):
            for secret in (first, second, first.lower(), first[5:], "wonder", "build"):
                for is_ha1 in (False, True):
                    for name in (username, f"{username}@example.org"):
                        tried += 1
                        with pytest.raises((SealBroken, UnknownSubscriber)) as refused:
                            login(accounts, reactor, name, secret, is_ha1)
                        # With clear text there is no second column, so user@domain is nobody.
                        assert refused.type is SealBroken or "@" in name
    assert tried == 5 * 2 * 6 * 2 * 2


def test_without_its_key_or_with_another_a_site_is_down_and_says_why(path: str, key: str, reactor: ThreadReactor, tmp_path: Path) -> None:
    with pytest.raises(BackendDown, match=r"are sealed, and SQLAccounts\(...\) has no key; give it seal="):
        login(opened(path, reactor), reactor, "alice", "wonder")
    other = key_file(tmp_path / "other.key", b"2" * 32)
    with pytest.raises(BackendDown, match=r"other.key does not hold; put that key back into it"):
        login(opened(path, reactor, seal=other), reactor, "alice", "wonder")
    os.unlink(key)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        opened(path, reactor, seal=key)
    key_file(Path(key))
    os.chmod(key, 0o640)
    with pytest.raises(ConfigError, match="0640"):
        opened(path, reactor, seal=key)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE subscriber SET ha1 = (SELECT ha1 FROM subscriber WHERE username = 'bob') WHERE username = 'alice'",
        "UPDATE subscriber SET ha1 = ha1b, ha1b = ha1",
        "UPDATE subscriber SET ha1 = (SELECT ha1 FROM subscriber WHERE domain = 'example.com') WHERE username = 'alice'",
        "UPDATE OR REPLACE subscriber SET username = 'alice' WHERE username = 'bob'",
        "UPDATE OR REPLACE subscriber SET domain = 'example.org' WHERE domain = 'example.com'",
        "UPDATE subscriber SET ha1 = substr(ha1, 1, 63)",
        "UPDATE subscriber SET ha1 = substr(ha1, 1, 4)",
        "UPDATE subscriber SET ha1 = ha1 || 'A'",
        "UPDATE subscriber SET ha1 = upper(ha1)",
        "UPDATE subscriber SET ha1 = substr(ha1, 2)",
        "UPDATE subscriber SET ha1 = '~1h'",
        "UPDATE subscriber SET ha1 = 'x'",
        "UPDATE subscriber SET ha1 = 'b5bbc5c2d5f1e2d7c1fb9bbb9b0f9a4f'",
    ],
)
def test_moved_and_damaged_rows_are_failures_and_neither_wrong_nor_right(path: str, key: str, reactor: ThreadReactor, damage: str) -> None:
    execute(path, damage)
    accounts = opened(path, reactor, seal=key)
    for password in ("wonder", "build", "other", "x"):
        with pytest.raises(SealBroken, match=r"the ha1 of alice@example\.org was altered|the ha1 of alice@example\.org is not|put that key back"):
            login(accounts, reactor, "alice", password)


def test_what_is_not_sealed_yet(path: str, key: str, reactor: ThreadReactor) -> None:
    ha1 = hashlib.md5(b"alice:example.org:clear", usedforsecurity=False).hexdigest()
    execute(path, "UPDATE subscriber SET ha1 = ? WHERE username = 'alice' AND domain = 'example.org'", ha1.upper())
    with pytest.raises(SealBroken, match="is not sealed"):
        login(opened(path, reactor, seal=key), reactor, "alice", "clear")
    lenient = opened(path, reactor, seal=key, accept_unsealed=True)
    assert login(lenient, reactor, "alice", "clear").auth_id == "alice"
    assert login(lenient, reactor, "bob", "build").auth_id == "bob"
    with pytest.raises(ConfigError, match="says nothing without seal="):
        SQLAccounts(path, accept_unsealed=True)


def test_clear_passwords_may_be_sealed_too(path: str, key: str, reactor: ThreadReactor) -> None:
    sealed = Seal(key)
    sealed.load()
    execute(path, "UPDATE subscriber SET password = ? WHERE username = 'bob'", sealed.seal("build", "bob", "example.org", "password"))
    clear = opened(path, reactor, seal=key, calculate_ha1=1)
    assert reactor.until(clear.find("example.org", "bob")) == Account("bob", "example.org", {}, "build")
    assert reactor.until(clear.find("example.org", "carol")) is None
    execute(path, "UPDATE subscriber SET password = 'ABCDEFABCDEFABCDEFABCDEFABCDEF00' WHERE username = 'bob'")
    with pytest.raises(SealBroken, match="the password of bob"):
        reactor.until(clear.find("example.org", "bob"))
    lenient = opened(path, reactor, seal=key, calculate_ha1=1, accept_unsealed=True)
    assert reactor.until(lenient.find("example.org", "bob")).password == "ABCDEFABCDEFABCDEFABCDEFABCDEF00"


def test_passwords_in_clear_text_that_begin_like_sealed_values(path: str, key: str, reactor: ThreadReactor) -> None:
    execute(path, "UPDATE subscriber SET password = '~1secret' WHERE username = 'bob'")
    for options in ({}, {"seal": key, "accept_unsealed": True}):
        accounts = opened(path, reactor, calculate_ha1=1, **options)
        assert reactor.until(accounts.find("example.org", "bob")).password == "~1secret"
    # Once the table is sealed this one is, too.
    people = Subscribers(path)
    people.seal_with(Seal(key, accept_unsealed=True))
    assert people.reseal("seal")["broken"] == 0
    people.close()
    sealed = opened(path, reactor, calculate_ha1=1, seal=key)
    assert reactor.until(sealed.find("example.org", "bob")).password == "~1secret"
    with pytest.raises(SealBroken, match="has no key"):
        reactor.until(opened(path, reactor, calculate_ha1=1).find("example.org", "bob"))


def test_without_use_domain_the_rows_own_domain_counts(path: str, key: str, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor, seal=key, use_domain=0)
    assert login(accounts, reactor, "bob", "build").auth_id == "bob"
    with pytest.raises(UnknownSubscriber):
        login(accounts, reactor, "eve", "build")


def test_whose_table_it_is(path: str, tmp_path: Path) -> None:
    os.symlink(path, tmp_path / "link.db")
    assert SQLAccounts(f"sqlite:///{path}").reads(str(tmp_path / "link.db"))
    assert not SQLAccounts(path).reads(str(tmp_path / "other.db"))
    assert not SQLAccounts(path, table="people").reads(path)


def test_a_key_that_comes_with_a_rotation_elsewhere_is_found(path: str, key: str, reactor: ThreadReactor) -> None:
    from twsip.ops import keyfile

    accounts = opened(path, reactor, seal=key)
    keyfile.add(key)
    people = Subscribers(path)
    people.seal_with(Seal(key))
    assert people.reseal("rotate")["changed"] == 3
    people.close()
    assert login(accounts, reactor, "alice", "wonder").auth_id == "alice"
