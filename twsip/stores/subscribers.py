"""Subscribers in SQLite, for whoever manages them: HA1 only, no clear text at rest (RFC 7616 section 3.4.2), sealed if asked."""

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, final

from ..api import ConfigError
from .schema import SUBSCRIBER, URI, columns, connect, explain
from .sealing import CLEAR, HASHES, ROTATE, SEAL, UNSEAL, Seal, one_batch, wipe

LONGEST: Final = 64
_NOT_IN_USER: Final = set(':"\\@<>/ ')
_IN_DOMAIN: Final = set("abcdefghijklmnopqrstuvwxyz0123456789-._[]:")


_STRONGER: Final = {"ha1_sha256": "sha256", "ha1_sha512t256": "sha512_256"}


def ha1(auth_id: str, realm: str, password: str, kind: str = "md5") -> str:
    """H(auth id:realm:password) in hex; MD5 is what the columns ha1 and ha1b hold.  "" if this machine has no such hash."""
    try:
        return hashlib.new(kind, f"{auth_id}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()
    except ValueError:
        return ""


@final
class Subscribers:
    """The table `subscriber` of a database file; each change is durable when its method returns.

    The digest realm is the domain.  Every method raises ConfigError, one sentence that says what to do instead.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = connect(path, SUBSCRIBER, URI)
        self._present = columns(self._connection, "subscriber")
        # OpenSIPS' table has no ha1b, but may have stronger ones; a new password must not leave an old one in any of them.
        self._hashes = tuple(name for name in HASHES if name in self._present)
        self._seal: Seal | None = None
        self._sealed = (*self._hashes, CLEAR)
        self._is_looked_at = False

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def seal_with(self, seal: Seal, also: Sequence[str] = ()) -> None:
        """From now on seal every secret that is stored; `also` are columns with secrets besides the usual ones."""
        known = {name.lower() for name in self._sealed}
        self._sealed += tuple(name for name in sorted(self._present) if name.lower() in {one.lower() for one in also} - known)
        self._seal = seal
        # What is overwritten is then gone from its page.
        self._connection.execute("PRAGMA secure_delete = ON").fetchall()

    def reseal(self, deed: str, after: int | None = None) -> dict[str, Any]:
        """Seal, unseal or rotate (seal with the newest key what an older one sealed) the next batch of subscribers.

        See `one_batch` for the answer: call it again with the answer's `after` until that is `done`.
        """
        seal = self._seal
        if seal is None:
            raise ConfigError("this site seals nothing; give its SQLAccounts(...) seal= with the key file that twsipctl key new made")
        if deed not in (SEAL, UNSEAL, ROTATE) or not isinstance(after, int | None):
            raise ConfigError(f"{deed!r} after {after!r} cannot be done; it is one of {SEAL}, {UNSEAL} and {ROTATE}, and a row id")
        if deed != ROTATE and not seal.accept_unsealed:
            raise ConfigError(
                f"to {deed} the table, give SQLAccounts(...) accept_unsealed=True beside seal= and restart:"
                " until then a value that is not sealed is a forgery"
            )
        seal.load()
        try:
            done = one_batch(self._connection, self._sealed, seal, deed, after)
            if done["done"] and deed != UNSEAL:
                wipe(self._connection, self.path)
        except sqlite3.Error as error:
            raise ConfigError(explain(self.path, error)) from error
        return {**done, "key": seal.newest}

    def add(self, username: str, domain: str, password: str) -> None:
        """A new subscriber; refuses one that exists."""
        domain = _checked(username, domain)
        _check_password(password)
        names, secrets = self._secrets(username, domain, password)
        values = [username, domain, *secrets]
        places, marks = ", ".join(names), ", ".join("?" * len(values))
        done = self._run(f"INSERT OR IGNORE INTO subscriber (username, domain, {places}) VALUES ({marks})", values)  # noqa: S608
        if not done:
            raise ConfigError(f"{username}@{domain} exists already; use passwd to set another password")

    def passwd(self, username: str, domain: str, password: str) -> None:
        """Another password for a subscriber that exists."""
        domain = _checked(username, domain)
        _check_password(password)
        names, secrets = self._secrets(username, domain, password)
        places = ", ".join(f"{name} = ?" for name in names)
        values = [*secrets, username, domain]
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

    def _secrets(self, username: str, domain: str, password: str) -> tuple[Sequence[str], Sequence[str]]:
        """The columns that hold secrets and what belongs in them."""
        seal = self._seal
        if seal is None:
            self._refuse_sealed()
        else:
            seal.load()
        names, secrets = [CLEAR], [""]
        for name in self._hashes:
            auth_id = f"{username}@{domain}" if name == "ha1b" else username
            secret = ha1(auth_id, domain, password, _STRONGER.get(name, "md5"))
            names.append(name)
            secrets.append(secret if seal is None or not secret else seal.seal(secret, username, domain, name))
        return names, secrets

    def _refuse_sealed(self) -> None:
        """Whoever has no key must not put clear ones among sealed ones."""
        if self._is_looked_at:
            return
        try:
            found = self._connection.execute("SELECT 1 FROM subscriber WHERE substr(ha1, 1, 1) = '~' LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise ConfigError(explain(self.path, error)) from error
        if found:
            raise ConfigError(f"the subscribers in {self.path} are sealed and this site has no key; give its SQLAccounts(...) seal=")
        self._is_looked_at = True

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
