"""Sealed values and the keys for them, as text: their form, their place, the key file's lines (docs/sealing.md).  No files, no ciphers."""

from base64 import b64decode, b64encode
from binascii import Error
from hashlib import blake2s
from typing import Final

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
LONGEST_FILE: Final = 65536
MOST_KEYS: Final = 100

VERSION: Final = "1"
HASH: Final = "h"
"""A hash in lower-case hex, packed into half as many bytes: a sealed MD5 then has 64 characters."""
TEXT: Final = "t"
"""Any other text, padded to a multiple of 32 bytes: its length is nobody's business."""
LEAST: Final = 64
"""Characters of the shortest sealed value."""
HEAD: Final = 5
"""`~`, the version, the kind, and two characters that name the key.  No hex digit is a tilde."""

_BLOCK: Final = 32
_HEX: Final = frozenset("0123456789abcdef")
_HEX_SIZES: Final = (32, 64)
_SIGNS: Final = b"-_"
_ABOVE: Final = "# Keys that seal HA1s (twsip).  The last one seals, each one opens.  Whoever has this file and the database has the HA1s.\n"


def key_id(key: bytes) -> str:
    """The two characters that name a key; they tell nothing else of it."""
    return encoded(blake2s(b"id", key=key, person=b"twsipkey").digest())[:2]


def key_line(key: bytes) -> str:
    """The key as a line of a key file."""
    return f"{key_id(key)}:{encoded(key)}\n"


def new_file(key: bytes) -> str:
    """A key file with one key."""
    return _ABOVE + key_line(key)


def with_key(text: str, key: bytes) -> str:
    """The key file's text with one more key, which then is the newest.  Give another one if its id is taken: ValueError."""
    keys = parse_keys(text)
    if key_id(key) in keys:
        raise ValueError(f"the key {key_id(key)} is there already")
    if len(keys) >= MOST_KEYS:
        raise ValueError(f"it holds {MOST_KEYS} keys already; remove old ones")
    return text + ("" if text.endswith("\n") else "\n") + key_line(key)


def parse_keys(text: str) -> dict[str, bytes]:
    """The keys of a key file by their ids, the newest last.  Raises ValueError, half a sentence without a secret in it."""
    keys: dict[str, bytes] = {}
    number = 0
    for line in text.splitlines():
        number += 1
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        key = decoded(rest.strip())
        if key is None or len(key) != KEY_SIZE or key_id(key) != name.strip():
            raise ValueError(f"line {number} holds no whole key")
        if name in keys:
            raise ValueError(f"line {number} holds the key {name} again")
        keys[name] = key
    if not keys:
        raise ValueError("it holds no key")
    if len(keys) > MOST_KEYS:
        raise ValueError(f"it holds more than {MOST_KEYS} keys")
    return keys


def complaint(mode: int, owner: int, me: int, is_credential: bool) -> str:
    """What is wrong with a key file of this mode and owner, as half a sentence; "" if nothing is.

    systemd lets a service read its credentials by an access list, whose mask shows as the group's bits.
    """
    if owner not in (0, me):
        return f"belongs to another user (uid {owner}); chown it"
    open_to = mode & (0o037 if is_credential else 0o077)
    if open_to:
        return f"may be read or written by others (mode {mode & 0o777:04o}); chmod it to 0600"
    return ""


def is_sealed(text: str, is_clear: bool = False) -> bool:
    """Whether this means to be a sealed value, of whatever version.  No HA1 in hex does.

    Where a password in clear text may stand (`is_clear`) it must besides be as long as one: passwords begin with anything.
    """
    return text[:1] == "~" and text[1:2].isdigit() and (not is_clear or len(text) >= LEAST)


def is_hash(text: str) -> bool:
    """Whether this is a hash in lower-case hex."""
    return len(text) in _HEX_SIZES and _HEX.issuperset(text)


def place(head: str, username: str, domain: str, column: str) -> bytes:
    """Where a value belongs, to be authenticated with it: it opens nowhere else.  Lengths stand in front, so that no two read alike.

    SQL does not tell the case of a column's name, so that does not count.
    """
    out = head.encode("utf-8", "surrogatepass")
    for part in (username, domain, column.lower()):
        raw = part.encode("utf-8", "surrogatepass")
        out += b"\n%d %b" % (len(raw), raw)
    return out


def packed(text: str) -> tuple[str, bytes]:
    """The kind of a text and the bytes to seal."""
    if is_hash(text):
        return HASH, bytes.fromhex(text)
    raw = text.encode("utf-8", "surrogatepass") + b"\x80"
    return TEXT, raw + bytes(-len(raw) % _BLOCK)


def unpacked(kind: str, raw: bytes) -> str:
    """The text again.  Raises ValueError for what was never packed."""
    if kind == HASH:
        return raw.hex()
    end = raw.rfind(b"\x80")
    if kind != TEXT or end < 0:
        raise ValueError("no text was packed here")
    return raw[:end].decode("utf-8", "surrogatepass")


def encoded(raw: bytes) -> str:
    """Bytes in letters, digits, - and _."""
    return b64encode(raw, _SIGNS).rstrip(b"=").decode("ascii")


def decoded(text: str) -> bytes | None:
    """The bytes again; None unless it is the one way to write them."""
    if not text.isascii():
        return None
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), _SIGNS, validate=True)
    except (Error, ValueError):
        return None
    return raw if encoded(raw) == text else None
