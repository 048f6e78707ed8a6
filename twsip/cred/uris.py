"""OpenSER's table `uri`: which users an auth id may be, asked through `twisted.enterprise.adbapi` (SQLite for now)."""

import os
import sqlite3
from contextlib import suppress
from typing import Any, Final, final
from urllib.parse import quote

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..api import BackendDown, ConfigError, IIdentities
from ..api.house import House
from ..sip.uri import unescape

MOST_WAITING: Final = 256
"""So many queries may wait for the one thread; the next one is answered as if the database were down."""
MOST_USERS: Final = 10_000
"""So many rows may one auth id have; more is a mistake in the table, and nobody is let in by half of it."""


@final
@implementer(IIdentities)
class UriTable:
    """The rows of a `uri` table: `username` (auth id) of `domain` (realm) may be `uri_user`, as OpenSER and its heirs keep it.

    The user parts are compared as they mean, so the column may hold them escaped or not.  The file is opened when the site
    starts, must exist, and is never written.  One thread asks the database; `busy` seconds is how long it waits for a
    writer, and at most 256 queries wait for it.
    """

    def __init__(
        self,
        path: str,
        *,
        table: str = "uri",
        username_column: str = "username",
        domain_column: str = "domain",
        uri_user_column: str = "uri_user",
        busy: float = 1.0,
    ) -> None:
        if not isinstance(path, str) or not path or "://" in path:
            raise ConfigError("UriTable() needs the path of an SQLite file; write UriTable('twsip.db')")
        self._path = path
        self.name = f"uri:{self._path}"
        self._busy = busy
        username = _identifier("username_column", username_column)
        domain = _identifier("domain_column", domain_column)
        user = _identifier("uri_user_column", uri_user_column)
        # The names were checked to be plain identifiers; what came from the wire are parameters.
        self._query = (
            f"SELECT {username}, {domain}, {user} FROM {_identifier('table', table)} "  # noqa: S608
            f"WHERE {username} = ? AND LOWER({domain}) = ? LIMIT {MOST_USERS + 1}"
        )
        self._pool: ConnectionPool | None = None
        self._waiting = 0

    def __repr__(self) -> str:
        return f"UriTable({self._path!r})"

    def attach(self, house: House) -> None:
        """Look at the table and open the pool.  Raises ConfigError when file, table or columns are not there."""
        if self._pool is not None:
            return
        self._look()
        self._pool = ConnectionPool(
            "sqlite3",
            self._uri(),
            uri=True,
            timeout=self._busy,
            check_same_thread=False,
            isolation_level=None,
            cp_min=1,
            cp_max=1,
            cp_noisy=False,
            cp_openfun=_opened,
            cp_reactor=house.reactor,
            cp_name="twsip-uris",
        )

    def close(self) -> None:
        """Close the pool; the reactor does it by itself at shutdown."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    async def users(self, realm: str, auth_id: str) -> tuple[str, ...]:
        """The user parts that this auth id may be; raises BackendDown when the database does not answer."""
        if self._pool is None:
            raise BackendDown(f"{self.name} was not opened")
        if self._waiting >= MOST_WAITING:
            raise BackendDown(f"{self.name} is too slow: {MOST_WAITING} queries wait")
        self._waiting += 1
        domain = realm.lower()
        # Whoever gives up waiting does not free the thread, so the count goes down when the query itself has ended.
        answer: Deferred[Any] = Deferred()
        self._pool.runQuery(self._query, (auth_id, domain)).addBoth(self._answered).chainDeferred(answer)
        try:
            rows = await answer
        except (sqlite3.Error, UnicodeError) as error:
            raise BackendDown(f"{self.name} failed: {error}") from error
        if len(rows) > MOST_USERS:
            raise BackendDown(f"{self.name} has more than {MOST_USERS} rows for {auth_id!r} of {realm}")
        # A collation that folds case must not make one auth id of two.
        return tuple(
            unescape(user)
            for username, named, user in rows
            if username == auth_id
            and isinstance(named, str)
            and named.lower() == domain
            and isinstance(user, str)
            and user
        )

    def _answered(self, result: Any) -> Any:
        self._waiting -= 1
        return result

    def _uri(self) -> str:
        # rw and not ro: a reader of a WAL database writes its -shm file.  query_only forbids the rest.
        return "file:" + quote(os.path.abspath(self._path)) + "?mode=rw"

    def _look(self) -> None:
        if not os.path.exists(self._path):
            raise ConfigError(
                f"the database {self._path} of UriTable does not exist; make it with: sqlite3 {self._path} < etc/subscriber.sql"
            )
        try:
            connection = sqlite3.connect(self._uri(), uri=True, timeout=self._busy, isolation_level=None)
            try:
                _opened(connection)
                connection.execute(self._query, ("", "")).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise ConfigError(
                f"the database {self._path} of UriTable cannot be used: {error}; "
                f"mend the file's owner, or name table= and the column options as they are there"
            ) from error


def _opened(connection: Any) -> None:
    # Readers then never wait for a writer.  Not ours to insist on: the file may belong to somebody else's server.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA query_only=ON").fetchall()


def _identifier(option: str, name: str) -> str:
    # Names of tables and columns cannot be parameters of a query, so they are held to what needs no quoting.
    if not name or len(name) > 64 or not name.isascii() or not name.replace("_", "a").isalnum() or name[0].isdigit():
        raise ConfigError(
            f"{option}={name!r} of UriTable is no name of a table or column; use letters, digits and underscores"
        )
    return name
