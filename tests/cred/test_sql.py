"""Accounts from a real SQLite file, through twisted.cred's door."""

import hashlib
import itertools
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, ensureDeferred
from zope.interface.verify import verifyObject

from tests.helpers import FakeHouse, ThreadReactor, digest_answer
from twsip.api import Account, BackendDown, Caller, ConfigError, IAccounts, ICaller, UnknownSubscriber, WrongResponse
from twsip.cred import SIPDigest, SQLAccounts, portal_for
from twsip.cred.sqlpool import MOST_WAITING
from twsip.sip.digest import MD5
from twsip.sip.fields.auth import DigestCredentials, parse_credentials


def h(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "subscribers db?.sqlite"
    connection = sqlite3.connect(made)
    connection.execute(
        "CREATE TABLE subscriber (id INTEGER PRIMARY KEY, username TEXT COLLATE NOCASE, domain TEXT, password TEXT, "
        "ha1 TEXT, ha1b TEXT, ha1_sha256 TEXT, UNIQUE (username, domain))"
    )
    for name, domain, password in (
        ("alice", "example.org", "wonder"),
        ("alice", "example.com", "other"),
        ("o'br; --", "example.org", "drop"),
        ("nobody", "example.org", ""),
    ):
        full = f"{name}@{domain}:{domain}:{password}"
        plain = f"{name}:{domain}:{password}"
        row = (name, domain, password, h(plain).upper(), h(full), hashlib.sha256(plain.encode()).hexdigest())
        if not password:
            row = (name, domain, "", "", "", "")
        connection.execute(
            "INSERT INTO subscriber (username, domain, password, ha1, ha1b, ha1_sha256) VALUES (?, ?, ?, ?, ?, ?)", row
        )
    connection.commit()
    connection.close()
    return made


def opened(path: Path, reactor: ThreadReactor, **options: Any) -> SQLAccounts:
    accounts = SQLAccounts(str(path), **options)
    accounts.attach(FakeHouse(reactor=reactor))
    return accounts


def test_it_is_a_backend(path: Path) -> None:
    assert verifyObject(IAccounts, SQLAccounts(str(path)))


def test_ha1_is_found_by_name_and_domain(path: Path, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor)
    assert accounts.algorithms == ("MD5",)
    found = reactor.until(accounts.find("example.org", "alice"))
    assert found == Account("alice", "example.org", {"MD5": h("alice:example.org:wonder")})
    assert reactor.until(accounts.find("example.com", "alice")).ha1 == {"MD5": h("alice:example.com:other")}
    assert reactor.until(accounts.find("example.org", "o'br; --")).auth_id == "o'br; --"


@pytest.mark.parametrize(
    "name", ["bob", "ALICE", "", "alice'--", "' OR 1=1 --", "alice\0", "nobody", "\u00e9", "alice@example.com", "@", "@example.org"]
)
def test_who_is_not_there(path: Path, reactor: ThreadReactor, name: str) -> None:
    for options in ({}, {"calculate_ha1": 1}, {"use_domain": 0, "user_column": "username"}):
        assert reactor.until(opened(path, reactor, **options).find("example.org", name)) is None


def test_ha1b_for_names_with_a_domain(path: Path, reactor: ThreadReactor) -> None:
    found = reactor.until(opened(path, reactor).find("example.org", "alice@example.org"))
    assert found == Account("alice", "example.org", {"MD5": h("alice@example.org:example.org:wonder")})
    assert reactor.until(opened(path, reactor, password_column_2="").find("example.org", "alice@example.org")) is None


def test_a_table_without_ha1b_will_do(path: Path, reactor: ThreadReactor) -> None:
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE subscriber DROP COLUMN ha1b")
    connection.close()
    accounts = opened(path, reactor)
    assert reactor.until(accounts.find("example.org", "alice@example.org")) is None
    assert reactor.until(accounts.find("example.org", "alice")) is not None


def test_it_opens_once_and_may_be_closed(path: Path, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor)
    pool = accounts._database.pool
    accounts.attach(FakeHouse(reactor=reactor))
    assert accounts._database.pool is pool
    assert "subscribers db?" in repr(accounts)
    accounts.close()
    accounts.close()
    assert accounts._database.pool is None
    assert SQLAccounts("sqlite:////tmp/x.db?mode=ro").name == "sql:/tmp/x.db"


def test_clear_text_and_stronger_hashes(path: Path, reactor: ThreadReactor) -> None:
    clear = opened(path, reactor, calculate_ha1=1)
    assert clear.algorithms == ("MD5", "SHA-256", "SHA-512-256")
    assert reactor.until(clear.find("example.org", "alice")).password == "wonder"
    strong = opened(path, reactor, hash_column_sha256="ha1_sha256")
    assert strong.algorithms == ("MD5", "SHA-256")
    found = reactor.until(strong.find("example.org", "alice"))
    assert found.ha1["SHA-256"] == hashlib.sha256(b"alice:example.org:wonder").hexdigest()


@pytest.mark.parametrize(
    ("given", "options", "says"),
    [
        ("", {}, "needs the path"),
        ("oracle://u:secret@host/db", {}, "names no database"),
        ("mysql://u:secret@host", {}, "no name of a database"),
        ("x.db", {"connections": 0}, "connections=0"),
        ("x.db", {"timeout": 0}, "timeout=0"),
        ("x.db", {"table": "a.b.c"}, "table="),
        ("x.db", {"load_credentials": "$avp(i:x)=rpid"}, "load_credentials="),
        ("x.db", {"table": "subscriber; DROP TABLE x"}, "table="),
        ("x.db", {"user_column": "a b"}, "user_column="),
        ("x.db", {"password_column": "ha1--"}, "password_column="),
        ("x.db", {"domain_column": ""}, "domain_column="),
        ("x.db", {"hash_column_sha256": "1a"}, "hash_column_sha256="),
    ],
)
def test_options_that_make_no_sense(given: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        SQLAccounts(given, **options)
    assert "secret" not in str(error.value)


def test_a_missing_file_or_column_stops_the_start(path: Path, reactor: ThreadReactor) -> None:
    with pytest.raises(ConfigError, match=r"does not exist; make it"):
        opened(path.with_name("none.db"), reactor)
    assert not path.with_name("none.db").exists()
    with pytest.raises(ConfigError, match="no such table: people"):
        opened(path, reactor, table="people")
    for options in ({"password_column": "rpid"}, {"password_column_2": "rpid"}, {"domain_column": "rpid"}):
        with pytest.raises(ConfigError, match="no such column: rpid"):
            opened(path, reactor, **options)
    path.write_bytes(b"this is no database, and long enough to be told apart from one" * 20)
    with pytest.raises(ConfigError, match="cannot be used"):
        opened(path, reactor)


def test_it_cannot_write(path: Path, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor)
    assert accounts._database.pool is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reactor.until(accounts._database.pool.runOperation("DELETE FROM subscriber"))


def test_a_locked_or_broken_database_is_down_and_comes_back(path: Path, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor, busy=0.01)
    assert reactor.until(accounts.find("example.org", "alice")) is not None
    writer = sqlite3.connect(path)
    writer.execute("ALTER TABLE subscriber RENAME TO gone")
    writer.commit()
    with pytest.raises(BackendDown, match="no such table"):
        reactor.until(accounts.find("example.org", "alice"))
    writer.execute("ALTER TABLE gone RENAME TO subscriber")
    writer.commit()
    writer.close()
    assert reactor.until(accounts.find("example.org", "alice")) is not None


def test_unopened_and_overfull_are_down(path: Path, reactor: ThreadReactor) -> None:
    accounts = SQLAccounts(str(path))
    with pytest.raises(BackendDown, match="not opened"):
        reactor.until(accounts.find("example.org", "alice"))
    accounts = opened(path, reactor)
    assert accounts._database.pool is not None
    accounts._database.pool.waiting = MOST_WAITING
    with pytest.raises(BackendDown, match="queries wait"):
        reactor.until(accounts.find("example.org", "alice"))


def credentials(name: str, password: str) -> SIPDigest:
    answer = digest_answer('Digest realm="example.org", nonce="n", qop="auth"', name, password, "REGISTER", "sip:example.org")
    fields = parse_credentials(answer.encode())
    assert isinstance(fields, DigestCredentials)
    return SIPDigest(fields, MD5, b"REGISTER", b"")


def test_through_the_door(path: Path, reactor: ThreadReactor) -> None:
    portal = portal_for({"example.org": opened(path, reactor)})
    interface, caller, logout = reactor.until(portal.login(credentials("alice", "wonder"), None, ICaller))
    assert interface is ICaller
    assert caller == Caller("alice", "example.org", frozenset({"sip:alice@example.org"}))
    assert verifyObject(ICaller, caller)
    assert logout() is None
    reactor.until(portal.login(credentials("alice@example.org", "wonder"), None, ICaller))
    with pytest.raises(WrongResponse):
        reactor.until(portal.login(credentials("alice", "wonders"), None, ICaller))
    with pytest.raises(UnknownSubscriber):
        reactor.until(portal.login(credentials("bob", "wonder"), None, ICaller))


@pytest.mark.parametrize(("calculate_ha1", "with_domain", "use_domain"), list(itertools.product((0, 1), (False, True), (0, 1))))
def test_the_matrix_of_auth_db(
    path: Path, reactor: ThreadReactor, calculate_ha1: int, with_domain: bool, use_domain: int
) -> None:
    """Which column is read, which row, and that the secret verifies: calculate_ha1 by user@domain by use_domain."""
    connection = sqlite3.connect(path)
    # A user of that name who stands alone, so that a look-up without the domain can only mean this row.
    row = ("carol", "other.example", "cage", h("carol:example.org:cage"), h("carol@example.org:example.org:cage"))
    connection.execute("INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("UPDATE subscriber SET ha1 = 'x' || ha1 WHERE ? OR ?", (with_domain, calculate_ha1))
    connection.execute("UPDATE subscriber SET ha1b = 'x' || ha1b WHERE ? OR ?", (not with_domain, calculate_ha1))
    connection.execute("UPDATE subscriber SET password = 'x' || password WHERE NOT ?", (calculate_ha1,))
    connection.commit()
    connection.close()
    accounts = opened(path, reactor, calculate_ha1=calculate_ha1, use_domain=use_domain)
    portal = portal_for({"example.org": accounts})
    user, password = ("alice", "wonder") if use_domain else ("carol", "cage")
    name = f"{user}@example.org" if with_domain else user
    found = reactor.until(accounts.find("example.org", name))
    if calculate_ha1:
        assert (found.ha1, found.password) == ({}, password)
    else:
        assert (found.ha1, found.password) == ({"MD5": h(f"{name}:example.org:{password}")}, None)
    _, caller, _ = reactor.until(portal.login(credentials(name, password), None, ICaller))
    assert caller.aors == {f"sip:{user}@example.org"}
    # The other way of asking by domain finds somebody else or nobody.
    other = opened(path, reactor, calculate_ha1=calculate_ha1, use_domain=not use_domain)
    if user == "carol":
        assert reactor.until(other.find("example.org", name)) is None


def test_user_at_domain_is_of_its_own_realm(path: Path, reactor: ThreadReactor) -> None:
    for use_domain in (0, 1):
        accounts = opened(path, reactor, use_domain=use_domain)
        assert reactor.until(accounts.find("example.org", "alice@example.com")) is None
        assert reactor.until(accounts.find("example.org", "alice@EXAMPLE.org")) is not None


def test_the_decks_load_credentials(path: Path, reactor: ThreadReactor) -> None:
    connection = sqlite3.connect(path)
    for column in ("rpid TEXT", "email_address TEXT", "age INTEGER", "weight REAL", "photo BLOB"):
        connection.execute(f"ALTER TABLE subscriber ADD COLUMN {column}")
    connection.execute("UPDATE subscriber SET rpid = '+4930123', email_address = 'a@example.org', age = 7, weight = 1.5, photo = x'00'")
    connection.commit()
    accounts = SQLAccounts(str(path), load_credentials="$avp(i:12)=rpid; $avp(i:14)=email_address")
    asked: list[str] = []
    connect = accounts._database.driver.connect

    def traced() -> Any:
        made = connect()
        made.set_trace_callback(asked.append)
        return made

    accounts._database.driver.connect = traced  # type: ignore[method-assign]
    accounts.attach(FakeHouse(reactor=reactor))
    portal = portal_for({"example.org": accounts})
    with pytest.raises(WrongResponse) as wrong:
        reactor.until(portal.login(credentials("alice", "wonders"), None, ICaller))
    assert "4930123" not in str(wrong.value)
    asked.clear()
    _, caller, _ = reactor.until(portal.login(credentials("alice", "wonder"), None, ICaller))
    assert caller.attributes == {"i:12": "+4930123", "i:14": "a@example.org"}
    assert len(asked) == 1 and asked[0].startswith("SELECT")
    # Whole numbers are told as text; what is neither, or NULL or empty, is not there.
    connection.execute("UPDATE subscriber SET email_address = '', rpid = NULL")
    connection.commit()
    text = "$avp(s:mail)=email_address;rpid;$avp(old)=age;weight;photo;"
    for options in ({}, {"calculate_ha1": 1}):
        found = reactor.until(opened(path, reactor, load_credentials=text, **options).find("example.org", "alice"))
        assert found.attributes == {"old": "7"}
    found = reactor.until(opened(path, reactor, load_credentials="age").find("example.org", "alice@example.org"))
    assert found.attributes == {"age": "7"}
    connection.execute("UPDATE subscriber SET rpid = 'x' || char(13, 10) || 'Evil: yes', email_address = ?", ("x" * 1025,))
    connection.commit()
    connection.close()
    found = reactor.until(opened(path, reactor, load_credentials="rpid;email_address").find("example.org", "alice"))
    assert found.attributes == {}
    with pytest.raises(ConfigError, match=r"no such column: shoe \(load_credentials=\)"):
        opened(path, reactor, load_credentials="shoe")


def test_hashes_are_no_passwords(path: Path, reactor: ThreadReactor) -> None:
    """The deck's slide has calculate_ha1=1 beside password_column="ha1"."""
    with pytest.raises(ConfigError, match="holds hashes"):
        opened(path, reactor, calculate_ha1=1, password_column="ha1")
    opened(path, reactor, calculate_ha1=1, password_column="password")


def test_a_query_that_nobody_waits_for_is_not_asked(path: Path, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor)
    assert accounts._database.pool is not None
    waiting = ensureDeferred(accounts.find("example.org", "alice"))
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    assert accounts._database.pool.waiting == 1
    while accounts._database.pool.waiting:
        reactor._calls.get(timeout=10)()


def test_a_table_may_have_a_schema(path: Path, reactor: ThreadReactor) -> None:
    accounts = opened(path, reactor, table="main.subscriber")
    assert reactor.until(accounts.find("example.org", "alice")) is not None
    assert reactor.until(accounts.find("example.org", "a\udcff")) is None
