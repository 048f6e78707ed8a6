"""What twsip needs of a database driver (DB-API, PEP 249), and SQLite's."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, Protocol, final
from urllib.parse import quote

from ..api import ConfigError
from .sqlurl import MYSQL, SQLITE, Where

LONGEST_TOLD: Final = 300


class Driver(Protocol):
    """Connects, and tells apart what can go wrong.  Its connections are in autocommit mode and only read."""

    module: str
    """The DB-API module's name."""
    mark: str
    """What stands for a parameter."""
    errors: tuple[type[Exception], ...]
    """Everything that a database that is down, slow or talks nonsense makes it raise."""

    def connect(self) -> Any:
        """A new connection; blocks within the driver's time limit."""

    def has_dropped(self, connection: Any, error: Exception) -> bool:
        """Whether the connection had ended before it was asked, so that a new one may have the answer."""

    def cannot_hold(self, error: Exception) -> bool:
        """Whether the database says that such a value cannot be in it."""

    def is_about_names(self, error: Exception) -> bool:
        """Whether table or columns are not there or not ours to read, which waiting does not mend."""


def driver_for(where: Where, timeout: float, busy: float) -> Driver:
    """The driver for a database.  Raises ConfigError when it is not installed."""
    if where.kind == SQLITE:
        return SQLiteDriver(where, busy)
    # Their packages are extras: whoever does not use them need not have them.
    name, package = ("mysql", "PyMySQL") if where.kind == MYSQL else ("postgresql", "psycopg[binary]")
    try:
        make: Callable[[Where, float], Driver] = import_module(f".sql{name}", __package__).driver
    except ImportError as error:
        raise ConfigError(f"{package}, the driver for {where.kind}:// URLs, is not installed; run: pip install '{package}'") from error
    return make(where, timeout)


def told(error: BaseException, where: Where) -> str:
    """An error as one short printable line that never holds the password."""
    words = error.args[1] if len(error.args) > 1 and isinstance(error.args[0], int) else error
    line = " ".join(str(words).split()) or type(error).__name__
    if where.password:
        line = line.replace(where.password, "...")
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:LONGEST_TOLD]


@final
class SQLiteDriver:
    """The file must exist and is never written; `busy` seconds is how long a writer is waited for."""

    module = "sqlite3"
    mark = "?"
    errors: tuple[type[Exception], ...] = (sqlite3.Error, UnicodeError)

    def __init__(self, where: Where, busy: float) -> None:
        self._path = where.path
        self._busy = busy

    def connect(self) -> Any:
        """The open file."""
        # rw and not ro: a reader of a WAL database writes its -shm file.  query_only forbids the rest.
        uri = "file:" + quote(os.path.abspath(self._path)) + "?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=self._busy, check_same_thread=False, isolation_level=None)
        try:
            # Readers then never wait for a writer.  Not ours to insist on: the file may belong to somebody else's server.
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode=WAL").fetchall()
            connection.execute("PRAGMA query_only=ON").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def has_dropped(self, connection: Any, error: Exception) -> bool:
        """A file does not hang up."""
        return False

    def cannot_hold(self, error: Exception) -> bool:
        """SQLite takes any text."""
        return False

    def is_about_names(self, error: Exception) -> bool:
        """A file that cannot be read is no service that comes back."""
        return True
