"""Opens and seals HA1s with keys from a file outside the database, so that a stolen database logs nobody in (docs/sealing.md)."""

import os
import stat
from typing import Any, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..api import ConfigError, SealBroken
from ..guard.keyring import (
    HEAD,
    KEY_SIZE,
    LONGEST_FILE,
    NONCE_SIZE,
    VERSION,
    complaint,
    decoded,
    encoded,
    is_hash,
    is_sealed,
    packed,
    parse_keys,
    place,
    unpacked,
)


@final
class Seal:
    """AES-256-GCM over one text with a random nonce, bound to its username, domain and column; text in, text out.

    The newest key of the file seals, all of them open.  The file is read again when a value names a key that is not known.
    A key seals at most 2**32 values (each subscriber takes a few, each rotation with a new key begins anew).

    `columns` are those that are read besides the usual ones.  With `accept_unsealed` a value that is not sealed is taken as
    it is: for as long as a table is being sealed or unsealed.
    """

    def __init__(self, path: str, accept_unsealed: bool = False, columns: tuple[str, ...] = ()) -> None:
        if not isinstance(path, str) or not path:
            raise ConfigError(f"seal={path!r} is no path; name the key file that twsipctl key new made")
        # "$CREDENTIALS_DIRECTORY/ha1.key" is where systemd puts it.
        self.path = os.path.expandvars(path)
        self.accept_unsealed = bool(accept_unsealed)
        self.columns = columns
        self.newest = ""
        self._ciphers: dict[str, AESGCM] = {}
        self._stamp: tuple[int, ...] = ()
        self._nothing = ""

    def __repr__(self) -> str:
        return f"Seal({self.path!r}, keys hidden)"

    def load(self) -> None:
        """Read the keys unless the file is the same as before.  Raises ConfigError, and then those known before stay."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                about = os.fstat(file)
                stamp = (about.st_mtime_ns, about.st_ino, about.st_dev, about.st_size, about.st_mode, about.st_uid)
                if stamp == self._stamp:
                    return
                wrong = complaint(about.st_mode, about.st_uid, os.geteuid(), _is_credential(self.path))
                if not stat.S_ISREG(about.st_mode):
                    wrong = "is no file; name one"
                if wrong:
                    raise ConfigError(f"the key file {self.path} {wrong}")
                raw = os.read(file, LONGEST_FILE + 1)
            finally:
                os.close(file)
        except OSError as error:
            raise ConfigError(
                f"the key file {self.path} cannot be read: {error.strerror}; "
                "make one with twsipctl key new, or give it to the server's user"
            ) from error
        try:
            if len(raw) > LONGEST_FILE:
                raise ValueError(f"it has more than {LONGEST_FILE} bytes")
            keys = parse_keys(raw.decode("ascii"))
        except ValueError as error:
            why = "it is no text" if isinstance(error, UnicodeError) else str(error)
            raise ConfigError(f"the key file {self.path} is damaged: {why}; restore it from its backup") from None
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self.newest = list(keys)[-1]
        self._nothing = self.seal("0" * KEY_SIZE, "", "", "")
        self._stamp = stamp

    def seal(self, text: str, username: str, domain: str, column: str) -> str:
        """The text, sealed with the newest key for this place.  An MD5 in hex becomes 64 characters, a SHA-256 85."""
        kind, raw = packed(text)
        head = f"~{VERSION}{kind}{self.newest}"
        nonce = os.urandom(NONCE_SIZE)
        return head + encoded(nonce + self._ciphers[self.newest].encrypt(nonce, raw, place(head, username, domain, column)))

    def open(self, text: str, username: str, domain: str, column: str) -> str:
        """What was sealed here.  Raises SealBroken, one sentence, for everything else."""
        head, raw = text[:HEAD], decoded(text[HEAD:])
        try:
            if head[1:2] != VERSION or not raw:
                raise ValueError
            cipher = self._ciphers.get(head[3:]) or self._looked_up(head)
            plain = cipher.decrypt(raw[:NONCE_SIZE], raw[NONCE_SIZE:], place(head, username, domain, column))
            return unpacked(head[2:3], plain)
        except (InvalidTag, ValueError):
            raise SealBroken(
                f"the {column} of {username}@{domain} was altered, or sealed elsewhere; set a new password with twsipctl passwd"
            ) from None

    def opened(self, text: Any, username: Any, domain: Any, column: str, is_clear: bool = False) -> Any:
        """What a column holds, opened; nothing is nothing.  Raises SealBroken, also for a text that is not sealed and should be.

        Nobody's row (username None) and a column that holds nothing take as long as somebody's: one opening each.
        """
        if username is None or not isinstance(text, str) or not text:
            self._open_nothing()
            return text
        if is_sealed(text, is_clear):
            return self.open(text, str(username), str(domain), column)
        if not self.accept_unsealed:
            raise SealBroken(
                f"the {column} of {username}@{domain} is not sealed; set a new password with twsipctl passwd, or seal the table"
                " as docs/sealing.md says"
            )
        if not is_clear and not is_hash(text.lower()):
            raise SealBroken(f"the {column} of {username}@{domain} is no hash; set a new password with twsipctl passwd")
        self._open_nothing()
        return text

    def _open_nothing(self) -> None:
        self.open(self._nothing, "", "", "")

    def is_newest(self, text: str) -> bool:
        """Whether the newest key sealed it."""
        return text[3:HEAD] == self.newest

    def _looked_up(self, head: str) -> AESGCM:
        name = head[3:]
        try:
            # Another process may have put a key in and sealed with it.
            self.load()
        except ConfigError as error:
            raise SealBroken(str(error)) from error
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise SealBroken(f"a value was sealed with the key {name!r}, which {self.path} does not hold; put that key back into it")
        return cipher


def opened(seal: Seal | None, text: Any, username: Any, domain: Any, column: str, is_clear: bool = False) -> Any:
    """What a column holds, opened by `seal`.  Raises SealBroken when that fails, and without a seal for a sealed value."""
    if seal is not None:
        return seal.opened(text, username, domain, column, is_clear)
    if isinstance(text, str) and is_sealed(text, is_clear):
        raise SealBroken("the accounts are sealed, and SQLAccounts(...) has no key; give it seal= and the path of the key file")
    return text


def _is_credential(path: str) -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return bool(folder) and os.path.realpath(os.path.dirname(path)) == os.path.realpath(folder)
