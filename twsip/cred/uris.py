"""OpenSER's table `uri`: which users an auth id may be; SQLite, PostgreSQL, MariaDB and MySQL."""

from typing import Any, Final, final

from zope.interface import implementer

from ..api import BackendDown, ConfigError, IIdentities
from ..api.house import House
from ..sip.uri import unescape
from .sqldatabase import Database
from .sqldriver import told
from .sqlquery import can_be_asked, identifier, table_name
from .sqltable import ask

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
        user_column: str = "username",
        domain_column: str = "domain",
        uriuser_column: str = "uri_user",
        password_file: str = "",
        connections: int = 2,
        timeout: float = 2.0,
        busy: float = 1.0,
    ) -> None:
        self._database = Database(
            "UriTable", "the database {} of UriTable", "uri", url, password_file, connections, timeout, busy
        )
        self.name = self._database.name
        mark = self._database.driver.mark
        username = identifier("user_column", user_column)
        domain = identifier("domain_column", domain_column)
        user = identifier("uriuser_column", uriuser_column)
        # The names were checked to be plain identifiers; what came from the wire are parameters.
        self._rows = _Rows(
            f"SELECT u.{username}, u.{domain}, u.{user} FROM {table_name('table', table)} AS u "  # noqa: S608
            f"WHERE u.{username} = {mark} AND LOWER(u.{domain}) = {mark} LIMIT {MOST_USERS + 1}"
        )
        self._is_known = False

    def __repr__(self) -> str:
        return f"UriTable({str(self._database.where)!r})"

    def attach(self, house: House) -> None:
        """Look at the table and open the pool.

        Raises ConfigError when file, table or columns are not there.  A server that does not let us in is BackendFailed.
        """
        self._database.open(house, self._opened)

    def close(self) -> None:
        """Close the pool; the reactor does it by itself at shutdown."""
        self._database.close()

    async def users(self, realm: str, auth_id: str) -> tuple[str, ...]:
        """The user parts that this auth id may be; raises BackendDown when the database does not answer."""
        if not can_be_asked(auth_id):
            return ()
        domain = realm.lower()
        _, rows = await self._database.look_up(self._chosen, (auth_id, domain))
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

    def _opened(self, connection: Any) -> None:
        # Called for each new connection until one of them could be looked at: the server may be down at the start.
        if self._is_known:
            return
        driver, where = self._database.driver, self._database.where
        try:
            ask(connection, self._rows.text, ("", ""))
        except driver.errors as error:
            # A column of numbers, compared with no number, is no mistake.
            if not driver.cannot_hold(error):
                if not driver.is_about_names(error):
                    raise
                raise ConfigError(
                    f"{self._database.called} cannot be used: {told(error, where)}; "
                    f"mend the file's owner, or name table= and the column options as they are there"
                ) from error
        self._is_known = True
