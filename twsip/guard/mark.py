"""The signature in our own Record-Route: proof that a dialog was opened through us (house rule for RFC 3261 section 16.12)."""

from hashlib import blake2s
from hmac import compare_digest
from typing import Final, final

from ..sip.fields.address import Address
from ..sip.fields.via import Source

SIGNATURE: Final = 24
FLOW: Final = 12
LENGTH: Final = SIGNATURE + 2 * FLOW
"""Hex digits: of the signature itself, of a flow in it, of the whole mark."""
NOTHING: Final = 0
MARKED: Final = 1
SAME_FLOW: Final = 2
"""What a token is worth."""
_SIZE: Final = 12
_PURPOSE: Final = b"twsipmrk"
_FLOW: Final = b"flow\n"


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
_flow_tables: dict[bytes, dict[bytes, bytes]] = {}


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


def flow_name(transport: str, source: Source) -> bytes:
    """By what a flow is known again: UDP by the peer's address and port, a connection by transport and address.

    A connection may be opened again, and servers open one of their own for what they send: its port says nothing.  That
    somebody can be reached at the address is what the handshake proved.
    """
    return source.rport if transport == "UDP" else transport.encode() + source.received


@final
class Marks:
    """Signs and verifies with the site's secret: a keyed hash is made once, and a copy of it for each mark.

    The last 4,096 marks that were signed are remembered, and as many flows that they were signed for, by all who have this
    secret: the ACK of a call follows at once.
    """

    __slots__ = ("_flows", "_keyed", "_known")

    def __init__(self, secret: bytes) -> None:
        key = key_from(secret)
        self._keyed = blake2s(key=key, digest_size=_SIZE)
        if len(_tables) >= MOST_TABLES:
            _tables.clear()
            _flow_tables.clear()
        self._known = _tables.setdefault(key, {})
        self._flows = _flow_tables.setdefault(key, {})

    def sign(self, call_id: bytes, opener: bytes, came: bytes, goes: bytes) -> bytes:
        """The mark of a dialog: 48 hex digits over the Call-ID, the opener's side and the two flows it was opened over.

        24 digits sign, 12 stand for the flow that the request `came` over and 12 for the one it `goes` out on (both as
        `flow_name` says).  Hex, because it survives whoever folds the case of a URI.  Neither Call-ID nor tag holds a
        line end: no two dialogs sign alike.
        """
        by_name = self._flows
        flows = (by_name.get(came) or self._learn(came)) + (by_name.get(goes) or self._learn(goes))
        text = call_id + b"\n" + opener
        known = self._known
        mark = known.get(text)
        if mark is None or mark[SIGNATURE:] != flows:
            mark = self._of(flows + text) + flows
            if len(text) <= LONGEST_SIGNED:
                if len(known) >= KEPT:
                    known.clear()
                known[text] = mark
        return mark

    def _learn(self, name: bytes) -> bytes:
        flows = self._flows
        if len(flows) >= KEPT:
            flows.clear()
        digits = flows[name] = self._of_flow(name)
        return digits

    def _of(self, text: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text)
        return keyed.hexdigest().encode()

    def _of_flow(self, name: bytes) -> bytes:
        # A signed text begins with hex digits: this one is never mistaken for one.
        return self._of(_FLOW + name)[:FLOW]

    def read(self, call_id: bytes, sender: Address, receiver: Address, token: str, flow: bytes) -> int:
        """What a token is worth for a request with this Call-ID, From and To that came over the flow of this name.

        NOTHING, MARKED (it was signed for this Call-ID, one of both as the opener and the other as the one who was called) or
        SAME_FLOW (besides, the dialog was opened over this flow on the sender's side; never if the name is b"").  How long
        it takes tells nothing about how much of a wrong token was right.
        """
        given = token.encode("ascii", "replace").lower()
        begin = call_id + b"\n"
        text = begin + side(sender, receiver)
        at = SIGNATURE
        mark = self._known.get(text)
        if mark is None or not compare_digest(mark, given):
            swapped = begin + side(receiver, sender)
            mark = self._known.get(swapped)
            if mark is not None and compare_digest(mark, given):
                at += FLOW
            elif len(given) != LENGTH:
                return NOTHING
            else:
                # Not remembered: what a stranger made up must not push out what we signed.
                flows, signature = given[SIGNATURE:], given[:SIGNATURE]
                if not compare_digest(self._of(flows + text), signature):
                    if not compare_digest(self._of(flows + swapped), signature):
                        return NOTHING
                    at += FLOW
        if not flow:
            return MARKED
        digits = self._flows.get(flow) or self._of_flow(flow)
        return SAME_FLOW if compare_digest(digits, given[at : at + FLOW]) else MARKED
