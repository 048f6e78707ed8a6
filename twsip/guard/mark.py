"""The signature in our own Record-Route: proof that a dialog was opened through us (house rule for RFC 3261 section 16.12)."""

from hashlib import blake2s
from hmac import compare_digest
from typing import Final, final

from ..sip.fields.address import Address

LENGTH: Final = 32
_SIZE: Final = 16
_PURPOSE: Final = b"twsipmrk"


def key_from(secret: bytes) -> bytes:
    """The key for marks, from the site's secret: one secret serves many purposes without any two sharing a key."""
    return blake2s(b"mark", key=secret[:32], person=_PURPOSE).digest()


KEPT: Final = 4096
LONGEST_KEPT: Final = 256
# What `side` says of two addresses-of-record: who calls whom is mostly asked for again by the same dialog.
_kept: dict[tuple[str, str], bytes] = {}
LONGEST_SIGNED: Final = 512
MOST_TABLES: Final = 8
# What was signed, by key: the engine signs, a check verifies.
_tables: dict[bytes, dict[bytes, bytes]] = {}


def side(address: Address, other: Address) -> bytes:
    """How a dialog looks from one side: its tag and address-of-record, and the other's address-of-record.

    The opener's side is what is signed.  A request of the other party carries the opener in To, so seen from there it
    is the same side; whoever puts a third name into From or To has neither.  A length stands in front, so that no two
    pairs of names read alike.
    """
    pair = address.uri.aor, other.uri.aor
    names = _kept.get(pair)
    if names is None:
        mine = pair[0].encode("utf-8", "surrogateescape")
        theirs = pair[1].encode("utf-8", "surrogateescape")
        names = b"\n%d\n%b%b" % (len(mine), mine, theirs)
        if len(names) <= LONGEST_KEPT:
            if len(_kept) >= KEPT:
                _kept.clear()
            _kept[pair] = names
    return address.tag + names


@final
class Marks:
    """Signs and verifies with the site's secret: a keyed hash is made once, and a copy of it for each mark.

    The last 4,096 marks that were signed are remembered, for all who have this secret: the ACK of a call follows at once.
    """

    __slots__ = ("_keyed", "_known")

    def __init__(self, secret: bytes) -> None:
        key = key_from(secret)
        self._keyed = blake2s(key=key, digest_size=_SIZE)
        if len(_tables) >= MOST_TABLES:
            _tables.clear()
        self._known = _tables.setdefault(key, {})

    def sign(self, call_id: bytes, opener: bytes) -> bytes:
        """The mark of a dialog: 32 hex digits over the Call-ID and the opener's side of the request that we record-route.

        Hex, because it survives whoever folds the case of a URI.  Neither Call-ID nor tag holds a line end: no two
        dialogs sign alike.
        """
        text = call_id + b"\n" + opener
        known = self._known
        mark = known.get(text)
        if mark is None:
            mark = self._of(text)
            if len(text) <= LONGEST_SIGNED:
                if len(known) >= KEPT:
                    known.clear()
                known[text] = mark
        return mark

    def _of(self, text: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text)
        return keyed.hexdigest().encode()

    def verify(self, call_id: bytes, opener: bytes, token: str) -> bool:
        """Whether the token is the mark of this Call-ID and this opener's side.

        How long it takes tells nothing about how much of a wrong token was right.  The opener's own requests carry it in
        From, the other party's in To: ask for both.
        """
        if len(token) != LENGTH or not token.isascii():
            return False
        text = call_id + b"\n" + opener
        # Not remembered: what a stranger made up must not push out what we signed.
        mark = self._known.get(text) or self._of(text)
        return compare_digest(mark, token.lower().encode())
