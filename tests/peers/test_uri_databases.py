"""Kamailio's table `uri`, made by its own script, in real PostgreSQL and MariaDB servers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import FakeDomains, FakeHouse, ThreadReactor, make_context, make_request
from tests.peers.databases import KAMAILIO, KINDS, MariaDB, PostgreSQL, kamailio_table, start_database
from twsip.api import BackendDown, Caller, ConfigError, Reply
from twsip.api.events import AuthFailed, BackendFailed, BackendRecovered
from twsip.checks import OwnIdentity
from twsip.cred import UriTable

Server = PostgreSQL | MariaDB


@pytest.fixture(params=list(KINDS))
def database(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One running server with Kamailio's table and the deck's rows."""
    made = start_database(request.param)
    try:
        kamailio_table(made)
        made.load(KAMAILIO / ("postgres" if made.kind == "postgresql" else "mysql") / "uri_db-create.sql")
        for auth_id, domain, user in (
            ("auth1", "Sip.com", "sip1"),
            ("auth1", "sip.com", "s%69p2"),
            ("auth2", "sip.com", "sip2"),
        ):
            made.execute(f"INSERT INTO uri (username, domain, uri_user) VALUES ('{auth_id}', '{domain}', '{user}')")
        yield made
    finally:
        made.close()


def opened(reactor: ThreadReactor, url: str, **options: Any) -> tuple[UriTable, FakeHouse]:
    table, house = UriTable(url, **options), FakeHouse(FakeDomains(("sip.com",)), reactor)
    table.attach(house)
    return table, house


def test_the_rows_and_nothing_else_and_down_is_down(database: Server, reactor: ThreadReactor) -> None:
    for wrong in ({"table": "uris"}, {"uriuser_column": "did"}, {"domain_column": "realm"}):
        with pytest.raises(ConfigError, match=r"cannot be used: .*(?:uris|did|realm)"):
            opened(reactor, database.url(), **wrong)
    table, house = opened(reactor, database.url())
    for realm, auth_id, users in (
        ("sip.com", "auth1", ["sip1", "sip2"]),
        ("SIP.com", "auth1", ["sip1", "sip2"]),
        ("sip.com", "auth2", ["sip2"]),
        ("example.org", "auth1", []),
        ("sip.com", "AUTH1", []),
        ("sip.com", "auth1 ", []),
        ("sip.com", "\u00e1uth1", []),
        ("sip.com", "\U0001f512", []),
        ("sip.com", "a\0", []),
        ("sip.com", "\udcff", []),
        ("sip.com", "' OR 1=1 --", []),
        ("sip.com", "%", []),
    ):
        assert sorted(reactor.until(table.users(realm, auth_id))) == users, (realm, auth_id)
    database.stop()
    with pytest.raises(BackendDown):
        reactor.until(table.users("sip.com", "auth1"))
    late, told = opened(reactor, database.url())
    assert [type(event) for event in told.told] == [BackendFailed]
    database.start()
    assert reactor.until(table.users("sip.com", "auth2")) == ("sip2",)
    assert [reactor.until(late.users("sip.com", "auth2")) for _ in range(2)] == [("sip2",), ("sip2",)]
    assert [type(event) for event in told.told] == [BackendFailed, BackendRecovered]
    # What it was down for is OwnIdentity's to tell.
    assert house.told == []
    table.close()
    late.close()


def test_the_check_asks_it(database: Server, reactor: ThreadReactor) -> None:
    check = OwnIdentity(use_uri_table=UriTable(database.url()))
    house = FakeHouse(FakeDomains(("sip.com",)), reactor)
    check.attach(house)
    caller = Caller("auth1", "sip.com", frozenset({"sip:auth1@sip.com"}))
    says = []
    for user in ("sip1", "sip2", "auth1", "sip3"):
        request = make_request("MESSAGE", "sip:sip.com", from_=f"<sip:{user}@sip.com>;tag=1")
        verdict = check.check(make_context(request, caller, site=house.domains))
        says.append(reactor.until(verdict) if hasattr(verdict, "__await__") else verdict)
    assert [one.status if isinstance(one, Reply) else 0 for one in says] == [0, 0, 403, 403]
    assert [event.cause for event in house.told if isinstance(event, AuthFailed)] == ["AUTH_USER_MISMATCH"] * 2
