"""Where a database is: OpenSER's `db_url` or the path of an SQLite file, taken apart; its password is in nothing that is printed."""

import os
from typing import Final, final
from urllib.parse import unquote

from ..api import ConfigError

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
MYSQL: Final = "mysql"
_SCHEMES: Final = {
    "sqlite": SQLITE,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "mysql": MYSQL,
    "mariadb": MYSQL,
}
_OPTIONS: Final = {
    POSTGRESQL: ("host", "sslmode", "sslrootcert", "sslcert", "sslkey"),
    MYSQL: ("unix_socket", "ssl_ca", "ssl_cert", "ssl_key"),
}
_WRITE: Final = "write postgres://user:password@host/database, mysql://user:password@host/database or the path of an SQLite file"
_ESCAPE: Final = "a / ? : @ or % in a user name or password is written as %2F %3F %3A %40 %25"


@final
class Where:
    """One database.  `path` is for SQLite, the rest for a server; `host` may be a folder or file with a Unix socket, `port` 0 is the usual one.

    `str()` and `repr()` leave the password out.
    """

    __slots__ = ("database", "host", "kind", "options", "password", "path", "port", "user")

    def __init__(self, kind: str, path: str = "") -> None:
        self.kind = kind
        self.path = path
        self.user = ""
        self.password = ""
        self.host = ""
        self.port = 0
        self.database = ""
        self.options: dict[str, str] = {}

    def __str__(self) -> str:
        if self.kind == SQLITE:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        socket = self.options.get("host") or self.options.get("unix_socket")
        where = f"{self.user}@{host}" + (f":{self.port}" if self.port else "")
        return f"{self.kind}://{where}/{self.database}" + (f" at {socket}" if socket else "")

    def __repr__(self) -> str:
        return f"Where({str(self)!r})"


def where(url: str, part: str = "SQLAccounts") -> Where:
    """The parts of a URL or path that was given to that part.  Raises ConfigError, which never quotes what may be a password."""
    if not isinstance(url, str) or not url or "\0" in url:
        # What is no text may hold anything, so only its type is named.
        given = "''" if url == "" else type(url).__name__
        raise ConfigError(f"{part}({given}) needs the path of an SQLite file or the URL of a database; {_WRITE}")
    if url.startswith("file:"):
        return Where(SQLITE, _file(url[len("file:") :], part))
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Where(SQLITE, url)
    kind = _SCHEMES.get(scheme.lower())
    if kind is None:
        raise ConfigError(f"{part}({scheme[:20]}://...) names no database that is known here; {_WRITE}")
    if kind == SQLITE:
        return Where(SQLITE, _file(rest, part))
    return _server(kind, rest, part)


def _file(rest: str, part: str) -> str:
    bare = rest.partition("?")[0]
    if not bare.strip("/"):
        raise ConfigError(f"{part}(sqlite://) needs the path of an SQLite file; write sqlite:///var/lib/twsip/twsip.db")
    # Absolute paths are written with three slashes or four.
    return "/" + bare.lstrip("/") if bare.startswith("/") else bare


def _server(kind: str, rest: str, part: str) -> Where:
    found = Where(kind)
    authority, _, tail = rest.partition("/")
    login, _, place = authority.rpartition("@")
    user, _, password = login.partition(":")
    found.user, found.password = unquote(user), unquote(password)
    if place.startswith("["):
        host, closed, port = place[1:].partition("]")
        sound = bool(closed) and (not port or port.startswith(":"))
        port = port[1:]
    else:
        host, _, port = place.partition(":")
        sound = True
    found.host = unquote(host)
    if not sound or (port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        # Not quoted: after a slash that was not escaped it is a piece of the password.
        raise ConfigError(f"{part}({kind}://...) has no number as its port; {_ESCAPE}")
    found.port = int(port or 0)
    database, _, query = tail.partition("?")
    found.database = unquote(database)
    if not found.database or not found.database.isprintable() or any(letter in found.database for letter in "/@:;' "):
        raise ConfigError(f"{part}({kind}://...) has no name of a database at its end; {_WRITE}; {_ESCAPE}")
    if any("\0" in word for word in (found.user, found.password, found.host)):
        raise ConfigError(f"{part}({kind}://...) has a NUL in it; remove the %00")
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        if name not in _OPTIONS[kind] or not value:
            raise ConfigError(
                f"{part}({kind}://...) has something behind its ? that is no option; it takes {', '.join(_OPTIONS[kind])}; {_ESCAPE}"
            )
        found.options[name] = unquote(value)
    return found


def password_in(path: str, part: str = "SQLAccounts") -> str:
    """The first line of a file that was named to that part.  Raises ConfigError when it cannot be read or is empty."""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as lines:
            password = lines.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"password_file={path!r} of {part} cannot be read: {reason}") from None
    if not password:
        raise ConfigError(f"password_file={path!r} of {part} is empty; put the password in its first line")
    return password
