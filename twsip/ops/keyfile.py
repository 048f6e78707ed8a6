"""The key file of sealed HA1s, as `twsipctl key` makes it and adds to it; the server is not asked and need not run (docs/sealing.md)."""

import os
import stat
import tempfile
from typing import Any

from ..guard.keyring import KEY_SIZE, LONGEST_FILE, complaint, key_id, new_file, parse_keys, with_key
from .admin import Failed


def make(path: str) -> dict[str, Any]:
    """A new key file with one key, for its owner only.  Never touches one that is there."""
    key = os.urandom(KEY_SIZE)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Failed(f"{path} exists already; add a key to it with twsipctl key add") from None
    except OSError as error:
        raise Failed(f"{path} cannot be made: {error.strerror}; name a file in a folder that you may write to") from None
    try:
        _write(file, new_file(key))
        _keep(path)
    except OSError as error:
        os.unlink(path)
        raise Failed(f"{path} cannot be written: {error.strerror}; make room for it") from None
    return {"file": path, "newest": key_id(key), "keys": [key_id(key)]}


def add(path: str) -> dict[str, Any]:
    """One more key, which seals from now on.  The file is replaced at once and keeps its owner."""
    path = os.path.realpath(path)
    text, about = _read(path)
    known = parse_keys(text)
    key = os.urandom(KEY_SIZE)
    while key_id(key) in known:
        key = os.urandom(KEY_SIZE)
    try:
        text = with_key(text, key)
    except ValueError as error:
        raise Failed(f"no key can be added to {path}: {error}") from None
    temporary = ""
    try:
        file, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", dir=os.path.dirname(path))
        if os.geteuid() == 0:
            os.fchown(file, about.st_uid, about.st_gid)
        _write(file, text)
        os.replace(temporary, path)
        _keep(path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise Failed(f"{path} cannot be replaced: {error.strerror}; you must be allowed to write to its folder") from None
    return show(path)


def show(path: str) -> dict[str, Any]:
    """The names of the keys, and which is the newest.  Never a key."""
    keys = list(parse_keys(_read(path)[0]))
    return {"file": path, "newest": keys[-1], "keys": keys}


def _read(path: str) -> tuple[str, os.stat_result]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            about = os.fstat(file)
            raw = os.read(file, LONGEST_FILE + 1) if stat.S_ISREG(about.st_mode) else b""
        finally:
            os.close(file)
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}; make one with twsipctl key new") from None
    me = os.geteuid()
    # Root may do for the server's user what that one could.
    wrong = complaint(about.st_mode, me if me == 0 else about.st_uid, me, False)
    if wrong:
        raise Failed(f"the key file {path} {wrong}")
    try:
        text = raw.decode("ascii")
        parse_keys(text if len(raw) <= LONGEST_FILE else "")
    except ValueError as error:
        why = "it is no text" if isinstance(error, UnicodeError) else str(error)
        raise Failed(f"the key file {path} is damaged: {why}; restore it from its backup") from None
    return text, about


def _write(file: int, text: str) -> None:
    """All of it, onto the disk: a key that seals and is then lost takes every HA1 with it."""
    with os.fdopen(file, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(file)


def _keep(path: str) -> None:
    """The folder's entry, too."""
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
