"""Accounts in a subscriber table as OpenSER, Kamailio and OpenSIPS have it: SQLite, PostgreSQL, MariaDB and MySQL."""

import os
from typing import Any, final

from zope.interface import implementer

from ..api import Account, ConfigError, IAccounts
from ..api.house import House
from .seal import Seal
from .sqldatabase import Database
from .sqlquery import CLEAR, HA1B, Question, can_be_asked, credentials_to_load, identifier, table_name
from .sqltable import Table
from .sqlurl import SQLITE


@final
@implementer(IAccounts)
class SQLAccounts:
    """The accounts of a `subscriber` table, in an SQLite file or behind a URL (`postgres://`, `mysql://`, `sqlite://`).

    `password_column` ("ha1") holds HA1 in hex, `password_column_2` ("ha1b" if the table has it, "" for none) the HA1 of users
    who write user@domain as their digest username; with `calculate_ha1=1` the first ("password" then) holds the clear
    text and every algorithm can be answered.  `hash_column_sha256` and
    `hash_column_sha512t256` name columns with stronger HA1s ("" for none).  `use_domain` looks up username and domain
    (the realm), otherwise the username alone.  `load_credentials` names columns that become the Caller's attributes.

    `seal` names the key file of sealed values (twsip.cred.seal, docs/sealing.md), which are opened after they were read; a value
    that is not sealed then is a failure unless `accept_unsealed`.

    A file must exist when the site starts; a server that is down then is told and tried again.  Nothing is ever written.
    `connections` threads ask (a file: one), at most 256 queries wait for them.  A server has `timeout` seconds for each step,
    a file's writer is waited for `busy` seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        table: str = "subscriber",
        user_column: str = "username",
        domain_column: str = "domain",
        password_column: str = "",
        password_column_2: str | None = None,
        calculate_ha1: int | bool = 0,
        hash_column_sha256: str = "",
        hash_column_sha512t256: str = "",
        use_domain: int | bool = 1,
        load_credentials: str = "",
        password_file: str = "",
        connections: int = 5,
        timeout: float = 2.0,
        busy: float = 1.0,
        seal: str = "",
        accept_unsealed: bool = False,
    ) -> None:
        self._database = Database(
            "SQLAccounts", "the subscriber database {}", "sql", url, password_file, connections, timeout, busy
        )
        self.name = self._database.name
        clear = bool(calculate_ha1)
        self._use_domain = bool(use_domain)
        # Any option may be wrong whether or not it is used, so all are looked at.
        user = identifier("user_column", user_column)
        domain = identifier("domain_column", domain_column) if self._use_domain or domain_column else ""
        first = identifier("password_column", password_column or ("password" if clear else "ha1"))
        strong = [
            (kind, option, identifier(option, column))
            for kind, option, column in (
                ("SHA-256", "hash_column_sha256", hash_column_sha256),
                ("SHA-512-256", "hash_column_sha512t256", hash_column_sha512t256),
            )
            if column and not clear
        ]
        second = HA1B if password_column_2 is None else password_column_2
        if second:
            identifier("password_column_2", second)
        attributes = credentials_to_load(load_credentials)
        plain = [(CLEAR if clear else "MD5", first), *((kind, column) for kind, _, column in strong)]
        with_domain = plain if clear else [("MD5", second)] if second else []
        self.algorithms: tuple[str, ...] = ("MD5", "SHA-256", "SHA-512-256") if clear else tuple(kind for kind, _ in plain)
        name, mark = table_name("table", table), self._database.driver.mark
        asked = domain if self._use_domain else ""
        named = [("user_column", user), ("domain_column", asked), ("password_column", first)]
        named += [(option, column) for _, option, column in strong]
        named += [("password_column_2", second)] if with_domain and not clear else []
        named += [("load_credentials", column) for _, column in attributes]
        if accept_unsealed and not seal:
            raise ConfigError("accept_unsealed=True says nothing without seal=; name the key file, or leave it out")
        if seal and not domain:
            raise ConfigError("seal= needs domain_column=: a sealed value is bound to its username and domain")
        self.seal = Seal(seal, accept_unsealed, tuple(column for _, column in (*plain, *with_domain))) if seal else None
        self._names = (name.lower(), user.lower(), domain.lower())
        bound = domain if seal else ""
        named += [("domain_column", bound)]
        self._table = Table(
            name,
            [(option, column) for option, column in named if column],
            Question(name, user, asked, plain, attributes, mark, bound),
            Question(name, user, asked, with_domain, attributes, mark, bound),
            password_column_2 is None,
        )

    def __repr__(self) -> str:
        return f"SQLAccounts({str(self._database.where)!r})"

    def attach(self, house: House) -> None:
        """Look at the table and open the pool.

        Raises ConfigError when a file, a table or a column is not there.  A server that does not let us in is BackendFailed.
        """
        if self.seal is not None:
            self.seal.load()
        self._database.open(house, self._opened)

    def close(self) -> None:
        """Close the pool; the reactor does it by itself at shutdown."""
        self._database.close()

    def reads(self, path: str) -> bool:
        """Whether the accounts are those of the table `subscriber` in this file, which `twsipctl` changes."""
        where = self._database.where
        if where.kind != SQLITE or self._names != ("subscriber", "username", "domain"):
            return False
        return os.path.realpath(path) == os.path.realpath(where.path)

    async def find(self, realm: str, auth_id: str) -> Account | None:
        """The account, or None; raises BackendDown when the database does not answer.  Cancelling it gives the query up."""
        username, at, domain = auth_id.partition("@")
        is_somebody = can_be_asked(username)
        # Asked even when the answer is known to be no, so that the time tells nothing.
        asked_for = username if is_somebody else ""
        question, rows = await self._database.look_up(
            self._table.domain_question if at else self._table.plain_question,
            (asked_for, realm) if self._use_domain else (asked_for,),
        )
        if not rows:
            return None
        # Nobody's row is read like any other, so that it takes as long.
        account: Account | None = question.read(rows[0], realm, username, self.seal)
        # A collation that folds case or accents must not make one subscriber of two, and user@domain proves that user of
        # that domain only, so it must be the realm's.
        fits = is_somebody and rows[0][0] == username and (not at or (self._table.has_second and domain.lower() == realm.lower()))
        return account if fits else None

    def _opened(self, connection: Any) -> None:
        # Called for each new connection until one of them could be looked at: the server may be down at the start.
        if not self._table.is_known:
            self._table.look(connection, self._database.driver, self._database.where)
