"""The tables: OpenSER's names, a version for each table, created when missing and refused when newer (etc/subscriber.sql)."""

import contextlib
import os
import sqlite3
from typing import Final, final

from ..api import ConfigError

BUSY_MILLISECONDS: Final = 1000
# 16 MiB: a page that changes many times is copied into the file once (a fifth less CPU a registration than with 1000).
WAL_PAGES: Final = 4000


@final
class Table:
    """One table: how it is made, the version that has, the versions we can read, and the columns that must be there."""

    __slots__ = ("columns", "name", "readable", "sql", "version")

    def __init__(self, name: str, version: int, readable: tuple[int, ...], columns: str, sql: str) -> None:
        self.name = name
        self.version = version
        self.readable = readable
        self.columns = columns.split()
        self.sql = sql


VERSION: Final = """\
CREATE TABLE version (
    table_name VARCHAR(32) NOT NULL UNIQUE,
    table_version INTEGER DEFAULT 0 NOT NULL
)"""

# Kamailio and OpenSER write version 6 or 7, OpenSIPS 8: whatever else they hold, the columns named here are the same.
SUBSCRIBER: Final = Table(
    "subscriber",
    7,
    (6, 7, 8),
    "username domain password ha1",
    """\
CREATE TABLE subscriber (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) DEFAULT '' NOT NULL,
    domain VARCHAR(64) DEFAULT '' NOT NULL,
    password VARCHAR(64) DEFAULT '' NOT NULL,
    ha1 VARCHAR(128) DEFAULT '' NOT NULL,
    ha1b VARCHAR(128) DEFAULT '' NOT NULL,
    UNIQUE (username, domain)
)""",
)

URI: Final = Table(
    "uri",
    1,
    (1, 2),
    "username domain uri_user",
    """\
CREATE TABLE uri (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) DEFAULT '' NOT NULL,
    domain VARCHAR(64) DEFAULT '' NOT NULL,
    uri_user VARCHAR(64) DEFAULT '' NOT NULL,
    last_modified TIMESTAMP DEFAULT '1900-01-01 00:00:01' NOT NULL,
    UNIQUE (username, domain, uri_user)
)""",
)

# Times are POSIX seconds, as OpenSIPS has `expires`.  The number is our own: Kamailio's tables have 9, OpenSIPS' 1013.
LOCATION: Final = Table(
    "location",
    2001,
    (2001,),
    "username domain contact received path expires q callid cseq last_modified user_agent instance reg_id",
    """\
CREATE TABLE location (
    id INTEGER PRIMARY KEY NOT NULL,
    username VARCHAR(64) DEFAULT '' NOT NULL,
    domain VARCHAR(64) DEFAULT '' NOT NULL,
    contact VARCHAR(512) NOT NULL,
    received VARCHAR(128) DEFAULT '' NOT NULL,
    path VARCHAR(1024) DEFAULT '' NOT NULL,
    expires INTEGER NOT NULL,
    q FLOAT DEFAULT 1.0 NOT NULL,
    callid VARCHAR(255) NOT NULL,
    cseq INTEGER NOT NULL,
    last_modified INTEGER NOT NULL,
    user_agent VARCHAR(255) DEFAULT '' NOT NULL,
    instance VARCHAR(255) DEFAULT '' NOT NULL,
    reg_id INTEGER DEFAULT 0 NOT NULL,
    UNIQUE (username, domain, contact, instance, reg_id)
)""",
)


def connect(path: str, *tables: Table) -> sqlite3.Connection:
    """A connection to the database file, made with owner-only access if missing, with these tables in it.

    In WAL mode with synchronous=NORMAL: what was committed survives the end of the process by any means; a power cut may
    cost the last commits, never the file.  Raises ConfigError naming the file, what is wrong with it and the mend.
    """
    connection: sqlite3.Connection | None = None
    try:
        _make(path)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection, path, tables)
        connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise ConfigError(explain(path, error)) from error
    except ConfigError:
        if connection is not None:
            connection.close()
        raise
    return connection


def explain(path: str, error: Exception) -> str:
    """One sentence for the operator: the file, the trouble, the mend."""
    text = str(error)
    if isinstance(error, sqlite3.DatabaseError) and ("not a database" in text or "malformed" in text):
        return (
            f"the database {path} is damaged or no SQLite database ({text}); restore it from a backup or move it away"
        )
    if "locked" in text or "busy" in text:
        return f"the database {path} is locked by another program ({text}); end that program"
    if isinstance(error, FileNotFoundError):
        return f"the database {path} cannot be made: there is no directory {os.path.dirname(path)}; make it"
    if isinstance(error, IsADirectoryError) or os.path.isdir(path):
        return f"the database {path} is a directory; name a file in it"
    return (
        f"the database {path} cannot be read and written ({text}); "
        "give the user that twsip runs as write access to the file and its directory"
    )


def _make(path: str) -> None:
    """HA1 values are as good as passwords: nobody else may read the file.

    One that is there is not touched: to close it here would give up the locks that SQLite holds on it for this process.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(path)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _prepare(connection: sqlite3.Connection, path: str, tables: tuple[Table, ...]) -> None:
    present = {
        str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    }
    if "version" not in present:
        connection.execute(VERSION)
    for table in tables:
        row = connection.execute("SELECT table_version FROM version WHERE table_name = ?", (table.name,)).fetchone()
        if table.name not in present:
            connection.execute(table.sql)
            connection.execute("INSERT OR REPLACE INTO version VALUES (?, ?)", (table.name, table.version))
            continue
        if row is not None and row[0] not in table.readable:
            raise ConfigError(
                f"the table {table.name} in the database {path} has version {row[0]}, this twsip knows "
                f"{table.version}; use the twsip or other program that made it, or name another file"
            )
        missing = [name for name in table.columns if name not in columns(connection, table.name)]
        if row is None or missing:
            why = f"lacks the column {missing[0]}" if missing else "has no version"
            raise ConfigError(
                f"the table {table.name} in the database {path} {why}: it is not twsip's; name another file"
            )
        # A write that changes nothing, because only a write shows that the file may be written.
        connection.execute("UPDATE version SET table_version = table_version WHERE table_name = ?", (table.name,))


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The names of the table's columns."""
    return {str(row[0]) for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
