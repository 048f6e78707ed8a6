"""Seals, unseals and reseals the table `subscriber`, a batch a transaction, so that any batch may be the last (docs/sealing.md)."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, Protocol

from ..api import ConfigError, SealBroken
from ..guard.keyring import is_sealed

BATCH: Final = 100
"""Rows in a transaction: a few milliseconds in which the server does nothing else."""
CLEAR: Final = "password"
HASHES: Final = ("ha1", "ha1b", "ha1_sha256", "ha1_sha512t256")
SEAL: Final = "seal"
UNSEAL: Final = "unseal"
ROTATE: Final = "rotate"
MOST_NAMED: Final = 5


class Seal(Protocol):
    """What seals, as far as this room needs it.  Text in, text out, bound to username, domain and column."""

    path: str
    accept_unsealed: bool
    newest: str

    def load(self) -> object:
        """Read the keys if they changed.  Raises ConfigError."""

    def seal(self, text: str, username: str, domain: str, column: str) -> str:
        """Sealed with the newest key."""

    def open(self, text: str, username: str, domain: str, column: str) -> str:
        """Opened.  Raises SealBroken."""

    def is_newest(self, text: str) -> bool:
        """Whether the newest key sealed it."""


def one_batch(connection: sqlite3.Connection, names: Sequence[str], seal: Seal, deed: str, after: int | None) -> dict[str, Any]:
    """Do it to the next rows behind the row id `after` (None: from the beginning), durably and all at once.

    Says how many `subscribers` were looked at and how many were `changed`, how many are `unsealed` still, how many are
    `broken` (they do not open, and stay as they are) and `who` the first of them are; where to go on, `after`; and whether it is `done`.
    """
    count = {"subscribers": 0, "changed": 0, "unsealed": 0, "broken": 0}
    who: list[str] = []
    select = f"SELECT rowid, username, domain, {', '.join(names)} FROM subscriber"  # noqa: S608  names are the table's own
    connection.execute("BEGIN IMMEDIATE")
    try:
        behind = (-(2**63), ">=") if after is None else (after, ">")
        rows = connection.execute(f"{select} WHERE rowid {behind[1]} ? ORDER BY rowid LIMIT ?", (behind[0], BATCH)).fetchall()
        for row, username, domain, *texts in rows:
            count["subscribers"] += 1
            held = {name: text for name, text in zip(names, texts, strict=True) if isinstance(text, str) and text}
            try:
                new = {name: _done(seal, deed, text, str(username), str(domain), name) for name, text in held.items()}
            except SealBroken:
                count["broken"] += 1
                who += [f"{username}@{domain}"][: MOST_NAMED - len(who)]
                continue
            changes = {name: text for name, text in new.items() if text != held[name]}
            if changes:
                places = ", ".join(f"{name} = ?" for name in changes)
                connection.execute(f"UPDATE subscriber SET {places} WHERE rowid = ?", (*changes.values(), row))  # noqa: S608
                count["changed"] += 1
            count["unsealed"] += not all(is_sealed(text, name not in HASHES) for name, text in new.items())
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return {**count, "who": who, "after": rows[-1][0] if rows else after, "done": len(rows) < BATCH}


def _done(seal: Seal, deed: str, text: str, username: str, domain: str, name: str) -> str:
    if not is_sealed(text, name not in HASHES):
        if deed != SEAL:
            return text
        return seal.seal(text.lower() if name in HASHES else text, username, domain, name)
    # Also when nothing is to be done: whoever counts them wants to know that they open.
    plain = seal.open(text, username, domain, name)
    if deed == UNSEAL:
        return plain
    return text if deed == SEAL or seal.is_newest(text) else seal.seal(plain, username, domain, name)


def wipe(connection: sqlite3.Connection, path: str) -> None:
    """Leave nothing of what the rows held before in the file or its -wal: SQLite only unlinks what it deletes.

    Rewrites the whole file.  Raises ConfigError when another program reads the old pages.
    """
    connection.execute("VACUUM")
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise ConfigError(f"all is done, but {path}-wal holds old pages that another program reads; end that and run this again")
