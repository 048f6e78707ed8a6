"""Loop detection (RFC 3261 section 16.3 step 4, as amended by RFC 5393)."""

from binascii import hexlify
from hashlib import blake2b
from typing import Final, final

from .. import names
from ..message import Request
from ..uri import Uri

LOOP: Final = b"L"
"""What stands before the fingerprint in a branch of ours: no hex digit, but a letter, so that a branch is one word."""


@final
class Fingerprints:
    """Sixteen hex digits over everything that decides where a request goes (RFC 5393 section 4.2.2).

    The same digits again in a Via of ours mean a loop; other digits mean a spiral, which is allowed.
    The key (32 bytes at most) is the site's own: another twsip on the way, which sees the same request, must not write
    the same digits.
    """

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes = b"") -> None:
        # As salt and person it costs no block of its own, as a key it would; a copy costs half of a new one.
        self._keyed = blake2b(digest_size=8, salt=key[:16], person=key[16:32])

    def of(self, request: Request, uri: Uri) -> bytes:
        """The digits of this request on its way to this URI."""
        text = b"\0".join(
            (
                uri.written,
                request.uri.written,
                request.from_.tag,
                request.to.tag,
                request.call_id,
                b"%d" % request.cseq,
            )
        )
        if request.layout.routed:
            text = b"\0".join((text, *request.values(names.ROUTE)))
        keyed = self._keyed.copy()
        keyed.update(text)
        return hexlify(keyed.digest())


def is_loop(request: Request, mark: bytes) -> bool:
    """Whether a Via of this request carries our fingerprint for the very same journey."""
    sought = LOOP + mark
    for at in request.layout.vias:
        if request.field_values[at].find(sought) >= 0:
            return True
    return False
