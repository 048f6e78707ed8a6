"""Subscribers in SQLite, for whoever manages them: HA1 only, no clear text at rest (RFC 7616 section 3.4.2)."""

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Final, final

from ..api import ConfigError
from .schema import SUBSCRIBER, URI, columns, connect, explain

LONGEST: Final = 64
_NOT_IN_USER: Final = set(':"\\@<>/ ')
_IN_DOMAIN: Final = set("abcdefghijklmnopqrstuvwxyz0123456789-._[]:")


def ha1(auth_id: str, realm: str, password: str) -> str:
    """MD5(auth id:realm:password), the only hash that the table's ha1 columns hold."""
    return hashlib.md5(f"{auth_id}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


@final
class Subscribers:
    """The table `subscriber` of a database file; each change is durable when its method returns.

    The digest realm is the domain.  Every method raises ConfigError, one sentence that says what to do instead.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = connect(path, SUBSCRIBER, URI)
        # OpenSIPS' table has no ha1b.
        self._has_ha1b = "ha1b" in columns(self._connection, "subscriber")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, username: str, domain: str, password: str) -> None:
        """A new subscriber; refuses one that exists."""
        domain = _checked(username, domain)
        _check_password(password)
        names = "username, domain, password, ha1" + (", ha1b" if self._has_ha1b else "")
        values = [username, domain, "", *self._secrets(username, domain, password)]
        marks = ", ".join("?" * len(values))
        done = self._run(f"INSERT OR IGNORE INTO subscriber ({names}) VALUES ({marks})", values)  # noqa: S608
        if not done:
            raise ConfigError(f"{username}@{domain} exists already; use passwd to set another password")

    def passwd(self, username: str, domain: str, password: str) -> None:
        """Another password for a subscriber that exists."""
        domain = _checked(username, domain)
        _check_password(password)
        places = "password = ?, ha1 = ?" + (", ha1b = ?" if self._has_ha1b else "")
        values = ["", *self._secrets(username, domain, password), username, domain]
        done = self._run(f"UPDATE subscriber SET {places} WHERE username = ? AND domain = ?", values)  # noqa: S608
        if not done:
            raise ConfigError(f"there is no subscriber {username}@{domain}; add it first")

    def remove(self, username: str, domain: str) -> None:
        """Forget a subscriber and what the table `uri` lets it be."""
        domain = _checked(username, domain)
        self._run("DELETE FROM uri WHERE username = ? AND domain = ?", [username, domain])
        if not self._run("DELETE FROM subscriber WHERE username = ? AND domain = ?", [username, domain]):
            raise ConfigError(f"there is no subscriber {username}@{domain}; see the list for who there is")

    def list(self) -> Sequence[tuple[str, str]]:
        """(username, domain) of all subscribers, by domain and name."""
        try:
            rows = self._connection.execute(
                "SELECT username, domain FROM subscriber ORDER BY domain, username"
            ).fetchall()
        except sqlite3.Error as error:
            raise ConfigError(explain(self.path, error)) from error
        return [(str(username), str(domain)) for username, domain in rows]

    def _secrets(self, username: str, domain: str, password: str) -> tuple[str, ...]:
        plain = ha1(username, domain, password)
        return (plain, ha1(f"{username}@{domain}", domain, password)) if self._has_ha1b else (plain,)

    def _run(self, sql: str, values: Sequence[str]) -> int:
        try:
            return self._connection.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise ConfigError(explain(self.path, error)) from error


def _checked(username: str, domain: str) -> str:
    """The domain in lower case, if both can stand in a digest and in a URI."""
    if not username or len(username) > LONGEST or not username.isprintable() or _NOT_IN_USER.intersection(username):
        raise ConfigError(
            f"the user name {username!r} cannot be used; take 1 to {LONGEST} letters, digits or signs, "
            'but no space and none of : " \\ @ < > /'
        )
    domain = domain.lower()
    if not domain or len(domain) > LONGEST or not _IN_DOMAIN.issuperset(domain):
        raise ConfigError(f"{domain!r} is no domain; take a host name like example.org, at most {LONGEST} characters")
    return domain


def _check_password(password: str) -> None:
    if not password or not password.isprintable():
        raise ConfigError("the password is empty or holds control characters; take another one")
