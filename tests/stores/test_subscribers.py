"""Subscribers: HA1 and nothing else at rest, clear refusals."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from twsip.api import ConfigError
from twsip.stores import SQLiteBindings, Subscribers
from twsip.stores.schema import SUBSCRIBER, URI, connect

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "twsip.db")


def table(path: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT username, domain, password, ha1, ha1b FROM subscriber ORDER BY id").fetchall()
    finally:
        connection.close()


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_add_keeps_ha1_only(path: str) -> None:
    people = Subscribers(path)
    people.add("alice", "Example.ORG", "wonder:land \u00e4")
    assert table(path) == [
        (
            "alice",
            "example.org",
            "",
            md5("alice:example.org:wonder:land \u00e4"),
            md5("alice@example.org:example.org:wonder:land \u00e4"),
        )
    ]
    people.close()
    assert b"wonder" not in Path(path).read_bytes()


def test_list_passwd_remove(path: str) -> None:
    people = Subscribers(path)
    people.add("bob", "example.org", "1")
    people.add("alice", "example.org", "1")
    people.add("bob", "a.example", "1")
    assert list(people.list()) == [("bob", "a.example"), ("alice", "example.org"), ("bob", "example.org")]
    people.passwd("bob", "example.org", "2")
    assert [row[3] for row in table(path)] == [
        md5("bob:example.org:2"),
        md5("alice:example.org:1"),
        md5("bob:a.example:1"),
    ]
    people.remove("bob", "example.org")
    assert list(people.list()) == [("bob", "a.example"), ("alice", "example.org")]
    people.close()
    again = Subscribers(path)
    assert len(again.list()) == 2
    again.close()


def test_what_exists_and_what_does_not(path: str) -> None:
    people = Subscribers(path)
    people.add("bob", "example.org", "1")
    with pytest.raises(ConfigError, match="exists already; use passwd"):
        people.add("bob", "EXAMPLE.org", "2")
    with pytest.raises(ConfigError, match=r"no subscriber eve@example\.org"):
        people.passwd("eve", "example.org", "2")
    with pytest.raises(ConfigError, match=r"no subscriber eve@example\.org"):
        people.remove("eve", "example.org")
    assert [row[3] for row in table(path)] == [md5("bob:example.org:1")]
    people.close()


@pytest.mark.parametrize(
    ("username", "domain", "password", "what"),
    [
        ("", "example.org", "x", "user name"),
        ("a:b", "example.org", "x", "user name"),
        ('a"b', "example.org", "x", "user name"),
        ("a@b", "example.org", "x", "user name"),
        ("a b", "example.org", "x", "user name"),
        ("a\n", "example.org", "x", "user name"),
        ("a" * 65, "example.org", "x", "user name"),
        ("\udcff", "example.org", "x", "user name"),
        ("a", "", "x", "domain"),
        ("a", "exa mple.org", "x", "domain"),
        ("a", "example.org'", "x", "domain"),
        ("a", "d" * 65, "x", "domain"),
        ("a", "example.org", "", "password"),
        ("a", "example.org", "x\n", "password"),
    ],
)
def test_input_is_checked(path: str, username: str, domain: str, password: str, what: str) -> None:
    people = Subscribers(path)
    with pytest.raises(ConfigError, match=what):
        people.add(username, domain, password)
    assert list(people.list()) == []
    people.close()


def test_quotes_are_only_text(path: str) -> None:
    people = Subscribers(path)
    people.add("o'brien;--", "example.org", "');DROP TABLE subscriber;--")
    assert list(people.list()) == [("o'brien;--", "example.org")]
    people.close()


def test_one_file_for_subscribers_and_bindings(path: str) -> None:
    people = Subscribers(path)
    store = SQLiteBindings(path).open()
    people.add("bob", "example.org", "1")
    store.close()
    assert len(people.list()) == 1
    people.close()


def test_a_database_that_breaks_is_a_sentence(path: str) -> None:
    people = Subscribers(path)
    people._connection.execute("DROP TABLE subscriber")
    with pytest.raises(ConfigError, match="cannot be read"):
        people.list()
    with pytest.raises(ConfigError, match="cannot be read"):
        people.add("bob", "example.org", "1")
    people.close()


def test_opensips_table_without_ha1b(path: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE version (table_name TEXT NOT NULL UNIQUE, table_version INTEGER NOT NULL);"
        "INSERT INTO version VALUES ('subscriber', 8);"
        "CREATE TABLE subscriber (id INTEGER PRIMARY KEY, username TEXT, domain TEXT, password TEXT, ha1 TEXT,"
        " ha1_sha256 TEXT DEFAULT '', UNIQUE (username, domain));"
    )
    connection.close()
    people = Subscribers(path)
    people.add("bob", "example.org", "1")
    people.passwd("bob", "example.org", "2")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT ha1 FROM subscriber").fetchall() == [(md5("bob:example.org:2"),)]
    connection.close()
    people.close()


def shape(path: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        columns = [
            (name, *row) for name in tables for row in connection.execute("SELECT * FROM pragma_table_info(?)", (name,))
        ]
        versions = connection.execute("SELECT * FROM version ORDER BY table_name").fetchall()
        keys = connection.execute(
            "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY name"
        ).fetchall()
        return [*columns, *versions, *keys]
    finally:
        connection.close()


def test_the_script_in_etc_makes_the_same_tables(path: str, tmp_path: Path) -> None:
    SQLiteBindings(path).open().close()
    connect(path, SUBSCRIBER, URI).close()
    by_hand = str(tmp_path / "by-hand.db")
    connection = sqlite3.connect(by_hand)
    connection.executescript((ROOT / "etc" / "subscriber.sql").read_text())
    connection.close()
    assert shape(by_hand) == shape(path)
    Subscribers(by_hand).close()
    SQLiteBindings(by_hand).open().close()
