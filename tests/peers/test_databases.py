"""Accounts in real PostgreSQL and MariaDB servers: the tables of Kamailio and OpenSIPS as they are, and servers that go and come."""

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.helpers import FakeHouse, ThreadReactor, digest_answer
from tests.peers.certificates import Authority
from tests.peers.databases import KINDS, MariaDB, PostgreSQL, kamailio_table, start_database
from tests.peers.program import wait_until
from twsip.api import BackendDown, ConfigError, ICaller, UnknownSubscriber, WrongResponse
from twsip.api.events import BackendFailed, BackendRecovered
from twsip.cred import SIPDigest, SQLAccounts, portal_for
from twsip.sip.digest import MD5, SHA_256
from twsip.sip.fields.auth import DigestCredentials, parse_credentials

Server = PostgreSQL | MariaDB
# OpenSIPS's version 8 of the table.
OPENSIPS = """CREATE TABLE opensips (
    username CHAR(64) DEFAULT '' NOT NULL, domain CHAR(64) DEFAULT '' NOT NULL, password CHAR(25) DEFAULT '' NOT NULL,
    ha1 CHAR(64) DEFAULT '' NOT NULL, ha1_sha256 CHAR(64) DEFAULT '' NOT NULL, ha1_sha512t256 CHAR(64) DEFAULT '' NOT NULL)"""


def h(text: str, kind: str = "md5") -> str:
    return hashlib.new(kind, text.encode()).hexdigest()


