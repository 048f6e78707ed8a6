"""OpenSER's table `uri`: which users an auth id may be; SQLite, PostgreSQL, MariaDB and MySQL."""

import os
from typing import Any, Final, final

from zope.interface import implementer

from ..api import BackendDown, ConfigError, IIdentities
from ..api.events import BackendFailed, BackendRecovered
from ..api.house import House
from ..sip.uri import unescape
from .sqldriver import Driver, driver_for, told
from .sqlpool import Pool, limits
from .sqlquery import can_be_asked, identifier, table_name
from .sqltable import ask
from .sqlurl import SQLITE, password_in, where

MOST_USERS: Final = 10_000
"""So many rows may one auth id have; more is a mistake in the table, and nobody is let in by half of it."""


@final
class _Rows:
    """The one question that a UriTable asks."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


@final
@implementer(IIdentities)
class UriTable:
    """The rows of a `uri` table: `username` (auth id) of `domain` (realm) may be `uri_user`, as OpenSER and its heirs keep it.

    In an SQLite file or behind a URL, as for SQLAccounts.  The user parts are compared as they mean, so the column may hold
    them escaped or not.  A file must exist when the site starts; a server that is down then is told and tried again.
    Nothing is ever written.  `connections` threads ask (a file: one), at most 256 queries wait for them; a server has
    `timeout` seconds for each step, a file's writer is waited for `busy` seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        table: str = "uri",
        username_column: str = "username",
        domain_column: str = "domain",
        uri_user_column: str = "uri_user",
        password_file: str = "",
        connections: int = 2,
        timeout: float = 2.0,
        busy: float = 1.0,
    ) -> None:
        self._where = where(url, "UriTable")
        limits("UriTable", connections, timeout, busy)
        self.name = f"uri:{self._where}"
        self._password_file = password_file
        self._connections = 1 if self._where.kind == SQLITE else connections
        self._driver: Driver = driver_for(self._where, timeout, busy)
        mark = self._driver.mark
        username = identifier("username_column", username_column)
        domain = identifier("domain_column", domain_column)
        user = identifier("uri_user_column", uri_user_column)
        # The names were checked to be plain identifiers; what came from the wire are parameters.
        self._rows = _Rows(
            f"SELECT u.{username}, u.{domain}, u.{user} FROM {table_name('table', table)} AS u "  # noqa: S608
            f"WHERE u.{username} = {mark} AND LOWER(u.{domain}) = {mark} LIMIT {MOST_USERS + 1}"
        )
        self._pool: Pool | None = None
        self._house: Any = None
        self._is_told_down = False

    def __repr__(self) -> str:
        return f"UriTable({str(self._where)!r})"

    def attach(self, house: House) -> None:
        """Look at the table and open the pool.

        Raises ConfigError when file, table or columns are not there.  A server that does not let us in is BackendFailed.
        """
        if self._pool is not None:
            return
        self._house = house
        if self._where.kind == SQLITE:
            if not os.path.exists(self._where.path):
                raise ConfigError(
                    f"the database {self._where} of UriTable does not exist; "
                    f"make it with: sqlite3 {self._where} < etc/subscriber.sql"
                )
        elif self._password_file:
            self._where.password = password_in(self._password_file, "UriTable")
        self._look()
        self._pool = Pool(self._driver, self._connections, _opened, house.reactor)

    def close(self) -> None:
        """Close the pool; the reactor does it by itself at shutdown."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    async def users(self, realm: str, auth_id: str) -> tuple[str, ...]:
        """The user parts that this auth id may be; raises BackendDown when the database does not answer."""
        if self._pool is None:
            raise BackendDown(f"{self.name} was not opened")
        if not can_be_asked(auth_id):
            return ()
        domain = realm.lower()
        try:
            _, rows = await self._pool.look_up(self._chosen, (auth_id, domain))
        except BackendDown as error:
            raise BackendDown(f"{self.name} is too slow: {error}") from None
        except self._driver.errors as error:
            raise BackendDown(f"{self.name} failed: {told(error, self._where)}") from error
        if self._is_told_down:
            self._is_told_down = False
            self._house.tell(BackendRecovered(self.name))
        if len(rows) > MOST_USERS:
            raise BackendDown(f"{self.name} has more than {MOST_USERS} rows for {auth_id!r} of {realm}")
        # A collation that folds case must not make one auth id of two.
        return tuple(
            unescape(user)
            for username, named, user in rows
            if username == auth_id and isinstance(named, str) and named.lower() == domain and isinstance(user, str) and user
        )

    def _chosen(self) -> _Rows:
        return self._rows

    def _look(self) -> None:
        try:
            connection = self._driver.connect()
            try:
                ask(connection, self._rows.text, ("", ""))
            finally:
                connection.close()
        except self._driver.errors as error:
            if self._driver.cannot_hold(error):
                # A column of numbers, compared with no number.
                return
            if not self._driver.is_about_names(error):
                self._is_told_down = True
                self._house.tell(BackendFailed(self.name, told(error, self._where)))
                return
            raise ConfigError(
                f"the database {self._where} of UriTable cannot be used: {told(error, self._where)}; "
                f"mend the file's owner, or name table= and the column options as they are there"
            ) from error


def _opened(connection: Any) -> None:
    """Every connection will do."""
