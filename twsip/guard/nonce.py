"""Nonces that prove themselves, and a memory of the counts spent on those that logged somebody in (RFC 7616 section 5.4)."""

from binascii import Error, a2b_base64, b2a_base64
from collections import deque
from enum import IntEnum
from hashlib import blake2s
from hmac import compare_digest
from struct import Struct, error
from typing import Final, final

VERSION: Final = 1
# Two bytes of version and key id, two of mask and six of milliseconds, random; then what proves it.
_PAYLOAD: Final = Struct(">HQ8s")
_WHOLE: Final = Struct(">HQ8x18s")
_SIZE: Final = _PAYLOAD.size
_pack: Final = _PAYLOAD.pack
_unpack: Final = _WHOLE.unpack
_MASK_AT: Final = 48
_MILLISECONDS: Final = 2**_MASK_AT - 1
_TAG: Final = 18
LENGTH: Final = 48
"""Characters of a nonce: 36 bytes in base64url, which need no padding."""
RANDOM: Final = 8
_BOUND: Final = 4
"""So many of the random bytes say instead what a bound nonce is bound to: 32 bits, of which each guess is a request."""
_BINDS: Final = b"\0"
"""Begins what is hashed for that, where a payload begins with its version."""
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


# A member of an enumeration is a look-up in its class each time.
_FRESH: Final = Spent.FRESH
_SEEN: Final = Spent.SEEN


@final
class Nonce:
    """What one of our nonces says: minted `at` (POSIX seconds), with this mask of algorithms and qops offered."""

    __slots__ = ("at", "mask")

    def __init__(self, at: float, mask: int) -> None:
        self.at = at
        self.mask = mask


@final
class _Key:
    __slots__ = ("_key", "_keyed", "head")

    def __init__(self, secret: bytes) -> None:
        # Derived, so that one secret of the site may serve several purposes.
        self._key = blake2s(secret, person=b"twsipnce").digest()
        self.head = VERSION << 8 | blake2s(self._key, digest_size=1).digest()[0]
        self._keyed: dict[str, blake2s] = {}

    def tag(self, realm: str, payload: bytes) -> bytes:
        """What proves that we made this payload (and what is behind it) for the realm."""
        keyed = self._keyed.get(realm)
        if keyed is None:
            if len(self._keyed) >= MOST_REALMS:
                self._keyed.clear()
            # What is signed is behind a key of 32 bytes that the realm has for itself, so that both are one block of the hash:
            # with key= the key is a block of its own.  A copy of one that has its key costs less than a new one.
            own = blake2s(realm.encode("utf-8", "surrogateescape"), key=self._key).digest()
            keyed = blake2s(own, digest_size=_TAG)
            self._keyed[realm] = keyed
        keyed = keyed.copy()
        keyed.update(payload)
        return keyed.digest()


@final
class Mint:
    """Makes and reads nonces; remembers nothing, so a flood of challenges costs no memory.

    The tag covers time, random, mask and realm: a nonce is good only for the realm that it was made for, and only with what
    was offered.  A binding (of a source or a request) is apart from it: who comes from elsewhere with one of our nonces can
    be told that it is stale, and asks for no new password.
    """

    __slots__ = ("_keys",)

    def __init__(self, secrets: list[bytes]) -> None:
        """The first secret signs, all verify: put a new one in front to rotate.  Raises ValueError for weak ones."""
        if not secrets:
            raise ValueError("a mint needs at least one secret")
        for secret in secrets:
            if len(secret) < 16:
                raise ValueError("a secret needs at least 16 bytes")
        self._keys = [_Key(blake2s(secret).digest()) for secret in secrets]

    def mint(self, now: float, random: bytes, realm: str, mask: int, binding: bytes = b"") -> str:
        """A new nonce; `random` are 8 random bytes, `mask` up to 16 bits, `binding` anything to tie it to."""
        key = self._keys[0]
        if binding:
            random = random[: RANDOM - _BOUND]
            random += key.tag(realm, _BINDS + random + binding)[:_BOUND]
        payload: bytes = _pack(key.head, mask << _MASK_AT | int(now * 1000), random)
        tag = key.tag(realm, payload)
        return b2a_base64(payload + tag, newline=False).translate(_TO_URL).decode()

    def read(self, nonce: bytes, realm: str) -> Nonce | Fault:
        """What the nonce says, whatever its age, or why it is none of ours.  Never raises."""
        if len(nonce) != LENGTH:
            return Fault.MALFORMED
        try:
            # So many characters are so many bytes only if none was passed over.
            raw = a2b_base64(nonce.translate(_FROM_URL))
            head, stamp, tag = _unpack(raw)
        except (Error, error):
            return Fault.MALFORMED
        fault = Fault.MALFORMED if head >> 8 != VERSION else Fault.UNKNOWN_KEY
        for key in self._keys:
            if key.head == head:
                payload = raw[:_SIZE]
                if compare_digest(key.tag(realm, payload), tag):
                    return Nonce((stamp & _MILLISECONDS) / 1000.0, stamp >> _MASK_AT)
                fault = Fault.FORGED
        return fault

    def fits(self, nonce: bytes, realm: str, binding: bytes) -> bool:
        """Whether a nonce that `read` knows was made with this binding."""
        raw = a2b_base64(nonce.translate(_FROM_URL))
        random, bound = raw[_SIZE - RANDOM : _SIZE - _BOUND], raw[_SIZE - _BOUND : _SIZE]
        for key in self._keys:
            if compare_digest(key.tag(realm, _BINDS + random + binding)[:_BOUND], bound):
                return True
        return False


@final
class Ledger:
    """Which counts were spent on which nonces; only nonces that logged somebody in are here.

    Holds at most `most` nonces.  When it is full the one that logged in first goes, and with it every nonce minted
    before it that is not here: those are FORGOTTEN, so that what was forgotten cannot be replayed.
    """

    __slots__ = ("_due", "_floor", "_life", "_most", "_order", "_windows")

    def __init__(self, most: int, life: float) -> None:
        """`life` is how long after its minting a nonce is accepted at all, in seconds."""
        self._most = most
        self._life = life
        self._floor = -1.0
        # Of each the highest count, and bits for it and those behind; then all as they came, and when they were minted.
        self._windows: dict[bytes, list[int]] = {}
        self._order: deque[tuple[float, bytes]] = deque()
        self._due = -1.0
        """Up to then the first of the order lives; below 0 when that is not known."""

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
            if now > self._due or len(self._windows) >= self._most:
                self._make_room(now)
            self._windows[nonce] = [count, 1] if count else [MOST_COUNT, _BITS]
            self._order.append((at, nonce))
            return _FRESH
        if count == 0:
            return _SEEN
        ahead = count - window[0]
        if ahead > 0:
            window[0] = count
            window[1] = ((window[1] << ahead) | 1) & _BITS if ahead < WINDOW else 1
            return _FRESH
        behind = -ahead
        if behind >= WINDOW or (window[1] >> behind) & 1:
            return _SEEN
        window[1] |= 1 << behind
        return _FRESH

    def _make_room(self, now: float) -> None:
        # At most three go for each one that comes, so the dead leave faster than the living arrive.
        order = self._order
        self._due = -1.0
        for _ in range(3):
            if not order:
                return
            minted, nonce = order[0]
            lives = minted + self._life
            if lives >= now:
                if len(order) < self._most:
                    self._due = lives
                    return
                if minted > self._floor:
                    self._floor = minted
            del self._windows[nonce]
            order.popleft()
            if lives >= now:
                return
