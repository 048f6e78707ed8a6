"""The uri table in a real SQLite file: OpenSER's, Kamailio's and OpenSIPS's as they are."""

import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import FakeHouse, ThreadReactor
from twsip.api import BackendDown, ConfigError, IIdentities
from twsip.api.events import BackendFailed
from twsip.cred import UriTable
from twsip.cred.sqlpool import MOST_WAITING
from twsip.cred.uris import MOST_USERS

# fmt: off
SCHEMAS = {
    "ours": (Path(__file__).parents[2] / "etc" / "subscriber.sql").read_text(),
    # The columns, types and rules of Kamailio 5.6 and of OpenSIPS 3.
    "kamailio": "CREATE TABLE uri (id INTEGER PRIMARY KEY NOT NULL, username VARCHAR(64) DEFAULT '' NOT NULL, "
                "domain VARCHAR(64) DEFAULT '' NOT NULL, uri_user VARCHAR(64) DEFAULT '' NOT NULL, "
                "last_modified TIMESTAMP DEFAULT '2000-01-01 00:00:01' NOT NULL, UNIQUE (username, domain, uri_user))",
    "opensips": "CREATE TABLE uri (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, username CHAR(64) DEFAULT '' NOT NULL, "
                "domain CHAR(64) DEFAULT '' NOT NULL, uri_user CHAR(64) DEFAULT '' NOT NULL, "
                "last_modified DATETIME DEFAULT '1900-01-01 00:00:01' NOT NULL, UNIQUE (username, domain, uri_user))",
    # A collation that folds case, as MySQL's usual one does.
    "folding":  "CREATE TABLE uri (id INTEGER PRIMARY KEY, username TEXT COLLATE NOCASE, domain TEXT COLLATE NOCASE, uri_user TEXT)",
}
ROWS = [
    # the deck's two rows
    ("auth1",   "sip.com",     "sip1"),
    ("auth1",   "sip.com",     "sip2"),
    # n to 1: two auth ids are one user
    ("auth2",   "sip.com",     "sip2"),
    ("auth1",   "example.org", "elsewhere"),
    ("auth3",   "SIP.com",     "o%27neil"),
    ("auth4",   "sip.com",     ""),
    ("o'br; --", "sip.com",    "caf\u00e9"),
]
# fmt: on


@pytest.fixture(params=list(SCHEMAS))
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / "uri db?.sqlite"
    connection = sqlite3.connect(made)
    connection.executescript(SCHEMAS[request.param])
    connection.executemany("INSERT INTO uri (username, domain, uri_user) VALUES (?, ?, ?)", ROWS)
    connection.commit()
    connection.close()
    return made


def opened(path: Path, reactor: ThreadReactor, **options: Any) -> UriTable:
    table = UriTable(str(path), **options)
    table.attach(FakeHouse(reactor=reactor))
    return table


def test_it_knows_identities(path: Path) -> None:
    assert verifyObject(IIdentities, UriTable(str(path)))


@pytest.mark.parametrize(
    ("realm", "auth_id", "users"),
    [
        ("sip.com", "auth1", ["sip1", "sip2"]),
        ("Sip.Com", "auth1", ["sip1", "sip2"]),
        ("sip.com", "auth2", ["sip2"]),
        ("sip.com", "auth3", ["o'neil"]),
        ("sip.com", "auth4", []),
        ("sip.com", "o'br; --", ["caf\u00e9"]),
        ("example.org", "auth1", ["elsewhere"]),
        ("example.org", "auth2", []),
        ("sip.com", "AUTH1", []),
        ("sip.com", "auth1 ", []),
        ("sip.com", "sip1", []),
        ("sip.com", "", []),
        ("", "auth1", []),
        ("sip.com", "%", []),
        ("sip.com", "auth1' OR '1'='1", []),
        ("sip.com", "auth1\0", []),
    ],
)
def test_exactly_the_rows_of_that_auth_id_in_that_realm(
    path: Path, reactor: ThreadReactor, realm: str, auth_id: str, users: list[str]
) -> None:
    assert sorted(reactor.until(opened(path, reactor).users(realm, auth_id))) == users


