"""The location service in SQLite: read once at start, answered from memory, every change written before it is confirmed."""

import sqlite3
from typing import Final

from zope.interface import implementer

from ..api import BackendDown, Binding, ConfigError, IBindings
from ..api.house import House
from .memory import MOST_AORS, MemoryBindings
from .packed import keys, pack, unpack_all
from .schema import LOCATION, connect, explain

# A row that is there already keeps its id, and so its place in the order.
_UPSERT: Final = (
    "INSERT INTO location (username, domain, contact, instance, reg_id, received, path, expires, q, callid, cseq, "
    "last_modified, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (username, domain, contact, instance, reg_id) DO UPDATE SET received = excluded.received, "
    "path = excluded.path, expires = excluded.expires, q = excluded.q, callid = excluded.callid, cseq = excluded.cseq, "
    "last_modified = excluded.last_modified, user_agent = excluded.user_agent"
)
# A third cheaper than the one above where it applies, which is nearly always: a phone refreshes.
_UPDATE: Final = (
    "UPDATE location SET received = ?, path = ?, expires = ?, q = ?, callid = ?, cseq = ?, last_modified = ?, "
    "user_agent = ? WHERE username = ? AND domain = ? AND contact = ? AND instance = ? AND reg_id = ?"
)
_DELETE: Final = "DELETE FROM location WHERE username = ? AND domain = ?"
_SELECT: Final = (
    "SELECT username, domain, contact, expires, q, callid, cseq, received, path, user_agent, instance, reg_id, "
    "last_modified FROM location ORDER BY username, domain, id"
)

# The first five name the row: username, domain, contact, instance, reg_id.
_Row = tuple[str, str, str, str, int, str, str, float, float, str, int, float, str]


@implementer(IBindings)
class SQLiteBindings(MemoryBindings):
    """Bindings in the table `location` of a SQLite file, all of them in memory too; one process owns the table.

    Nothing is opened before `open` or `attach`: a connection does not survive the fork that makes a daemon.  The
    connection is used by the reactor thread only.
    """

    def __init__(self, path: str, *, most_aors: int = MOST_AORS) -> None:
        super().__init__(most_aors=most_aors)
        self.path = path
        self._connection: sqlite3.Connection | None = None
        # What the AORs changed since the last commit had before, None if nothing: to undo, and to know what to write.
        self._before: dict[str, str | None] = {}

    def __repr__(self) -> str:
        return f"SQLite({self.path!r})"

    def attach(self, house: House) -> None:
        """Called by the site at start: opens the file.  Raises ConfigError."""
        self.open()

    def open(self) -> "SQLiteBindings":
        """Open the file, make the table if it is missing, read all bindings.  A second call does nothing.

        Raises ConfigError, one sentence that names the file and the mend.
        """
        if self._connection is not None:
            return self
        connection = connect(self.path, LOCATION)
        try:
            self._packed = _read_all(connection)
        except sqlite3.Error as error:
            connection.close()
            raise ConfigError(explain(self.path, error)) from error
        except (ValueError, TypeError, OverflowError) as error:
            connection.close()
            raise ConfigError(
                f"a row of the table location in the database {self.path} makes no sense ({error}); delete that row"
            ) from error
        self._connection = connection
        return self

    def close(self) -> None:
        """Close the file; what was not committed is lost.  It may be opened again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._packed = {}
        self._before = {}
        self._to_sweep = []

    def commit(self) -> None:
        """Write what was applied since the last commit, in one transaction; returns at once if there is nothing.

        Raises BackendDown, and then memory is as it was after the last commit that worked.
        """
        if not self._before:
            return
        if self._connection is None:
            self._undo()
            raise BackendDown(f"the database {self.path} is not open")
        try:
            self._write(self._connection)
        except sqlite3.Error as error:
            self._roll_back(self._connection)
            self._undo()
            raise BackendDown(explain(self.path, error)) from error
        self._before = {}

    def _put(self, aor: str, packed: str | None) -> None:
        if packed is not None and not (packed.isascii() and aor.isascii()):
            try:
                (packed + aor).encode()
            except UnicodeEncodeError as error:
                # Said here, because in the transaction it would undo everybody else's registrations too.
                raise BackendDown(f"a binding of {aor!r} is no Unicode text") from error
        before = self._packed.get(aor)
        super()._put(aor, packed)
        if aor not in self._before:
            self._before[aor] = before

    def _write(self, connection: sqlite3.Connection) -> None:
        deletes: list[tuple[str, str]] = []
        refreshed: list[_Row] = []
        written: list[_Row] = []
        for aor, before in self._before.items():
            packed = self._packed.get(aor)
            if packed == before:
                continue
            person = _person(aor)
            rows = [] if packed is None else [_row(person, binding) for binding in unpack_all(packed)]
            if before is not None:
                if packed is not None and keys(packed) == keys(before):
                    refreshed += rows
                    continue
                # Written anew as a whole, so that the order of the rows stays the order of the bindings.
                deletes.append(person)
            written += rows
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        if deletes:
            connection.executemany(_DELETE, deletes)
        if refreshed:
            done = connection.executemany(_UPDATE, [row[5:] + row[:5] for row in refreshed]).rowcount
            if done != len(refreshed):
                # Somebody else took rows out; memory is what counts.
                written += refreshed
        if written:
            connection.executemany(_UPSERT, written)
        connection.execute("COMMIT")

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # The next commit tries again before it begins; nothing of this transaction is ever read back.
            return

    def _undo(self) -> None:
        for aor, before in self._before.items():
            if before is None:
                self._packed.pop(aor, None)
            else:
                self._packed[aor] = before
        self._before = {}


def _person(aor: str) -> tuple[str, str]:
    """The columns username and domain of an address-of-record; a scheme other than sip: has no domain."""
    if aor.startswith("sip:"):
        user, _, host = aor[4:].rpartition("@")
        return user, host
    return aor, ""


def _row(person: tuple[str, str], binding: Binding) -> _Row:
    return (
        person[0],
        person[1],
        binding.contact,
        binding.instance,
        binding.reg_id,
        binding.received,
        binding.path,
        binding.expires,
        binding.q,
        binding.call_id,
        binding.cseq,
        binding.changed,
        binding.user_agent,
    )


def _read_all(connection: sqlite3.Connection) -> dict[str, str]:
    """All bindings by address-of-record, packed; expired ones too, they leave with the next sweep."""
    found: dict[str, str] = {}
    for username, domain, *fields in connection.execute(_SELECT):
        aor = username if not domain else f"sip:{username}@{domain}" if username else f"sip:{domain}"
        contact, expires, q, call_id, cseq, received, path, user_agent, instance, reg_id, changed = fields
        binding = Binding(
            str(contact),
            float(expires),
            float(q),
            str(call_id),
            int(cseq),
            str(received),
            str(path),
            str(user_agent),
            str(instance),
            int(reg_id),
            float(changed),
        )
        packed = pack((binding,))
        earlier = found.get(aor)
        found[aor] = packed if earlier is None else earlier + "\r" + packed
    return found
