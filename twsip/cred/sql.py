"""Accounts in a subscriber table with OpenSER's column names, asked through `twisted.enterprise.adbapi` (SQLite for now)."""

import os
import sqlite3
from contextlib import suppress
from typing import Any, Final, final
from urllib.parse import quote

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..api import Account, BackendDown, ConfigError, IAccounts
from ..api.house import House
from .seal import Seal, opened

MOST_WAITING: Final = 256
"""So many queries may wait for the one thread; the next one is answered as if the database were down."""
HA1B: Final = "ha1b"
_SCHEMES: Final = ("sqlite://", "file:")


def _identifier(option: str, name: str) -> str:
    # Names of tables and columns cannot be parameters of a query, so they are held to what needs no quoting.
    if not name or len(name) > 64 or not name.isascii() or not name.replace("_", "a").isalnum() or name[0].isdigit():
        raise ConfigError(f"{option}={name!r} is no name of a table or column; use letters, digits and underscores")
    return name


@final
@implementer(IAccounts)
class SQLAccounts:
    """The accounts of a `subscriber` table.

    `password_column` ("ha1") holds HA1 in hex, `password_column_2` ("ha1b" if the table has it, "" for none) the HA1 of users
    who write user@domain as their digest username; with `calculate_ha1=1` the first ("password" then) holds the clear
    text and every algorithm can be answered.  `hash_column_sha256` and
    `hash_column_sha512t256` name columns with stronger HA1s ("" for none).  `use_domain` looks up username and domain
    (the realm), otherwise the username alone.  The file is opened when the site starts, must exist, and is never written.

    `seal` names the key file of sealed values (twsip.cred.seal, docs/sealing.md), which are opened after they were read; a value
    that is not sealed then is a failure unless `accept_unsealed`.

    One thread asks the database; `busy` seconds is how long it waits for a writer, and at most 256 queries wait for it.
    """

    def __init__(
        self,
        path: str,
        *,
        table: str = "subscriber",
        username_column: str = "username",
        domain_column: str = "domain",
        password_column: str = "",
        password_column_2: str | None = None,
        calculate_ha1: int | bool = 0,
        hash_column_sha256: str = "",
        hash_column_sha512t256: str = "",
        use_domain: int | bool = 1,
        busy: float = 1.0,
        seal: str = "",
        accept_unsealed: bool = False,
    ) -> None:
        self._path = _path(path)
        self.name = f"sql:{self._path}"
        self._clear = bool(calculate_ha1)
        self._use_domain = bool(use_domain)
        self._busy = busy
        self._table = _identifier("table", table)
        self._username = _identifier("username_column", username_column)
        self._domain = _identifier("domain_column", domain_column)
        first = _identifier("password_column", password_column or ("password" if self._clear else "ha1"))
        self._plain_columns = [("" if self._clear else "MD5", first)]
        if not self._clear:
            if hash_column_sha256:
                self._plain_columns.append(("SHA-256", _identifier("hash_column_sha256", hash_column_sha256)))
            if hash_column_sha512t256:
                self._plain_columns.append(("SHA-512-256", _identifier("hash_column_sha512t256", hash_column_sha512t256)))
        self._domain_columns = self._plain_columns
        self._may_lack_second = False
        if not self._clear:
            # OpenSIPS's table has no ha1b: not missed unless it was asked for by name.
            self._may_lack_second = password_column_2 is None
            second = HA1B if password_column_2 is None else password_column_2
            self._domain_columns = [("MD5", _identifier("password_column_2", second))] if second else []
        self.algorithms: tuple[str, ...] = (
            ("MD5", "SHA-256", "SHA-512-256") if self._clear else tuple(kind for kind, _ in self._plain_columns)
        )
        if accept_unsealed and not seal:
            raise ConfigError("accept_unsealed=True says nothing without seal=; name the key file, or leave it out")
        read = tuple(column for _, column in (*self._plain_columns, *self._domain_columns))
        self.seal = Seal(seal, accept_unsealed, read) if seal else None
        self._pool: ConnectionPool | None = None
        self._waiting = 0

    def __repr__(self) -> str:
        return f"SQLAccounts({self._path!r})"

    def attach(self, house: House) -> None:
        """Look at the table and open the pool.  Raises ConfigError when file, table or columns are not there."""
        if self._pool is not None:
            return
        if self.seal is not None:
            self.seal.load()
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
            cp_name="twsip-accounts",
        )

    def close(self) -> None:
        """Close the pool; the reactor does it by itself at shutdown."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def reads(self, path: str) -> bool:
        """Whether the accounts are those of the table `subscriber` in this file, which `twsipctl` changes."""
        names = (self._table.lower(), self._username.lower(), self._domain.lower())
        return names == ("subscriber", "username", "domain") and os.path.realpath(path) == os.path.realpath(self._path)

    async def find(self, realm: str, auth_id: str) -> Account | None:
        """The account, or None; raises BackendDown when the database does not answer."""
        username, at, domain = auth_id.partition("@")
        columns = self._domain_columns if at else self._plain_columns
        # user@domain proves that user of that domain only, so it must be the realm's.
        known = bool(columns) and (not at or domain.lower() == realm.lower())
        if self._pool is None:
            raise BackendDown(f"{self.name} was not opened")
        if self._waiting >= MOST_WAITING:
            raise BackendDown(f"{self.name} is too slow: {MOST_WAITING} queries wait")
        self._waiting += 1
        # Whoever gives up waiting does not free the thread, so the count goes down when the query itself has ended.
        answer: Deferred[Any] = Deferred()
        # Asked even when the answer is known to be no, so that the time tells nothing.
        query = self._pool.runQuery(*self._query(columns or self._plain_columns, realm, username))
        query.addBoth(self._answered).chainDeferred(answer)
        try:
            rows = await answer
        except (sqlite3.Error, UnicodeError) as error:
            raise BackendDown(f"{self.name} failed: {error}") from error
        account = self._account(rows[0], columns or self._plain_columns, realm, username)
        # A collation that folds case must not make one subscriber of two; nobody's row has no name.
        return account if known and rows[0][0] == username else None

    def _answered(self, result: Any) -> Any:
        self._waiting -= 1
        return result

    def _account(self, row: Any, columns: list[tuple[str, str]], realm: str, username: str) -> Account | None:
        values = [self._open(text, row, column) for (_, column), text in zip(columns, row[1:], strict=False)]
        if self._clear:
            password = values[0]
            return Account(username, realm, {}, password) if isinstance(password, str) and password else None
        ha1 = {kind: text.lower() for (kind, _), text in zip(columns, values, strict=True) if isinstance(text, str) and text}
        return Account(username, realm, ha1) if ha1 else None

    def _open(self, text: Any, row: Any, column: str) -> Any:
        # A sealed value belongs to the names that the row itself has; the last one is its domain, if there is a seal.
        return opened(self.seal, text, row[0], row[-1], column, self._clear)

    def _query(self, columns: list[tuple[str, str]], realm: str, username: str) -> tuple[str, tuple[str, ...]]:
        read = [column for _, column in columns] + ([self._domain] if self.seal is not None else [])
        names = ", ".join(read)
        # The names were checked to be plain identifiers; what came from the wire are parameters.
        text = f"SELECT {self._username}, {names} FROM {self._table} WHERE {self._username} = ?"  # noqa: S608
        # Who is not there gets nobody's row, so that both answers are fetched and read in the same time.
        nobody = " UNION ALL SELECT NULL" + ", 'x'" * len(read) + " LIMIT 1"
        if self._use_domain:
            return text + f" AND {self._domain} = ?" + nobody, (username, realm)
        return text + nobody, (username,)

    def _uri(self) -> str:
        # rw and not ro: a reader of a WAL database writes its -shm file.  query_only forbids the rest.
        return "file:" + quote(os.path.abspath(self._path)) + "?mode=rw"

    def _look(self) -> None:
        if not os.path.exists(self._path):
            raise ConfigError(
                f"the subscriber database {self._path} does not exist; make it with: sqlite3 {self._path} < etc/subscriber.sql"
            )
        try:
            connection = sqlite3.connect(self._uri(), uri=True, timeout=self._busy, isolation_level=None)
            try:
                _opened(connection)
                connection.execute(*self._query(self._plain_columns, "", ""))
                if self._domain_columns:
                    try:
                        connection.execute(*self._query(self._domain_columns, "", ""))
                    except sqlite3.OperationalError:
                        if not self._may_lack_second:
                            raise
                        self._domain_columns = []
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise ConfigError(
                f"the subscriber database {self._path} cannot be used: {error}; "
                f"mend the file's owner, or name table= and the column options as they are there"
            ) from error


def _opened(connection: Any) -> None:
    # Readers then never wait for a writer.  Not ours to insist on: the file may belong to somebody else's server.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA query_only=ON").fetchall()


def _path(path: str) -> str:
    if not isinstance(path, str) or not path:
        raise ConfigError(f"SQLAccounts({path!r}) needs the path of an SQLite file")
    for scheme in _SCHEMES:
        if path.startswith(scheme):
            bare = path[len(scheme) :].partition("?")[0]
            # Absolute paths are written with three slashes or four.
            return "/" + bare.lstrip("/") if bare.startswith("/") else bare
    if "://" in path:
        raise ConfigError(f"SQLAccounts({path.partition('://')[0]}://...) is not supported yet; give the path of an SQLite file")
    return path