def test_other_names_of_table_and_columns(path: Path, reactor: ThreadReactor) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE who (auth TEXT, realm TEXT, sip TEXT)")
    connection.execute("INSERT INTO who VALUES ('auth1', 'sip.com', 'sip9')")
    connection.commit()
    connection.close()
    names = {"table": "who", "user_column": "auth", "domain_column": "realm", "uriuser_column": "sip"}
    assert reactor.until(opened(path, reactor, **names).users("sip.com", "auth1")) == ("sip9",)
    with pytest.raises(ConfigError, match=r"no such column: .*did_"):
        opened(path, reactor, uriuser_column="did_")
    with pytest.raises(ConfigError, match="uriuser_column="):
        UriTable("x.db", uriuser_column="a; b")
    with pytest.raises(ConfigError, match="table="):
        UriTable("x.db", table="uri --")
    for wrong in ("", "mssql://u:secret@host/db"):
        with pytest.raises(ConfigError, match="path of an SQLite file") as error:
            UriTable(wrong)
        assert "secret" not in str(error.value)


def test_a_missing_file_stops_the_start_and_is_not_made(tmp_path: Path, reactor: ThreadReactor) -> None:
    with pytest.raises(ConfigError, match=r"does not exist; make it"):
        opened(tmp_path / "none.db", reactor)
    assert not (tmp_path / "none.db").exists()


def test_down_and_up_again(path: Path, reactor: ThreadReactor) -> None:
    table = opened(path, reactor, busy=0.01)
    writer = sqlite3.connect(path)
    writer.execute("ALTER TABLE uri RENAME TO gone")
    writer.commit()
    with pytest.raises(BackendDown, match="no such table"):
        reactor.until(table.users("sip.com", "auth1"))
    writer.execute("ALTER TABLE gone RENAME TO uri")
    writer.commit()
    writer.close()
    assert reactor.until(table.users("sip.com", "auth2")) == ("sip2",)


@pytest.mark.parametrize(
    "wrong", [{"connections": 0}, {"connections": 65}, {"timeout": 0}, {"timeout": 61}, {"busy": -1}, {"busy": 61}], ids=str
)
def test_options_out_of_bounds_name_the_culprit(wrong: dict[str, Any]) -> None:
    (option,) = wrong
    with pytest.raises(ConfigError, match=f"{option}=.* does not fit UriTable; give"):
        UriTable("x.db", **wrong)


@pytest.mark.parametrize("scheme", ["postgres", "mysql"])
def test_a_server_that_is_down_at_the_start_is_told_and_nobody_is_let_in(
    reactor: ThreadReactor, tmp_path: Path, scheme: str
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    table = UriTable(f"{scheme}://u:s3cretpw@127.0.0.1:{port}/sip")
    house = FakeHouse(reactor=reactor)
    table.attach(house)
    assert [type(event) for event in house.told] == [BackendFailed]
    with pytest.raises(BackendDown, match="failed") as down:
        reactor.until(table.users("sip.com", "auth1"))
    assert "s3cretpw" not in f"{house.told} {down.value} {table!r} {table.name}"
    with pytest.raises(ConfigError, match=r"password_file=.* of UriTable cannot be read"):
        UriTable(f"{scheme}://u@127.0.0.1:{port}/sip", password_file=str(tmp_path / "none")).attach(house)


def test_unopened_overfull_and_too_many_rows_are_down(path: Path, reactor: ThreadReactor) -> None:
    with pytest.raises(BackendDown, match="not opened"):
        reactor.until(UriTable(str(path)).users("sip.com", "auth1"))
    table = opened(path, reactor)
    table._database.pool.waiting = MOST_WAITING
    with pytest.raises(BackendDown, match="queries wait"):
        reactor.until(table.users("sip.com", "auth1"))
    table._database.pool.waiting = 0
    connection = sqlite3.connect(path)
    rows = [("trunk", "sip.com", f"+49{number}") for number in range(MOST_USERS)]
    connection.executemany("INSERT INTO uri (username, domain, uri_user) VALUES (?, ?, ?)", rows)
    connection.commit()
    assert len(reactor.until(table.users("sip.com", "trunk"))) == MOST_USERS
    connection.execute("INSERT INTO uri (username, domain, uri_user) VALUES ('trunk', 'sip.com', 'one more')")
    connection.commit()
    connection.close()
    with pytest.raises(BackendDown, match="more than 10000 rows"):
        reactor.until(table.users("sip.com", "trunk"))


def test_it_cannot_write_opens_once_and_may_be_closed(path: Path, reactor: ThreadReactor) -> None:
    table = opened(path, reactor)
    pool = table._database.pool
    table.attach(FakeHouse(reactor=reactor))
    assert pool is not None
    assert table._database.pool is pool
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reactor.until(pool.runOperation("DELETE FROM uri"))
    assert "uri db?" in repr(table)
    table.close()
    table.close()
    assert table._database.pool is None
