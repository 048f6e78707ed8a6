"""The signature in our own Record-Route: proof that a dialog was opened through us (house rule for RFC 3261 section 16.12)."""

from hashlib import blake2s
from hmac import compare_digest
from typing import Final

PARAMETER: Final = "m"
"""The URI parameter of our Record-Route that carries the mark."""
LENGTH: Final = 32
_SIZE: Final = 16
_PURPOSE: Final = b"twsipmrk"


def key_from(secret: bytes) -> bytes:
    """The key for marks, from the site's secret: one secret serves many purposes without any two sharing a key."""
    return blake2s(b"mark", key=secret[:32], person=_PURPOSE).digest()


def sign(key: bytes, call_id: bytes, tag: bytes) -> bytes:
    """The mark of a dialog: 32 hex digits over the Call-ID and the From tag of the request that we record-route.

    Hex, because it survives whoever folds the case of a URI.  The tag is a token, so the line end between both cannot
    be part of it: no two pairs sign alike.
    """
    return blake2s(call_id + b"\n" + tag, key=key, digest_size=_SIZE).hexdigest().encode()


def verify(key: bytes, call_id: bytes, tags: tuple[bytes, ...], token: str) -> bool:
    """Whether the token is the mark of this Call-ID and one of the tags.

    How long it takes tells nothing about how much of a wrong token was right.  The callee's requests carry the
    caller's tag in To, so both tags of a request are asked.
    """
    if len(token) != LENGTH or not token.isascii():
        return False
    given = token.lower().encode()
    for tag in tags:
        if compare_digest(sign(key, call_id, tag), given):
            return True
    return False
