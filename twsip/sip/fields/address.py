"""name-addr and addr-spec: From, To, Contact, Route, Record-Route, Path, P-Asserted-Identity (RFC 3261 section 20.10)."""

from typing import Final, final

from ..abnf import close_quote, is_token, parameters, split_list
from ..uri import Uri, parse_uri

NO_PARAMETERS: Final[dict[bytes, bytes]] = {}
MOST: Final = 64
KEPT: Final = 4096
_QUOTE: Final = 0x22
_COMMA: Final = 0x2C
_SEMICOLON: Final = 0x3B
_CLOSING: Final = 0x3E
_MARK: Final = 0x3F


@final
class Address:
    """One address: `display` as written (quotes kept), the URI, the tag (b"" for none), and the header's other parameters."""

    __slots__ = ("display", "params", "tag", "uri")

    def __init__(self, display: bytes, uri: Uri, params: dict[bytes, bytes], tag: bytes = b"") -> None:
        self.display = display
        self.uri = uri
        self.params = params
        self.tag = tag

    @property
    def aor(self) -> str:
        """The canonical address-of-record of the URI."""
        return self.uri.aor


# Addresses without parameters that came in brackets: who calls once calls again, with another tag.
_kept: dict[bytes, Address] = {}


def parse_address(value: bytes) -> Address | None:
    """One name-addr or addr-spec with its parameters, or None if it is not one.

    Without angle brackets everything after a semicolon belongs to the header, and the URI may hold neither
    comma nor question mark (RFC 3261 section 20).
    """
    if value and value[-1] == _CLOSING:
        known = _kept.get(value)
        if known is not None:
            return known
    else:
        plain, mark, tag = value.rpartition(b";tag=")
        if mark:
            known = _kept.get(plain)
            if known is not None and (tag.isalnum() or is_token(tag)):
                return Address(known.display, known.uri, NO_PARAMETERS, tag)
    return _parse_address(value)


def _keep(plain: bytes, address: Address) -> None:
    if len(plain) <= 256:
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[plain] = address


def _parse_address(value: bytes) -> Address | None:
    if value[:1] == b"<":
        display = b""
        opening = 0
    elif value[:1] == b'"':
        quoted = close_quote(value, 0)
        if quoted < 0:
            return None
        opening = value.find(b"<", quoted)
        if opening < 0:
            return None
        display = value[: quoted + 1]
        if value[quoted + 1 : opening].strip(b" \t"):
            return None
    else:
        opening = value.find(b"<")
        if opening < 0:
            return _parse_bare(value)
        display = value[:opening].strip(b" \t")
        if _QUOTE in display or _COMMA in display or _SEMICOLON in display:
            return None
    closing = value.find(b">", opening)
    if closing < 0:
        return None
    uri = parse_uri(value[opening + 1 : closing])
    if uri is None:
        return None
    tail = value[closing + 1 :]
    params: dict[bytes, bytes] | None = NO_PARAMETERS
    if tail:
        if tail[:5] == b";tag=" and is_token(tail[5:]):
            _keep(value[: closing + 1], Address(display, uri, NO_PARAMETERS))
            return Address(display, uri, NO_PARAMETERS, tail[5:])
        tail = tail.strip(b" \t")
        if tail:
            if tail[:1] != b";":
                return None
            params = parameters(tail)
    address = _with(display, uri, params)
    if address is not None and not tail:
        _keep(value, address)
    return address


def _parse_bare(value: bytes) -> Address | None:
    spec, semicolon, tail = value.partition(b";")
    spec = spec.strip(b" \t")
    if _MARK in spec or _COMMA in spec:
        return None
    uri = parse_uri(spec)
    params = parameters(tail) if semicolon else NO_PARAMETERS
    return None if uri is None else _with(b"", uri, params)


def _with(display: bytes, uri: Uri, params: dict[bytes, bytes] | None) -> Address | None:
    """The address with these parameters, the tag apart; None when they are none or the tag is no token."""
    if not params:
        return None if params is None else Address(display, uri, NO_PARAMETERS)
    tag = params.pop(b"tag", None)
    if tag is None:
        return Address(display, uri, params)
    return Address(display, uri, params, tag) if is_token(tag) else None


def parse_addresses(values: list[bytes]) -> list[Address] | None:
    """All addresses of some header lines, comma lists split, in order; None if one is malformed or there are over 64."""
    found: list[Address] = []
    for value in values:
        for part in split_list(value):
            address = parse_address(part)
            if address is None or len(found) >= MOST:
                return None
            found.append(address)
    return found
