"""Digest challenges and credentials: read and printed (RFC 7616 section 3, RFC 3261 section 20.7)."""

from binascii import unhexlify
from collections.abc import Collection
from typing import Final, final

from ..abnf import HEX, is_token, only, unquote
from .authparams import COUNT_TAKEN, COUNTS, SHAPES, Found, Shape, collect, keep_shape

MOST_HEADERS: Final = 8
"""So many Authorization and Proxy-Authorization headers together may one request have."""
LONGEST: Final = 4096
LONGEST_USERNAME: Final = 256
LONGEST_REALM: Final = 256
LONGEST_NONCE: Final = 512
LONGEST_URI: Final = 2048
LONGEST_CNONCE: Final = 512
LONGEST_RESPONSE: Final = 128
LONGEST_USUAL: Final = LONGEST_NONCE
"""No value in a header of so many bytes is too long, but for username, realm and response."""

_BACKSLASH: Final = 0x5C
OTHER_SCHEME: Final = "another scheme than Digest"
"""What `parse_credentials` says of a header that is not for us; every other text means malformed."""


@final
class DigestCredentials:
    """The Digest credentials of one header.

    `username` and `realm` are unquoted text; `nonce`, `uri`, `cnonce` and `opaque` are the bytes between the quotes,
    since those were hashed; `response` is lower-case hex.  `algorithm` has RFC 8760's spelling if it is a known one,
    "" when it is missing; `qop` is in lower case, "" when missing, and then `nc` is 0 and `cnonce` may be empty.
    """

    __slots__ = ("algorithm", "cnonce", "nc", "nc_text", "nonce", "opaque", "qop", "realm", "response", "uri", "username")

    def __init__(
        self,
        username: str,
        realm: str,
        nonce: bytes,
        uri: bytes,
        response: bytes,
        algorithm: str,
        qop: str,
        nc: int,
        nc_text: bytes,
        cnonce: bytes,
        opaque: bytes,
    ) -> None:
        self.username = username
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
        self.algorithm = algorithm
        self.qop = qop
        self.nc = nc
        self.nc_text = nc_text
        """The eight digits as sent: they are hashed so."""
        self.cnonce = cnonce
        self.opaque = opaque

    def __repr__(self) -> str:
        return f"DigestCredentials({self.username!r}, {self.realm!r}, {self.algorithm or 'no algorithm'}, nc={self.nc})"


_ALGORITHMS: Final[dict[bytes, str]] = {
    b"MD5": "MD5",
    b"md5": "MD5",
    b"md5-sess": "MD5-sess",
    b"sha-256": "SHA-256",
    b"sha-256-sess": "SHA-256-sess",
    b"sha-512-256": "SHA-512-256",
    b"sha-512-256-sess": "SHA-512-256-sess",
}
def _unescaped(text: bytes, longest: int) -> str | None:
    """The text that these bytes between quotes mean; None when they are too many or not UTF-8."""
    if len(text) > longest:
        return None
    if _BACKSLASH in text:
        text = unquote(b'"' + text + b'"')
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def parse_credentials(value: bytes) -> DigestCredentials | str:
    """The Digest credentials in one Authorization or Proxy-Authorization value, or why there are none.

    The reason is OTHER_SCHEME when the header is not Digest; anything else means that it is malformed.  Quotes around
    algorithm, qop and nc are forgiven, as are missing ones around uri; a parameter that stands twice is not.
    """
    outside: tuple[bytes, ...] = ()
    if len(value) <= LONGEST_USUAL and _BACKSLASH not in value:
        # Nearly always all that is new stands between quotes, and in the count.
        pieces = value.split(b'"')
        tail = pieces[-1]
        count = tail[-8:]
        nc = COUNTS.get(count, 0)
        if nc:
            pieces[-1] = tail[:-8] + COUNT_TAKEN
        else:
            start = tail.find(b"nc=") + 3
            count = tail[start : start + 8]
            if start > 2 and len(count) == 8 and only(count, HEX):
                nc = int(count, 16)
            if nc:
                pieces[-1] = tail[:start] + COUNT_TAKEN + tail[start + 8 :]
            else:
                count = b""
        if len(pieces) & 1:
            outside = tuple(pieces[::2])
            shape = SHAPES.get(outside)
            if shape is not None:
                if shape.plain:
                    return _of_shape(shape, pieces, nc or shape.nc, count or shape.count)
                return _judged(shape.values(pieces, count))
    if value[:7] != b"Digest ":
        if value[:6].lower() != b"digest" or (len(value) > 6 and value[6:7] not in b" \t"):
            return OTHER_SCHEME
    if len(value) > LONGEST:
        return "the header is too long"
    found = Found()
    wrong = collect(value[7:], found)
    if wrong:
        return wrong
    judged = _judged(found.values)
    if outside and isinstance(judged, DigestCredentials):
        keep_shape(outside, found, judged.algorithm, judged.qop, judged.nc, judged.nc_text)
    return judged


