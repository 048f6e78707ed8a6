"""Servers that are not there, hang up, talk nonsense or say nothing: BackendDown, never an answer, and the reactor goes on."""

import gc
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import TimeoutError, ensureDeferred

from tests.helpers import FakeHouse, ThreadReactor
from twsip.api import BackendDown, ConfigError
from twsip.api.events import BackendFailed
from twsip.cred import SQLAccounts

NONSENSE = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\0" * 64,
    b"\x03\0\0\0\x0a5.\0",
    b"\x04\0\0\0\xff\x15\x04#",
    b"S" * 4096,
    b"R\0\0\0\x08\0\0\0\x63",
    b"E\0\0\0\x05\0",
]


class BadServer:
    """Takes every connection on loopback and does the same thing to it."""

    def __init__(self, treat: Callable[[socket.socket], None]) -> None:
        self._treat = treat
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._kept: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                return
            self._kept.append(taken)
            try:
                self._treat(taken)
            except OSError:
                continue

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)
        for kept in self._kept:
            kept.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    servers: list[BadServer] = []

    def make(treat: Callable[[socket.socket], None]) -> int:
        servers.append(BadServer(treat))
        return servers[-1].port

    yield make
    for server in servers:
        server.close()


def hang_up(taken: socket.socket) -> None:
    taken.close()


def say_nothing(taken: socket.socket) -> None:
    """Keep it open."""


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_down(reactor: ThreadReactor, scheme: str, port: int, **options: Any) -> str:
    """Start a site on it, ask twice; what BackendDown says."""
    accounts = SQLAccounts(f"{scheme}://u:s3cretpw@127.0.0.1:{port}/kamailio", **options)
    house = FakeHouse(reactor=reactor)
    accounts.attach(house)
    assert [type(event) for event in house.told] == [BackendFailed]
    for name in ("alice", "nobody"):
        with pytest.raises(BackendDown) as down:
            reactor.until(accounts.find("example.org", name))
        assert "s3cretpw" not in str(down.value) + repr(house.told)
    accounts.close()
    return str(down.value)


both = pytest.mark.parametrize("scheme", ["postgres", "mysql"])


@both
def test_nobody_listens(reactor: ThreadReactor, scheme: str) -> None:
    assert "refused" in is_down(reactor, scheme, closed_port())


@pytest.mark.parametrize("scheme", ["postgres", "mysql"])
@pytest.mark.parametrize("is_there", [False, True])
def test_nobody_listens_at_a_unix_socket_and_no_descriptor_stays_open(
    reactor: ThreadReactor, tmp_path: Path, scheme: str, is_there: bool
) -> None:
    """PyMySQL 1.2 leaves it to the garbage collector, which a site lets look at everything every ten minutes only."""
    path = tmp_path / ".s.PGSQL.5432"
    if is_there:
        with socket.socket(socket.AF_UNIX) as once:
            once.bind(str(path))
    place = f"/kamailio?host={tmp_path}" if scheme == "postgres" else f"localhost/kamailio?unix_socket={path}"
    accounts = SQLAccounts(f"{scheme}://u:s3cretpw@{place}")
    house = FakeHouse(reactor=reactor)
    gc.collect()
    gc.disable()
    try:
        accounts.attach(house)
        assert [type(event) for event in house.told] == [BackendFailed]
        before = set(os.listdir("/dev/fd"))
        for _ in range(3):
            with pytest.raises(BackendDown, match=r"failed: .*\.s\.PGSQL\.5432") as down:
                reactor.until(accounts.find("example.org", "alice"))
            assert "s3cretpw" not in str(down.value)
        assert set(os.listdir("/dev/fd")) == before
    finally:
        gc.enable()
        accounts.close()


@both
def test_it_hangs_up(reactor: ThreadReactor, serve: Any, scheme: str) -> None:
    assert "failed" in is_down(reactor, scheme, serve(hang_up))


@both
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_it_talks_nonsense(reactor: ThreadReactor, serve: Any, scheme: str, nonsense: bytes) -> None:
    def talk(taken: socket.socket) -> None:
        taken.sendall(nonsense)
        taken.shutdown(socket.SHUT_WR)

    assert is_down(reactor, scheme, serve(talk))


@both
def test_it_says_nothing(reactor: ThreadReactor, serve: Any, scheme: str) -> None:
    is_down(reactor, scheme, serve(say_nothing), timeout=0.2)


@both
def test_who_asks_may_give_up_long_before(reactor: ThreadReactor, serve: Any, scheme: str) -> None:
    """As Digest does after its `timeout`; the threads stay as few as they were."""
    accounts = SQLAccounts(f"{scheme}://u@127.0.0.1:{closed_port()}/kamailio", timeout=0.5, connections=2)
    accounts.attach(FakeHouse(reactor=reactor))
    port = serve(say_nothing)
    accounts._database.driver._words["port"] = port  # type: ignore[attr-defined]
    before = threading.active_count()
    for _ in range(20):
        ended: list[Any] = []
        waiting = ensureDeferred(accounts.find("example.org", "alice"))
        waiting.addTimeout(2, reactor)
        waiting.addErrback(ended.append)
        reactor.advance(2)
        ended[0].trap(TimeoutError)
    assert threading.active_count() <= before + 2
    pool = accounts._database.pool
    assert pool is not None and pool.waiting <= 20
    while pool.waiting:
        reactor._calls.get(timeout=10)()


@both
def test_the_end_does_not_wait_for_what_waits(serve: Any, scheme: str) -> None:
    reactor = ThreadReactor()
    accounts = SQLAccounts(f"{scheme}://u@127.0.0.1:{closed_port()}/kamailio", timeout=0.5, connections=1)
    accounts.attach(FakeHouse(reactor=reactor))
    tries: list[socket.socket] = []
    accounts._database.driver._words["port"] = serve(tries.append)  # type: ignore[attr-defined]
    waiting = [ensureDeferred(accounts.find("example.org", "alice")) for _ in range(50)]
    accounts.close()
    # All but the one that was being asked are told so, once the reactor hears of it.
    ended: list[Any] = []
    for one in waiting:
        one.addErrback(ended.append)
    while len(ended) < 50:
        reactor._calls.get(timeout=10)()
    assert all(failure.check(BackendDown) for failure in ended)
    assert len(tries) <= 1


def test_an_old_pymysql_does_not_get_to_drop_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymysql.VERSION", (1, 1, 3, "final"))
    SQLAccounts("mysql://u:pw@host/db")
    with pytest.raises(ConfigError, match="without TLS"):
        SQLAccounts("mysql://u:pw@host/db?ssl_ca=/etc/ssl/ca.pem")


@pytest.mark.parametrize(
    ("scheme", "module", "says"), [("mysql", "pymysql", "pip install 'PyMySQL'"), ("postgres", "psycopg", r"pip install 'psycopg\[binary\]'")]
)
def test_a_missing_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch, scheme: str, module: str, says: str) -> None:
    for name in [name for name in sys.modules if name.startswith("twsip.cred.sql") and name.endswith(("mysql", "postgresql"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=says) as error:
        SQLAccounts(f"{scheme}://u:s3cret@host/db")
    assert "s3cret" not in str(error.value)
