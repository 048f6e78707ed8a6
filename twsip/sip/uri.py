"""SIP, SIPS and tel URIs: parsing, equality and the canonical address-of-record (RFC 3261 sections 19.1 and 10.3)."""

from typing import Final, final

from .abnf import HEX, HOST, letters, number, only

USER: Final = letters(b"-_.!~*'()&=+$,;?/%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
PASSWORD: Final = letters(b"-_.!~*'()&=+$,%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
PARAMETER: Final = letters(b"-_.!~*'()[]/:&+$%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
HEADER: Final = letters(b"-_.!~*'()[]/?:+$%=&0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
SCHEME: Final = letters(b"+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
TEL: Final = letters(b"+-.()*#0123456789ABCDEFabcdef")
_SEMICOLON: Final = 0x3B
_QUAD: Final = letters(b"0123456789.")
LONGEST: Final = 2048
KEPT: Final = 4096
UNUSUAL: Final = 24
"""A last parameter of more bytes than this is not expected to come again."""

# Two URIs that differ in one of these are different even if only one has it (section 19.1.4).
_ALWAYS_COMPARED: Final = ("user", "ttl", "method", "maddr", "transport")


@final
class Uri:
    """One URI as received: `text` is exactly what stood there, `written` the same in bytes, the rest is what it means.

    `user` is unescaped, `host` and `scheme` are in lower case, `port` is 0 when none was given.
    `params` have lower-case names; one without a value has "".  A scheme other than sip and sips
    leaves everything but `scheme`, `text` and (tel) `user` empty.
    """

    __slots__ = ("aor", "headers", "host", "is_sip", "params", "password", "port", "scheme", "text", "user", "written")

    def __init__(
        self,
        written: bytes,
        scheme: str,
        user: str,
        password: str,
        host: str,
        port: int,
        params: dict[str, str],
        headers: str,
    ) -> None:
        self.written = written
        self.text = written.decode()
        self.scheme = scheme
        self.user = user
        self.password = password
        self.host = host
        self.port = port
        self.params = params
        self.headers = headers
        self.is_sip = scheme == "sip" or scheme == "sips"
        """Whether the scheme is sip or sips, the only ones that can be routed here (else 416)."""
        if not self.is_sip:
            self.aor = scheme + ":" + user
        elif user:
            self.aor = "sip:" + user + "@" + host
        else:
            self.aor = "sip:" + host
        """The address-of-record: no parameters, no port, user unescaped (section 10.3 step 5).

        sip and sips name the same user (RFC 5630), so both give `sip:`.
        """

    @property
    def secure(self) -> bool:
        """Whether every hop to this URI must be over TLS."""
        return self.scheme == "sips"

    @property
    def transport(self) -> str:
        """The transport parameter in lower case, or "" when none was given."""
        return self.params.get("transport", "").lower()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Uri({self.text!r})"

    def __hash__(self) -> int:
        return hash((self.scheme, self.user, self.host, self.port))

    def __eq__(self, other: object) -> bool:
        """Equality of section 19.1.4; URIs of other schemes are equal when their text is."""
        if not isinstance(other, Uri):
            return NotImplemented
        if self.text == other.text:
            return True
        if self.scheme != other.scheme or not self.is_sip:
            return False
        if self.user != other.user or self.password != other.password:
            return False
        if self.host != other.host or self.port != other.port:
            return False
        for name, value in self.params.items():
            theirs = other.params.get(name)
            if theirs is None:
                if name in _ALWAYS_COMPARED:
                    return False
            elif theirs.lower() != value.lower():
                return False
        for name in other.params:
            if name in _ALWAYS_COMPARED and name not in self.params:
                return False
        return _header_set(self.headers) == _header_set(other.headers)


def _header_set(headers: str) -> list[tuple[str, str]]:
    """The headers in any order, their names in any case (sections 19.1.4 and 7.3.1)."""
    found: list[tuple[str, str]] = []
    if headers:
        for part in headers.split("&"):
            name, _, value = part.partition("=")
            found.append((unescape(name).lower(), unescape(value)))
    return sorted(found)


def unescape(text: str) -> str:
    """The text with its %HH escapes resolved, once; text that is not UTF-8 afterwards keeps its bytes as U+DC80..FF."""
    if "%" not in text:
        return text
    out = bytearray()
    raw = text.encode("ascii", "replace")
    at = 0
    while at < len(raw):
        if raw[at] == 0x25 and at + 2 < len(raw) and only(raw[at + 1 : at + 3], HEX):
            out.append(int(raw[at + 1 : at + 3], 16))
            at += 3
        else:
            out.append(raw[at])
            at += 1
    return out.decode("utf-8", "surrogateescape")


def escapes_hold(text: bytes) -> bool:
    """Whether every % starts a %HH escape."""
    at = text.find(b"%")
    while at >= 0:
        pair = text[at + 1 : at + 3]
        if len(pair) != 2 or not only(pair, HEX):
            return False
        at = text.find(b"%", at + 3)
    return True


# Parsed URIs are values that never change, and the same few thousand come again and again.
_kept: dict[bytes, Uri] = {}


def parse_uri(raw: bytes) -> Uri | None:
    """The URI in these bytes, or None if they are not one (RFC 3261 section 25.1; at most 2048 bytes)."""
    uri = _kept.get(raw)
    if uri is None:
        cut = raw.rfind(b";")
        if cut > 0 and len(raw) - cut > UNUSUAL and len(raw) <= LONGEST:
            # A long last parameter is another one each time, as the mark in our own Record-Route is.
            uri = _parse_apart(raw, cut)
            if uri is not None:
                return uri
        uri = _parse(raw)
        if uri is not None and len(raw) <= 256:
            if len(_kept) >= KEPT:
                _kept.clear()
            _kept[raw] = uri
    return uri


def _parse_apart(raw: bytes, cut: int) -> Uri | None:
    """A SIP URI whose part before the last parameter may be known already; None when it is not that simple."""
    last = raw[cut + 1 :]
    name_raw, _, value_raw = last.partition(b"=")
    # An @ behind it would make it a piece of the user part, a ? would begin the headers; neither is in these letters.
    if not value_raw or not name_raw.isalnum() or not value_raw.isalnum() or raw[cut - 1] == _SEMICOLON:
        return None
    head = _kept.get(raw[:cut])
    if head is None:
        head = _parse(raw[:cut])
        if head is None or cut > 256:
            return None
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[raw[:cut]] = head
    name = name_raw.decode().lower()
    if not head.is_sip or head.headers or name in head.params:
        return None
    params = dict(head.params)
    params[name] = value_raw.decode()
    return Uri(raw, head.scheme, head.user, head.password, head.host, head.port, params, "")


def _parse(raw: bytes) -> Uri | None:
    if len(raw) > LONGEST:
        return None
    scheme_raw, colon, rest = raw.partition(b":")
    if not colon or not rest or not scheme_raw[:1].isalpha() or not only(scheme_raw, SCHEME):
        return None
    if not raw.isascii() or not escapes_hold(rest):
        return None
    scheme = scheme_raw.decode().lower()
    if scheme == "sip" or scheme == "sips":
        return _parse_sip(raw, scheme, rest)
    if not raw.decode().isprintable() or b" " in raw or b"<" in raw or b">" in raw or b'"' in raw:
        return None
    user = ""
    if scheme == "tel":
        digits = rest.partition(b";")[0]
        if not only(digits, TEL):
            return None
        user = digits.decode()
    else:
        user = rest.decode()
    return Uri(raw, scheme, user, "", "", 0, {}, "")


def _parse_sip(raw: bytes, scheme: str, rest: bytes) -> Uri | None:
    # '?' and ';' may stand in a user part, so the last '@' before the host decides first.
    at = rest.rfind(b"@")
    user = password = ""
    if at >= 0:
        info = rest[:at]
        user_raw, colon, password_raw = info.partition(b":")
        if not user_raw or not only(user_raw, USER) or not only(password_raw, PASSWORD):
            return None
        user = unescape(user_raw.decode())
        password = unescape(password_raw.decode())
        rest = rest[at + 1 :]
    rest, mark, headers_raw = rest.partition(b"?")
    if mark and (not headers_raw or not only(headers_raw, HEADER) or b"=" not in headers_raw):
        return None
    place, _, params_raw = rest.partition(b";")
    params: dict[str, str] = {}
    if params_raw:
        for part in params_raw.split(b";"):
            name_raw, equals, value_raw = part.partition(b"=")
            if not name_raw or not only(name_raw, PARAMETER) or not only(value_raw, PARAMETER):
                return None
            if equals and not value_raw:
                return None
            name = unescape(name_raw.decode()).lower()
            if name in params:
                return None
            params[name] = unescape(value_raw.decode())
    parsed = parse_host_port(place)
    if parsed is None:
        return None
    return Uri(raw, scheme, user, password, parsed[0], parsed[1], params, headers_raw.decode())


def parse_host_port(text: bytes) -> tuple[str, int] | None:
    """`host[:port]` with the host in lower case (an IPv6 reference keeps its brackets) and port 0 when none is given.

    A name loses the dot of the DNS root.

    None when it is not one.
    """
    port = 0
    if text[:1] == b"[":
        end = text.find(b"]")
        if end < 0 or not is_ipv6(text[1:end]):
            return None
        host = text[: end + 1]
        tail = text[end + 1 :]
        if tail:
            if tail[:1] != b":":
                return None
            port = number(tail[1:], 65535)
            if port <= 0:
                return None
    else:
        host, colon, digits = text.partition(b":")
        if colon:
            port = number(digits, 65535)
            if port <= 0:
                return None
        if not host or not only(host, HOST) or len(host) > 255 or host[:1] == b"." or b".." in host:
            return None
        if only(host, _QUAD) and not is_ipv4(host):
            return None
        if host[-1:] == b".":
            host = host[:-1]  # the root, written out: the same name, which must not look like somebody else's
    return host.decode().lower(), port


def is_ipv4(text: bytes) -> bool:
    """Whether the text is a dotted quad: four decimal numbers up to 255, none with a leading zero."""
    parts = text.split(b".")
    if len(parts) != 4:
        return False
    for part in parts:
        if not part.isdigit() or len(part) > 3 or int(part) > 255 or (len(part) > 1 and part[:1] == b"0"):
            return False
    return True


def is_ipv6(text: bytes) -> bool:
    """Whether the text is an IPv6 address of RFC 4291 section 2.2 (no zone)."""
    if b":::" in text or text.count(b"::") > 1 or len(text) > 45:
        return False
    room = 8
    if b"." in text:
        head, _, quad = text.rpartition(b":")
        if not is_ipv4(quad):
            return False
        text = head if not head.endswith(b":") else head + b":"
        room = 6
        if text == b"":
            return False
    short = b"::" in text
    if not short and (text[:1] == b":" or text[-1:] == b":"):
        return False
    if short and ((text[:1] == b":" and text[:2] != b"::") or (text[-1:] == b":" and text[-2:] != b"::")):
        return False
    groups = [group for group in text.split(b":") if group]
    for group in groups:
        if len(group) > 4 or not only(group, HEX):
            return False
    return len(groups) < room if short else len(groups) == room