def _of_shape(shape: Shape, pieces: list[bytes], nc: int, count: bytes) -> DigestCredentials | str:
    """What `_judged` says, in fewer steps: that algorithm, qop and count hold is known."""
    username, realm, nonce, uri, response, _, cnonce, opaque, _, _ = shape.places
    if shape.more:
        pieces += shape.more
    # The place of what is not there.
    pieces[0] = b""
    proof = pieces[response]
    if (
        len(proof) <= LONGEST_RESPONSE
        and len(pieces[username]) <= LONGEST_USERNAME
        and len(pieces[realm]) <= LONGEST_REALM
        and (pieces[cnonce] or not nc)
    ):
        try:
            unhexlify(proof)
            return DigestCredentials(
                pieces[username].decode(), pieces[realm].decode(), pieces[nonce], pieces[uri], proof.lower(),
                shape.algorithm, shape.qop, nc, count, pieces[cnonce], pieces[opaque],
            )  # fmt: skip
        except ValueError:
            pass  # half a byte is no fault, everything else is
    return _judged(shape.values(pieces, count))


def _judged(values: list[bytes | None]) -> DigestCredentials | str:
    """The credentials that these values of NAMES make, or what is wrong with them."""
    username_raw, realm_raw, nonce, uri, response, algorithm_raw, cnonce, opaque, qop_raw, nc_text = values
    if username_raw is None or realm_raw is None or nonce is None or uri is None or response is None:
        return "a mandatory parameter is missing"
    if len(nonce) > LONGEST_NONCE or len(uri) > LONGEST_URI or len(response) > LONGEST_RESPONSE:
        return "a parameter is too long"
    if not only(response, HEX):
        return "the response is not hexadecimal"
    username = _unescaped(username_raw, LONGEST_USERNAME)
    realm = _unescaped(realm_raw, LONGEST_REALM)
    if username is None or realm is None:
        return "username or realm is not UTF-8 or too long"
    algorithm = ""
    if algorithm_raw is not None:
        known = _ALGORITHMS.get(algorithm_raw) or _ALGORITHMS.get(algorithm_raw.lower())
        if known is None:
            if not is_token(algorithm_raw):
                return "the algorithm is no token"
            known = algorithm_raw.decode()
        algorithm = known
    qop = ""
    nc = 0
    if nc_text is None:
        nc_text = b""
    if cnonce is None:
        cnonce = b""
    elif len(cnonce) > LONGEST_CNONCE:
        return "a parameter is too long"
    if qop_raw is not None:
        if not is_token(qop_raw):
            return "the qop is no token"
        if len(nc_text) != 8 or not only(nc_text, HEX) or not cnonce:
            return "qop without a nonce count of eight digits and a cnonce"
        qop = qop_raw.decode().lower()
        nc = int(nc_text, 16)
        if nc == 0:
            return "a nonce count of zero"
    return DigestCredentials(
        username, realm, nonce, uri, response.lower(), algorithm, qop, nc, nc_text, cnonce, opaque or b""
    )


def ours(value: bytes, realms: Collection[str]) -> bool:
    """Whether these credentials were meant for one of our realms: then they must not leave the house.

    One that cannot be read is ours when a realm of ours is written in it anywhere.
    """
    parsed = parse_credentials(value)
    if isinstance(parsed, DigestCredentials):
        return parsed.realm in realms
    if parsed == OTHER_SCHEME:
        return False
    for realm in realms:
        if realm.encode() in value:
            return True
    return False


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def challenge_ends(realm: str, algorithm: str, qop: str) -> tuple[str, str]:
    """What stands before and after the nonce in a challenge that is printed again and again."""
    head = "Digest realm=" + _quoted(realm) + ', nonce="'
    tail = '", algorithm=' + algorithm
    if qop:
        tail += ", qop=" + _quoted(qop)
    return head, tail


def print_challenge(realm: str, nonce: str, algorithm: str, qop: str, stale: bool) -> str:
    """One WWW-Authenticate or Proxy-Authenticate value; `qop` may be a list like "auth,auth-int", or ""."""
    head, tail = challenge_ends(realm, algorithm, qop)
    return head + nonce + tail + (", stale=true" if stale else "")