@pytest.fixture(scope="module", params=list(KINDS))
def database(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One running server for the whole file, with Kamailio's `subscriber` and alice in it."""
    made = start_database(request.param)
    try:
        kamailio_table(made)
        plain, full = h("alice:example.org:wonder"), h("alice@example.org:example.org:wonder")
        made.execute(
            "ALTER TABLE subscriber ADD COLUMN rpid VARCHAR(64), ADD COLUMN email_address VARCHAR(64), ADD COLUMN age INT",
            "INSERT INTO subscriber (username, domain, password, ha1, ha1b, rpid, email_address, age) VALUES "
            f"('alice', 'example.org', 'wonder', '{plain}', '{full}', '+4930123', 'a@example.org', 7)",
            "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES "
            f"('alice', 'example.com', 'other', '{h('alice:example.com:other')}', '')",
        )
        yield made
    finally:
        made.close()


@pytest.fixture
def running(database: Server) -> Iterator[Server]:
    """The same server, which runs again when the test has ended."""
    yield database
    assert database.program is not None
    if database.program.process.poll() is not None:
        database.start()


def opened(database: Server, reactor: ThreadReactor, **options: Any) -> SQLAccounts:
    accounts = SQLAccounts(options.pop("url", "") or database.url(), **options)
    house = FakeHouse(reactor=reactor)
    accounts.attach(house)
    assert house.told == []
    return accounts


def found(reactor: ThreadReactor, accounts: SQLAccounts, name: str, realm: str = "example.org") -> Any:
    return reactor.until(accounts.find(realm, name))


def credentials(name: str, password: str, algorithm: str = "MD5") -> SIPDigest:
    challenge = f'Digest realm="example.org", nonce="n", qop="auth", algorithm={algorithm}'
    fields = parse_credentials(digest_answer(challenge, name, password, "REGISTER", "sip:example.org").encode())
    assert isinstance(fields, DigestCredentials)
    return SIPDigest(fields, MD5 if algorithm == "MD5" else SHA_256, b"REGISTER", b"")


def is_down(reactor: ThreadReactor, accounts: SQLAccounts) -> str:
    with pytest.raises(BackendDown) as down:
        found(reactor, accounts, "alice")
    return str(down.value)


@pytest.mark.parametrize(("calculate_ha1", "with_domain", "use_domain"), list(itertools.product((0, 1), (False, True), (0, 1))))
def test_kamailios_table_as_it_is(
    database: Server, reactor: ThreadReactor, calculate_ha1: int, with_domain: bool, use_domain: int
) -> None:
    """The matrix of auth_db in a table that Kamailio's own script made."""
    name = "alice@example.org" if with_domain else "alice"
    database.execute("DELETE FROM subscriber WHERE username = 'carol'")
    if not use_domain:
        name = name.replace("alice", "carol")
        database.execute(
            "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES ('carol', 'elsewhere.example', 'wonder', "
            f"'{h('carol:example.org:wonder')}', '{h('carol@example.org:example.org:wonder')}')"
        )
    accounts = opened(database, reactor, calculate_ha1=calculate_ha1, use_domain=use_domain)
    account = found(reactor, accounts, name)
    if calculate_ha1:
        assert (account.ha1, account.password) == ({}, "wonder")
    else:
        assert (account.ha1, account.password) == ({"MD5": h(f"{name}:example.org:wonder")}, None)
    portal = portal_for({"example.org": accounts})
    _, caller, _ = reactor.until(portal.login(credentials(name, "wonder"), None, ICaller))
    assert caller.aors == {f"sip:{name.partition('@')[0]}@example.org"}
    with pytest.raises(WrongResponse):
        reactor.until(portal.login(credentials(name, "wonders"), None, ICaller))
    with pytest.raises(UnknownSubscriber):
        reactor.until(portal.login(credentials("nobody", "wonder"), None, ICaller))


def test_opensips_table_as_it_is(database: Server, reactor: ThreadReactor) -> None:
    secrets = [h("alice:example.org:wonder", kind) for kind in ("md5", "sha256")]
    row = ", ".join(f"'{value}'" for value in ("alice", "example.org", "wonder", *secrets, ""))
    database.execute("DROP TABLE IF EXISTS opensips", OPENSIPS, f"INSERT INTO opensips VALUES ({row})")
    accounts = opened(
        database,
        reactor,
        table="opensips",
        hash_column_sha256="ha1_sha256",
        hash_column_sha512t256="ha1_sha512t256",
    )
    assert accounts.algorithms == ("MD5", "SHA-256", "SHA-512-256")
    # PostgreSQL fills CHAR with blanks, which are not part of a name, a hash or a password; the third hash is empty.
    assert found(reactor, accounts, "alice").ha1 == {"MD5": secrets[0], "SHA-256": secrets[1]}
    clear = opened(database, reactor, table="opensips", calculate_ha1=1)
    assert found(reactor, clear, "alice").password == "wonder"
    assert found(reactor, clear, "alice ") is None
    assert found(reactor, accounts, "alice@example.org") is None
    portal = portal_for({"example.org": accounts})
    for algorithm in ("MD5", "SHA-256"):
        reactor.until(portal.login(credentials("alice", "wonder", algorithm), None, ICaller))


def test_the_decks_load_credentials_is_one_query(database: Server, reactor: ThreadReactor) -> None:
    text = "$avp(i:12)=rpid; $avp(i:14)=email_address"
    accounts = opened(database, reactor, load_credentials=text)
    assert found(reactor, accounts, "nobody") is None
    if database.kind == "mysql":
        database.execute("SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = 1")
    else:
        database.execute("ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")
        assert database.program is not None
        database.program.says('parameter "log_statement" changed')
    account = found(reactor, accounts, "alice")
    assert account.attributes == {"i:12": "+4930123", "i:14": "a@example.org"}
    if database.kind == "mysql":
        database.execute("SET GLOBAL general_log = 0")
        connection = database.connect()
        with connection.cursor() as cursor:
            cursor.execute("SELECT argument FROM mysql.general_log WHERE argument LIKE '%%nobody LEFT JOIN%%' AND argument LIKE 'SELECT s.%%'")
            asked = len(cursor.fetchall())
        connection.close()
    else:
        assert database.program is not None
        database.execute("ALTER SYSTEM SET log_statement = 'none'", "SELECT pg_reload_conf()")
        asked = database.program.text().count("nobody LEFT JOIN subscriber")
    assert asked == 1
    plain = opened(database, reactor, load_credentials="age;$avp(s:mail)=email_address;rpid")
    assert found(reactor, plain, "alice").attributes == {"age": "7", "mail": "a@example.org", "rpid": "+4930123"}
    assert found(reactor, plain, "alice", "example.com").attributes == {}


HOSTILE = [
    "", "bob", "ALICE", "alice ", "\u00e1lice", "alice'--", "' OR 1=1 --", "\\", "\\' OR 1=1 #", '" OR ""="', "alice\0", "\0", "%", "_", "%s",
    "%(a)s", "?", "$1", ":a", "alice%00", "\udcff", "\U0001f4a9", "名", "x" * 60000, "a;DROP TABLE subscriber", "/*", "nobody@example.org",
    "alice@example.com", "@", "' @example.org",
]  # fmt: skip


def test_names_stay_data(database: Server, reactor: ThreadReactor) -> None:
    for options in ({}, {"use_domain": 0}, {"calculate_ha1": 1}):
        accounts = opened(database, reactor, **options)
        for name in HOSTILE:
            assert found(reactor, accounts, name) is None, name
            assert found(reactor, accounts, "alice", "x' OR '1'='1") is None or options == {"use_domain": 0}
        assert found(reactor, accounts, "alice") is not None


def test_odd_names_are_found(database: Server, reactor: ThreadReactor) -> None:
    names = ["o'br; --", "100%s", "\u00e9t\u00e9", "back\\slash", '"quoted"', "名", "?", "two words"]
    connection = database.connect()
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute("INSERT INTO subscriber (username, domain, ha1) VALUES (%s, 'example.org', %s)", (name, h(name)))
    connection.close()
    accounts = opened(database, reactor)
    for name in names:
        assert found(reactor, accounts, name).auth_id == name


def test_letters_that_the_column_lacks_are_nobody(database: Server, reactor: ThreadReactor) -> None:
    """An old table in Latin-1, and one whose names are numbers."""
    database.execute("DROP TABLE IF EXISTS numbers", "CREATE TABLE numbers (username INT, domain VARCHAR(64), ha1 VARCHAR(64), ha1b VARCHAR(64))")
    database.execute("INSERT INTO numbers VALUES (0, 'example.org', 'a1', 'b1')")
    accounts = opened(database, reactor, table="numbers")
    for name in ("alice", "", "名"):
        assert found(reactor, accounts, name) is None
    if database.kind == "mysql":
        database.execute("DROP TABLE IF EXISTS latin", "CREATE TABLE latin (username VARCHAR(64), domain VARCHAR(64), ha1 VARCHAR(64)) CHARACTER SET latin1")
        url = database.url()
    else:
        database.execute(
            "DROP DATABASE IF EXISTS latin", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        connection = database.connect("latin")
        connection.execute("CREATE TABLE latin (username VARCHAR(64), domain VARCHAR(64), ha1 VARCHAR(64))")
        connection.close()
        url = database.url(database="latin")
    accounts = opened(database, reactor, url=url, table="latin")
    for name in ("名", "\u00e9", "\U0001f4a9"):
        assert found(reactor, accounts, name) is None


def test_a_wrong_name_stops_the_start_by_name(database: Server, reactor: ThreadReactor) -> None:
    for options, says in (
        ({"table": "people"}, "people"),
        ({"password_column": "hash"}, r"no such column: hash \(password_column=\); it has age, datetime_created|hash"),
        ({"user_column": "uid"}, r"no such column: uid \(user_column=\)"),
        ({"domain_column": "realm"}, r"no such column: realm \(domain_column=\)"),
        ({"password_column_2": "ha1c"}, r"no such column: ha1c \(password_column_2=\)"),
        ({"load_credentials": "rpid;shoe"}, r"no such column: shoe \(load_credentials=\)"),
        ({"hash_column_sha256": "ha1_sha256"}, r"no such column: ha1_sha256 \(hash_column_sha256=\)"),
        ({"calculate_ha1": 1, "password_column": "ha1"}, "holds hashes"),
    ):
        with pytest.raises(ConfigError, match=says):
            opened(database, reactor, **options)
    reserved = '"group"' if database.kind == "postgresql" else "`group`"
    database.execute("DROP TABLE IF EXISTS reserved", f"CREATE TABLE reserved ({reserved} VARCHAR(64), domain VARCHAR(64), ha1 VARCHAR(64))")
    assert found(reactor, opened(database, reactor, table="reserved", user_column="group"), "alice") is None


def test_the_right_to_read_four_columns_is_enough(database: Server, reactor: ThreadReactor) -> None:
    password = "p@ss/w%rd:?#é"
    columns = "username, domain, ha1, ha1b"
    if database.kind == "postgresql":
        database.execute("DROP ROLE IF EXISTS careful", f"CREATE ROLE careful LOGIN PASSWORD '{password}'")
    else:
        database.execute("DROP USER IF EXISTS careful", f"CREATE USER careful IDENTIFIED BY '{password}'")
    house = FakeHouse(reactor=reactor)
    url = database.url("careful", password, by_tcp=True)
    if database.kind == "postgresql":
        with pytest.raises(ConfigError, match=r"subscriber .* cannot be read: permission denied .* let careful SELECT from it"):
            SQLAccounts(url).attach(house)
    else:
        # MariaDB does not even let such a user in.
        SQLAccounts(url).attach(house)
        assert [type(event) for event in house.told] == [BackendFailed]
    database.execute(f"GRANT SELECT ({columns}) ON subscriber TO careful")
    accounts = opened(database, reactor, url=url)
    assert found(reactor, accounts, "alice") is not None
    # Nobody told a word of it, and a wrong password is a database that is down.
    house = FakeHouse(reactor=reactor)
    wrong = SQLAccounts(database.url("careful", "s3cret", by_tcp=True))
    wrong.attach(house)
    assert [type(event) for event in house.told] == [BackendFailed]
    assert "s3cret" not in is_down(reactor, wrong) + repr(house.told)
    database.execute("REVOKE SELECT (username, domain, ha1, ha1b) ON subscriber FROM careful")
    database.execute("DROP ROLE careful" if database.kind == "postgresql" else "DROP USER careful")


def test_a_server_on_another_host_shows_its_certificate(running: Server, reactor: ThreadReactor, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")

    def by_tls(authority: Authority) -> tuple[SQLAccounts, FakeHouse]:
        option = "ssl_ca=" if running.kind == "mysql" else "sslmode=verify-full&sslrootcert="
        accounts = SQLAccounts(f"{running.url(by_tcp=True)}?{option}{authority.folder}/ca.pem")
        house = FakeHouse(reactor=reactor)
        accounts.attach(house)
        return accounts, house

    running.restart_with(ours)
    try:
        accounts, house = by_tls(ours)
        assert house.told == []
        assert found(reactor, accounts, "alice") is not None
        accounts, house = by_tls(other)
        assert [type(event) for event in house.told] == [BackendFailed]
        assert "SSL" in is_down(reactor, accounts)
    finally:
        running.restart_with(None)
    # Without a certificate on the other side nobody falls back to clear text.
    assert "failed" in is_down(reactor, by_tls(ours)[0])


def test_a_password_by_path(database: Server, reactor: ThreadReactor, tmp_path: Path) -> None:
    create = "CREATE ROLE careful LOGIN PASSWORD" if database.kind == "postgresql" else "CREATE USER careful IDENTIFIED BY"
    drop = "DROP ROLE" if database.kind == "postgresql" else "DROP USER"
    database.execute(f"{drop} IF EXISTS careful", f"{create} 'open sesame'", "GRANT SELECT ON subscriber TO careful")
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    assert found(reactor, opened(database, reactor, url=database.url("careful"), password_file=str(file)), "alice") is not None
    database.execute("REVOKE SELECT ON subscriber FROM careful", f"{drop} careful")


def test_localhost_is_the_socket_as_for_mysqls_own_clients(
    database: Server, reactor: ThreadReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(database, PostgreSQL):
        url = f"postgres://postgres@{quote(str(database.folder), '')}:{database.port}/kamailio"
    else:
        monkeypatch.setattr("twsip.cred.sqlmysql.SOCKETS", (str(database.folder / "none"), str(database.socket)))
        url = "mysql://root@localhost/kamailio"
    assert found(reactor, opened(database, reactor, url=url), "alice") is not None


def test_a_session_may_not_write(database: Server, reactor: ThreadReactor) -> None:
    connection = SQLAccounts(database.url())._database.driver.connect()
    try:
        with pytest.raises(Exception, match=r"(?i)read.only"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM subscriber")
    finally:
        connection.close()


def test_a_restart_is_not_noticed(running: Server, reactor: ThreadReactor) -> None:
    """Every thread's connection has dropped, and every query is asked once more."""
    # PyMySQL forgets to close a Unix socket that it cannot connect, so by TCP.
    accounts = opened(running, reactor, url=running.url(by_tcp=True), connections=3)
    for end in (running.stop, running.kill):
        together(reactor, accounts, 12)
        end()
        assert "failed" in is_down(reactor, accounts)
        running.start()
        assert all(account is not None for account in together(reactor, accounts, 12))
        # Dropped while nobody asked: the first query after that is no failure.
        running.stop()
        running.start()
        assert all(account is not None for account in together(reactor, accounts, 12))
    assert accounts._database.pool is not None and len(accounts._database.pool.threadpool.threads) <= 3


def test_a_connection_that_the_server_ended_is_not_noticed(database: Server, reactor: ThreadReactor) -> None:
    """As it does with one that was idle for too long."""
    accounts = opened(database, reactor, connections=1)
    for _ in range(3):
        assert found(reactor, accounts, "alice") is not None
        connection = database.connect()
        with connection.cursor() as cursor:
            if database.kind == "mysql":
                cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND command = 'Sleep'")
                ended = cursor.fetchall()
                for (number,) in ended:
                    cursor.execute("KILL %s", (number,))
            else:
                cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'twsip'")
                ended = cursor.fetchall()
        connection.close()
        assert ended
        assert found(reactor, accounts, "alice") is not None


def together(reactor: ThreadReactor, accounts: SQLAccounts, times: int) -> list[Any]:
    from twisted.internet.defer import ensureDeferred, gatherResults

    asked = [ensureDeferred(accounts.find("example.org", "alice")) for _ in range(times)]
    every: list[Any] = reactor.until(gatherResults(asked, consumeErrors=True))
    return every


def test_a_server_that_hangs_is_down_and_comes_back(running: Server, reactor: ThreadReactor) -> None:
    accounts = opened(running, reactor, timeout=0.3, connections=2)
    assert found(reactor, accounts, "alice") is not None
    running.freeze()
    try:
        for _ in range(2):
            assert is_down(reactor, accounts)
    finally:
        running.thaw()
    assert found(reactor, accounts, "alice") is not None
    assert accounts._database.pool is not None and accounts._database.pool.waiting == 0


def test_a_table_that_somebody_locked_is_slow_not_gone(database: Server, reactor: ThreadReactor) -> None:
    accounts = opened(database, reactor, timeout=0.3)
    connection = database.connect()
    with connection.cursor() as cursor:
        if database.kind == "mysql":
            cursor.execute("LOCK TABLES subscriber WRITE")
        else:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE subscriber IN ACCESS EXCLUSIVE MODE")
    assert is_down(reactor, accounts)
    connection.close()
    wait_until(lambda: not is_locked(reactor, accounts), 10, "the lock goes with its connection")


def is_locked(reactor: ThreadReactor, accounts: SQLAccounts) -> bool:
    try:
        return found(reactor, accounts, "alice") is None
    except BackendDown:
        return True


def test_a_site_may_start_before_its_database(running: Server, reactor: ThreadReactor) -> None:
    running.execute("DROP TABLE IF EXISTS opensips", OPENSIPS)
    running.execute("INSERT INTO opensips (username, domain, ha1) VALUES ('alice', 'example.org', 'a1')")
    running.stop()
    houses = [FakeHouse(reactor=reactor) for _ in range(2)]
    accounts = SQLAccounts(running.url(by_tcp=True), table="opensips")
    wrong = SQLAccounts(running.url(by_tcp=True), table="people")
    for house, backend in zip(houses, (accounts, wrong), strict=True):
        backend.attach(house)
        assert [type(event) for event in house.told] == [BackendFailed]
    assert "failed" in is_down(reactor, accounts)
    running.start()
    # What the start could not see is seen now: a table without ha1b, and one that is not there at all.
    assert found(reactor, accounts, "alice@example.org") is None
    assert found(reactor, accounts, "alice").ha1 == {"MD5": "a1"}
    assert [type(event) for event in houses[0].told] == [BackendFailed, BackendRecovered]
    for _ in range(2):
        assert "people" in is_down(reactor, wrong)
    assert [type(event) for event in houses[1].told] == [BackendFailed]
