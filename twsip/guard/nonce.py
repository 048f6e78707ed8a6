"""Nonces that prove themselves, and a memory of the counts spent on those that logged somebody in (RFC 7616 section 5.4)."""

from binascii import Error, a2b_base64, b2a_base64
from collections import OrderedDict
from enum import IntEnum
from hashlib import blake2s
from hmac import compare_digest
from struct import Struct
from typing import Final, final

VERSION: Final = 1
_PAYLOAD: Final = Struct(">BBHHI8s")  # version, key id, mask, milliseconds in two parts, random
_TAG: Final = 18
LENGTH: Final = 48
"""Characters of a nonce: 36 bytes in base64url, which need no padding."""
RANDOM: Final = 8
MOST_REALMS: Final = 1024
WINDOW: Final = 64
"""A count may come so far behind the highest one seen: SIP over UDP reorders."""
_BITS: Final = 2**WINDOW - 1
MOST_COUNT: Final = 2**32 - 1
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_+/", b"+/!!")


class Fault(IntEnum):
    """Why a nonce is none of ours."""

    MALFORMED = 1
    UNKNOWN_KEY = 2
    FORGED = 3


class Spent(IntEnum):
    """What the ledger says to a nonce count."""

    FRESH = 0
    SEEN = 1
    FORGOTTEN = 2


@final
class Nonce:
    """What one of our nonces says: minted `at` (POSIX seconds), with this mask of algorithms and qops offered."""

    __slots__ = ("at", "mask")

    def __init__(self, at: float, mask: int) -> None:
        self.at = at
        self.mask = mask


@final
class _Key:
    __slots__ = ("_keyed", "number")

    def __init__(self, secret: bytes) -> None:
        # Derived, so that one secret of the site may serve several purposes.
        key = blake2s(secret, person=b"twsipnce").digest()
        self.number = blake2s(key, digest_size=1).digest()[0]
        # A copy of one that has its key costs less than a new one.
        self._keyed = blake2s(key=key, digest_size=_TAG)

    def tag(self, payload: bytes, end: bytes) -> bytes:
        """What proves that we made this payload."""
        keyed = self._keyed.copy()
        keyed.update(payload + end)
        return keyed.digest()


@final
class Mint:
    """Makes and reads nonces; remembers nothing, so a flood of challenges costs no memory.

    The tag covers time, random, mask, realm and binding: a nonce is good only for the realm (and the source or
    request, if the binding says one) that it was made for, and only with what was offered.
    """

    __slots__ = ("_ends", "_keys")

    def __init__(self, secrets: list[bytes]) -> None:
        """The first secret signs, all verify: put a new one in front to rotate.  Raises ValueError for weak ones."""
        if not secrets:
            raise ValueError("a mint needs at least one secret")
        for secret in secrets:
            if len(secret) < 16:
                raise ValueError("a secret needs at least 16 bytes")
        self._keys = [_Key(blake2s(secret).digest()) for secret in secrets]
        self._ends: dict[str, bytes] = {}

    def _end(self, realm: str, binding: bytes) -> bytes:
        """What is signed behind the payload.  Its length is fixed and a realm holds no NUL: no two inputs read the same."""
        end = self._ends.get(realm)
        if end is None:
            if len(self._ends) >= MOST_REALMS:
                self._ends.clear()
            end = self._ends[realm] = realm.encode("utf-8", "surrogateescape") + b"\0"
        return end + binding if binding else end

    def mint(self, now: float, random: bytes, realm: str, mask: int, binding: bytes = b"") -> str:
        """A new nonce; `random` are 8 random bytes, `mask` up to 16 bits, `binding` anything to tie it to."""
        key = self._keys[0]
        milliseconds = int(now * 1000)
        payload = _PAYLOAD.pack(VERSION, key.number, mask, milliseconds >> 32, milliseconds & 0xFFFFFFFF, random)
        tagged = payload + key.tag(payload, self._end(realm, binding))
        return b2a_base64(tagged, newline=False).translate(_TO_URL).decode()

    def read(self, nonce: bytes, realm: str, binding: bytes = b"") -> Nonce | Fault:
        """What the nonce says, whatever its age, or why it is none of ours.  Never raises."""
        if len(nonce) != LENGTH:
            return Fault.MALFORMED
        try:
            raw = a2b_base64(nonce.translate(_FROM_URL), strict_mode=True)
        except Error:
            return Fault.MALFORMED
        payload = raw[: _PAYLOAD.size]
        version, number, mask, high, low, _ = _PAYLOAD.unpack(payload)
        if version != VERSION:
            return Fault.MALFORMED
        fault = Fault.UNKNOWN_KEY
        for key in self._keys:
            if key.number == number:
                if compare_digest(key.tag(payload, self._end(realm, binding)), raw[_PAYLOAD.size :]):
                    return Nonce(((high << 32) | low) / 1000.0, mask)
                fault = Fault.FORGED
        return fault


@final
class _Window:
    __slots__ = ("at", "bits", "top")

    def __init__(self, at: float, top: int, bits: int) -> None:
        self.at = at
        self.top = top
        self.bits = bits


@final
class Ledger:
    """Which counts were spent on which nonces; only nonces that logged somebody in are here.

    Holds at most `most` nonces.  When it is full the one that logged in first goes, and with it every nonce minted
    before it that is not here: those are FORGOTTEN, so that what was forgotten cannot be replayed.
    """

    __slots__ = ("_floor", "_life", "_most", "_windows")

    def __init__(self, most: int, life: float) -> None:
        """`life` is how long after its minting a nonce is accepted at all, in seconds."""
        self._most = most
        self._life = life
        self._floor = -1.0
        self._windows: OrderedDict[bytes, _Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def spend(self, nonce: bytes, at: float, count: int, now: float) -> Spent:
        """Take this count of the nonce minted `at`.  Call it after the digest was found right, never before.

        FRESH the first time, in any order within a window of 64; SEEN otherwise.  A count of 0 means that there was
        none (no qop): the nonce is good once.
        """
        window = self._windows.get(nonce)
        if window is None:
            if at <= self._floor:
                return Spent.FORGOTTEN
            self._make_room(now)
            if count == 0:
                self._windows[nonce] = _Window(at, MOST_COUNT, _BITS)
            else:
                self._windows[nonce] = _Window(at, count, 1)
            return Spent.FRESH
        if count == 0:
            return Spent.SEEN
        ahead = count - window.top
        if ahead > 0:
            window.bits = ((window.bits << ahead) | 1) & _BITS if ahead < WINDOW else 1
            window.top = count
            return Spent.FRESH
        behind = -ahead
        if behind >= WINDOW or (window.bits >> behind) & 1:
            return Spent.SEEN
        window.bits |= 1 << behind
        return Spent.FRESH

    def _make_room(self, now: float) -> None:
        # At most three go for each one that comes, so the dead leave faster than the living arrive.
        for _ in range(3):
            if not self._windows:
                return
            full = len(self._windows) >= self._most
            oldest = next(iter(self._windows.values()))
            if oldest.at + self._life >= now:
                if not full:
                    return
                if oldest.at > self._floor:
                    self._floor = oldest.at
                self._windows.popitem(last=False)
                return
            self._windows.popitem(last=False)
