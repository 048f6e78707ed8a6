"""MariaDB and MySQL through PyMySQL."""

import os
import socket
import struct
from contextlib import suppress
from typing import Any, Final, final

import pymysql  # type: ignore[import-untyped]
from pymysql.constants import CR, ER  # type: ignore[import-untyped]

from ..api import ConfigError
from .sqlurl import Where

SOCKETS: Final = ("/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock")
"""Where the server's socket is by custom: to MySQL's own clients, and so to OpenSER, "localhost" means it.

None in /tmp, where anybody could put one.
"""
TLS_IS_KEPT: Final = (1, 2)
"""The first version that insists on TLS when it was asked for."""
# A letter that the column's character set lacks.
_CANNOT_HOLD: Final = (ER.CANT_AGGREGATE_2COLLATIONS, ER.CANT_AGGREGATE_NCOLLATIONS, ER.INVALID_CHARACTER_STRING, 3854, 3988)
_NAMES: Final = (
    ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR,
    ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, ER.PARSE_ERROR, ER.SYNTAX_ERROR,
)  # fmt: skip
_ENDED: Final = (ER.SERVER_SHUTDOWN, 1927, 4031)
"""It was told so before it was hung up on: shutdown, killed, idle for too long."""


@final
class Connection(pymysql.connections.Connection):
    """One that closes a Unix socket at once when nobody listens there: PyMySQL leaves that to the garbage collector."""

    def connect(self, sock: Any = None) -> None:
        """What PyMySQL calls when it is made."""
        if sock is None and self.unix_socket:
            sock = _reached(self.unix_socket, self.connect_timeout)
            # As PyMySQL has it for sockets of its own: nobody listens on the way.
            self._secure = True
        super().connect(sock)


def _reached(path: str, timeout: float) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout)
        made.connect(path)
    except OSError as error:
        made.close()
        raise pymysql.OperationalError(CR.CR_CONNECTION_ERROR, f"Can't connect to the server at {path} ({error})") from None
    return made


@final
class MySQLDriver:
    """Connecting and every wait end after `timeout` seconds, in the server, too, if it can."""

    module = "pymysql"
    mark = "%s"
    # PyMySQL raises nearly anything when the server talks nonsense.
    errors: tuple[type[Exception], ...] = (
        pymysql.Error, OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError, struct.error,
    )  # fmt: skip

    def __init__(self, where: Where, timeout: float) -> None:
        self._where = where
        self._timeout = timeout
        socket = where.options.get("unix_socket") or (where.host if where.host.startswith("/") else "")
        if not socket and where.host in ("", "localhost") and not where.port:
            socket = next((path for path in SOCKETS if os.path.exists(path)), "")
        self._words: dict[str, Any] = {"user": where.user or None, "database": where.database}
        if socket:
            self._words |= {"unix_socket": socket, "ssl_disabled": True}
        else:
            self._words |= {"host": where.host or "localhost", "port": where.port or 3306}
            tls = {name: value for name, value in where.options.items() if name.startswith("ssl_")}
            if tls and pymysql.VERSION[:2] < TLS_IS_KEPT:
                raise ConfigError(f"PyMySQL {pymysql.__version__} goes on without TLS when it is refused; run: pip install --upgrade PyMySQL")
            if "ssl_ca" in tls:
                tls |= {"ssl_verify_cert": True, "ssl_verify_identity": True}  # type: ignore[dict-item]
            self._words |= tls

    def connect(self) -> Any:
        """A session that may only read."""
        connection = Connection(
            # In bytes, because PyMySQL encodes text as Latin-1 only.
            password=self._where.password.encode(),
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            write_timeout=self._timeout,
            init_command="SET SESSION TRANSACTION READ ONLY",
            **self._words,
        )
        with connection.cursor() as cursor:
            # MariaDB's word and MySQL's; either server knows only its own.
            for limit in (f"max_statement_time = {self._timeout:g}", f"max_execution_time = {max(1, int(self._timeout * 1000))}"):
                with suppress(pymysql.err.OperationalError, pymysql.err.ProgrammingError):
                    cursor.execute(f"SET SESSION {limit}")
        return connection

    def has_dropped(self, connection: Any, error: Exception) -> bool:
        """The server went away, as when it was started anew."""
        if error.args and error.args[0] in _ENDED:
            return True
        return not connection.open and not isinstance(error.__context__, TimeoutError)

    def is_about_names(self, error: Exception) -> bool:
        """Table, columns, syntax, or the right to read them."""
        return isinstance(error, pymysql.Error) and bool(error.args) and error.args[0] in _NAMES

    def cannot_hold(self, error: Exception) -> bool:
        """A letter that the column's character set lacks."""
        return isinstance(error, pymysql.DataError) or (bool(error.args) and error.args[0] in _CANNOT_HOLD)


def driver(where: Where, timeout: float) -> MySQLDriver:
    """The driver for a MariaDB or MySQL server."""
    return MySQLDriver(where, timeout)
