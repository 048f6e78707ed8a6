"""Is this request something a proxy can work on?   RFC 3261 section 16.3 in its order, and limits the parser does not know."""

from collections.abc import Iterable
from typing import Final, final

from zope.interface import classImplements

from ..api import PASS, ConfigError, IRequestCheck, Reply, RequestContext, Verdict
from ..sip.abnf import is_token, letters, split_list
from ..sip.layout import PLACED
from ..sip.names import CONTACT, PROXY_REQUIRE, REQUIRE
from .route import for_ourselves, routed

MOST_CONTACTS: Final = 32
LONGEST_CALL_ID: Final = 512
LONGEST_TAG: Final = 512
MOST_VIAS: Final = 70
_PRINTABLE: Final = letters(bytes(range(0x21, 0x7F)))
_COMMA: Final = 0x2C
_SCHEMES: Final = ("sip", "sips", "tel")
_ROUTABLE: Final = ("sip", "sips")
_UNASKED: Final = ("ACK", "CANCEL")


@final
class Sanity:
    """400, 413, 416, 420 or 483 for what could be parsed but makes no sense.

    `supported` are the option tags that we understand as a registrar and UAS (Require), `proxy_supported` the ones we
    understand as a proxy (Proxy-Require), `most_body` is in bytes.
    """

    def __init__(
        self, *, supported: Iterable[str] = ("path",), proxy_supported: Iterable[str] = (), most_body: int = 65536
    ) -> None:
        self._supported = _tags(supported, "supported")
        self._proxy_supported = _tags(proxy_supported, "proxy_supported")
        if most_body < 0:
            raise ConfigError(f"Sanity(most_body={most_body}) is negative; give a number of bytes")
        self._most_body = most_body

    def check(self, context: RequestContext) -> Verdict:
        """Pass, or the reply that the first thing wrong deserves."""
        request = context.request
        layout = request.layout
        call_id = request.call_id
        if len(call_id) > LONGEST_CALL_ID or not call_id.translate(_PRINTABLE).isalpha():
            return _bad("Bad Call-ID")
        sender = request.from_
        to = request.to
        if sender.uri.scheme not in _SCHEMES or to.uri.scheme not in _SCHEMES:
            return _bad("Unknown scheme in From or To")
        # RFC 2543 clients send From without a tag.
        if len(sender.tag) > LONGEST_TAG or len(to.tag) > LONGEST_TAG:
            return _bad("Tag too long")
        if len(layout.vias) > MOST_VIAS:
            return _bad("Too many Vias")
        if len(request.body) > self._most_body:
            return Reply(413, why=f"a body of {len(request.body)} bytes")
        first = layout.first
        at = first[CONTACT] - PLACED
        if at >= 0 and (_COMMA in request.field_values[at] or CONTACT in layout.ids[at + 1 :]):
            if _count(request.values(CONTACT)) > MOST_CONTACTS:
                return _bad("Too many Contacts")
        if layout.routed and routed(context) is None:
            return _bad("Malformed Route")
        uri = request.uri
        if uri.scheme not in _ROUTABLE:
            return Reply(416, why=f"the scheme {uri.scheme[:32]}")
        if uri.headers:
            return _bad("Headers in Request-URI")
        if not request.max_forwards and not for_ourselves(context):
            return Reply(483, why="Max-Forwards is 0 and it is not for us")
        if first[PROXY_REQUIRE] >= PLACED or first[REQUIRE] >= PLACED:
            return self._understood(context)
        return PASS

    def _understood(self, context: RequestContext) -> Verdict:
        """Pass, or 420 for an option tag that we would have to know."""
        request = context.request
        if request.has(PROXY_REQUIRE) and request.method not in _UNASKED:
            refusal = _unsupported(request.tokens(PROXY_REQUIRE), self._proxy_supported)
            if refusal is not None:
                return refusal
        if request.has(REQUIRE) and for_ourselves(context):
            refusal = _unsupported(request.tokens(REQUIRE), self._supported)
            if refusal is not None:
                return refusal
        return PASS


def _bad(why: str) -> Reply:
    return Reply(400, why, why=why)


def _count(values: list[bytes]) -> int:
    """How many values these lines hold; a count of commas is enough to see that there are few."""
    commas = len(values)
    for value in values:
        commas += value.count(b",")
    if commas <= MOST_CONTACTS:
        return commas
    return sum(len(split_list(value)) for value in values)


def _unsupported(asked: list[bytes], known: frozenset[bytes]) -> Reply | None:
    """420 with the tags that we do not know; 400 when the header is nonsense."""
    unknown: list[str] = []
    for tag in asked:
        if tag.lower() not in known:
            # Tags go back to the sender, so they must be clean; a token is ASCII without line ends.
            if not is_token(tag):
                return Reply(400, "Malformed option tag", why="Require or Proxy-Require is malformed")
            unknown.append(tag.decode())
    if not unknown:
        return None
    listed = ", ".join(unknown)
    return Reply(420, headers=(("Unsupported", listed),), why=f"required: {listed[:128]}")


def _tags(given: Iterable[str], option: str) -> frozenset[bytes]:
    tags = (given,) if isinstance(given, str) else tuple(given)
    for tag in tags:
        if not tag.isascii() or not is_token(tag.encode()):
            raise ConfigError(f"Sanity({option}=): {tag!r} is no option tag")
    return frozenset(tag.lower().encode() for tag in tags)


classImplements(Sanity, IRequestCheck)
