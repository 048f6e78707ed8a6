"""PostgreSQL through psycopg 3."""

from collections.abc import Generator
from math import ceil
from typing import Any, Final, final

import psycopg
from psycopg.types.string import TextLoader

from .sqlurl import Where

INTERVAL: Final = 0.1
LEAST_CONNECT: Final = 2
"""What libpq makes of a shorter time limit for connecting."""

_CANNOT_HOLD: Final = ("22021", "22P05", "22P02", "22003")


class Silent(psycopg.OperationalError):
    """The server said nothing for too long."""


class Trimmed(TextLoader):
    """CHAR(64), as in OpenSIPS's tables, without the blanks that fill it: as MariaDB gives it."""

    def load(self, data: Any) -> str:
        """The text."""
        text = super().load(data)
        return (text if isinstance(text, str) else text.decode()).rstrip(" ")


class Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for `silence` seconds at most."""

    silence: float = LEAST_CONNECT

    def wait(self, gen: Any, interval: float = INTERVAL, *rest: Any, **more: Any) -> Any:
        """What psycopg calls for every wait."""
        return super().wait(_bounded(gen, ceil(self.silence / INTERVAL), self.silence), INTERVAL, *rest, **more)


def _bounded(waiting: Any, turns: int, silence: float) -> Generator[Any, Any, Any]:
    # psycopg looks up after every interval and passes 0 when nothing came in it, which counts the time without a clock.
    left = turns
    try:
        wish = next(waiting)
        while True:
            ready = yield wish
            left = turns if ready else left - 1
            if left <= 0:
                raise Silent(f"no answer within {silence:g} seconds")
            wish = waiting.send(ready)
    except StopIteration as end:
        return end.value


@final
class PostgreSQLDriver:
    """Every wait ends after `timeout` seconds (connecting: at least 2), in the server, too."""

    module = "psycopg"
    mark = "%s"
    errors: tuple[type[Exception], ...] = (psycopg.Error, UnicodeError, OSError)

    def __init__(self, where: Where, timeout: float) -> None:
        self._where = where
        self._timeout = timeout
        words: dict[str, Any] = {
            "user": where.user,
            "host": where.host,
            "port": where.port,
            "dbname": where.database,
            **where.options,
        }
        self._words = {name: word for name, word in words.items() if word}

    def connect(self) -> Any:
        """A session that may only read."""
        connection = Bounded.connect(
            autocommit=True,
            # Kept plans break when somebody alters the table, and behind a pooler.
            prepare_threshold=None,
            connect_timeout=max(LEAST_CONNECT, ceil(self._timeout)),
            client_encoding="UTF8",
            application_name="twsip",
            gssencmode="disable",
            password=self._where.password or None,
            **self._words,
        )
        try:
            connection.adapters.register_loader("bpchar", Trimmed)
            connection.silence = self._timeout
            connection.execute("SET default_transaction_read_only = on")
            connection.execute(f"SET statement_timeout = {max(1, int(self._timeout * 1000))}")
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def has_dropped(self, connection: Any, error: Exception) -> bool:
        """The server went away, as when it was started anew."""
        return bool(connection.closed)

    def cannot_hold(self, error: Exception) -> bool:
        """A NUL, a letter that the database's encoding lacks, or no number where the column holds numbers.

        Other data exceptions (SQLSTATE class 22) come out of a view that cannot make its rows.
        """
        return isinstance(error, psycopg.DataError) and (error.sqlstate is None or error.sqlstate in _CANNOT_HOLD)

    def is_about_names(self, error: Exception) -> bool:
        """Access rules and syntax (SQLSTATE class 42), or a schema (3F)."""
        return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(("42", "3F"))


def driver(where: Where, timeout: float) -> PostgreSQLDriver:
    """The driver for a PostgreSQL server."""
    return PostgreSQLDriver(where, timeout)
