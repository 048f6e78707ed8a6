"""Digest challenges, credentials and Authentication-Info: read and printed (RFC 7616 section 3, RFC 3261 section 20.7)."""

from collections.abc import Collection
from typing import Final, final

from ..abnf import HEX, close_quote, is_token, only, split_list, unquote

MOST_HEADERS: Final = 8
"""So many Authorization and Proxy-Authorization headers together may one request have."""
LONGEST: Final = 4096
KEPT: Final = 4096
_BACKSLASH: Final = 0x5C
_COMMA: Final = 0x2C
MOST_PARAMETERS: Final = 32
LONGEST_USERNAME: Final = 256
LONGEST_REALM: Final = 256
LONGEST_NONCE: Final = 512
LONGEST_URI: Final = 2048
LONGEST_CNONCE: Final = 512
LONGEST_RESPONSE: Final = 128

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
_NAMES: Final = ("username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "opaque", "qop", "nc")


def _spellings(ends: str) -> dict[bytes, int]:
    known: dict[bytes, int] = {}
    for at, name in enumerate(_NAMES):
        for before in ("", " ", ",", ", "):
            known[(before + name + ends).encode()] = at
    return known


# The usual spellings of a name, alone and as it stands before an opening quote: one look-up recognises it.
_KNOWN: Final[dict[bytes, int]] = _spellings("")
_OPENING: Final[dict[bytes, int]] = _spellings("=")
_STRANGE: Final = -1
_NC: Final = _NAMES.index("nc")

_NO_TOKEN: Final = "a parameter's name is no token"  # noqa: S105
_NO_VALUE: Final = "a parameter has no value"
_TWICE: Final = "a parameter stands twice"
_MALFORMED: Final = "a parameter's value is malformed"


@final
class _Found:
    """The parameters met so far: the known ones by their place in _NAMES, of others only the names."""

    __slots__ = ("others", "values")

    def __init__(self) -> None:
        self.values: list[bytes | None] = [None, None, None, None, None, None, None, None, None, None]
        self.others: set[bytes] = set()

    def take(self, spelled: bytes, value: bytes) -> str:
        """Keep one parameter; "" or what is wrong with it."""
        at = _KNOWN.get(spelled, _STRANGE)
        if at < 0:
            name = spelled.strip(b" \t").lower()
            if not is_token(name):
                return _NO_TOKEN
            at = _KNOWN.get(name, _STRANGE)
            if at < 0:
                if name in self.others or len(self.others) >= MOST_PARAMETERS:
                    return _TWICE if name in self.others else "too many parameters"
                self.others.add(name)
                return ""
        if self.values[at] is not None:
            return _TWICE
        self.values[at] = value
        return ""

    def plain(self, text: bytes) -> str:
        """Parameters without quotes, comma-separated."""
        for part in text.split(b","):
            spelled, equals, value = part.partition(b"=")
            if not equals:
                if spelled.strip(b" \t"):
                    return _NO_VALUE
                continue
            if not value.isalnum():
                value = value.strip(b" \t")
                if not value or b'"' in value or b" " in value or b"\t" in value:
                    return _MALFORMED
            wrong = self.take(spelled, value)
            if wrong:
                return wrong
        return ""


# What stands outside the quotes is nearly always the same but for the nonce count, so what it says is kept without that:
# the parameters in it, and whose quote opens behind it.
_Outside = tuple[tuple[tuple[int, bytes], ...], int]
_between: dict[bytes, _Outside] = {}
_behind: dict[bytes, _Outside] = {}
_NO_COUNT: Final = b"00000000"
_AFTER: Final = (b"", b",", b" ", b"\t")


def _collect(rest: bytes, found: _Found) -> str:
    """Read all parameters; "" or what is wrong.  Without backslashes every second piece between quotes is quoted."""
    if _BACKSLASH in rest:
        return _collect_escaped(rest, found)
    pieces = rest.split(b'"')
    last = len(pieces) - 1
    if last % 2:
        return "a quoted string does not close"
    values = found.values
    at = 0
    while at < last:
        outside = pieces[at]
        place = _OPENING.get(outside, _STRANGE)
        if place >= 0 and (at == 0 or outside[0] == _COMMA):
            if values[place] is not None:
                return _TWICE
            values[place] = pieces[at + 1]
        else:
            wrong = _outside(outside, at, pieces[at + 1], found)
            if wrong:
                return wrong
        at += 2
    return _outside(pieces[last], at, None, found) if pieces[last] else ""


def _has_count(text: bytes, start: int) -> bool:
    """Whether a whole nonce count is what stands behind this `nc=`: a parameter of its own, with eight digits and no more."""
    digits = text[start + 3 : start + 11]
    if len(digits) != 8 or not only(digits, HEX) or text[start + 11 : start + 12] not in _AFTER:
        return False
    return text[:start].rstrip(b" \t")[-1:] == b","


def _outside(text: bytes, at: int, quoted: bytes | None, found: _Found) -> str:
    """What stands outside the quotes, in front of the quoted text or (None) behind the last one."""
    count = b""
    start = text.find(b"nc=")
    if start > 0 and _has_count(text, start):
        # "00000001" and "0000002a" are no reason to read all the rest again.
        count = text[start + 3 : start + 11]
        text = text[: start + 3] + _NO_COUNT + text[start + 11 :]
    kept = _behind if quoted is None else _between
    known = kept.get(text) if at else None
    if known is None:
        # What follows a closing quote begins with a comma, or is nothing but white space.
        if at and text[:1] != b"," and text.strip(b" \t")[:1] not in (b"", b","):
            return _MALFORMED
        opens = _STRANGE
        before = text
        alone = _Found()
        if quoted is not None:
            before, comma, name = text.rpartition(b",")
            if at and not comma:
                return _MALFORMED
            # White space may stand after the comma, around the equals sign, and nowhere else.
            name = name.rstrip(b" \t")
            if name[-1:] != b"=":
                return _MALFORMED
            opens = _KNOWN.get(name[:-1].strip(b" \t").lower(), _STRANGE)
            if opens < 0:
                wrong = alone.take(name[:-1], quoted)
                if wrong:
                    return wrong
        wrong = alone.plain(before)
        if wrong:
            return wrong
        for name in alone.others:
            wrong = found.take(name, b"")
            if wrong:
                return wrong
        known = (tuple([(where, value) for where, value in enumerate(alone.values) if value is not None]), opens)
        if at and len(text) <= 64 and not alone.others:
            if len(kept) >= KEPT:
                kept.clear()
            kept[text] = known
    values = found.values
    for where, value in known[0]:
        if values[where] is not None:
            return _TWICE
        values[where] = count if count and where == _NC else value
    if known[1] >= 0:
        if values[known[1]] is not None:
            return _TWICE
        values[known[1]] = quoted
    return ""


def _collect_escaped(rest: bytes, found: _Found) -> str:
    for part in split_list(rest):
        spelled, equals, value = part.partition(b"=")
        if not equals:
            if spelled:
                return _NO_VALUE
            continue
        value = value.strip(b" \t")
        if value[:1] == b'"':
            if close_quote(value, 0) != len(value) - 1:
                return "a quoted string does not close"
            value = value[1:-1]
        elif b'"' in value or b" " in value or b"\t" in value or not value:
            return _MALFORMED
        wrong = found.take(spelled, value)
        if wrong:
            return wrong
    return ""


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
    if value[:7] != b"Digest ":
        if value[:6].lower() != b"digest" or (len(value) > 6 and value[6:7] not in b" \t"):
            return OTHER_SCHEME
    if len(value) > LONGEST:
        return "the header is too long"
    found = _Found()
    wrong = _collect(value[7:], found)
    if wrong:
        return wrong
    username_raw, realm_raw, nonce, uri, response, algorithm_raw, cnonce, opaque, qop_raw, nc_text = found.values
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


def print_authentication_info(rspauth: str, qop: str, nc: int, cnonce: bytes, nextnonce: str) -> str:
    """The Authentication-Info value (RFC 7616 section 3.5); what is "" (or all of qop's company without qop) is left out.

    `cnonce` is printed as the client sent it between its quotes.
    """
    parts: list[str] = []
    if nextnonce:
        parts.append("nextnonce=" + _quoted(nextnonce))
    if qop:
        parts.append("qop=" + qop)
    if rspauth:
        parts.append("rspauth=" + _quoted(rspauth))
    if qop:
        parts.append('cnonce="' + cnonce.decode("utf-8", "replace") + '"')
        parts.append(f"nc={nc:08x}")
    return ", ".join(parts)
