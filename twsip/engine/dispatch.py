"""From arrival to transaction or new request: the engine itself, the one place that sends."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from zlib import crc32

from twisted.internet.interfaces import IReactorTime

from ..api.context import Arrival, Domains, Flow, RequestContext
from ..api.errors import TransportFailed
from ..api.events import LimitReached, MalformedPacket, Teller
from ..api.facts import Destination
from ..api.interfaces import IBindings
from ..guard.mark import Marks, flow_name, key_from, side
from ..sip.build import reply, reply_to_malformed
from ..sip.fields.via import MAGIC
from ..sip.message import Malformed, Request, Response
from ..sip.parser import parse
from ..sip.proxy.loops import LOOP, Fingerprints
from ..sip.transaction.key import cancelled_key, client_key, server_key
from ..sip.transaction.words import DEFAULT_TIMERS, Timers
from ..sip.uri import Uri
from .intake import Intake
from .outcome import Outcome
from .pipeline import Pipeline
from .shelf import Shelf
from .table import Table
from .timers import TICK, Wheel
from .transactions import ServerTransaction
from .waiting import Waiting

UNIQUE: Final = 16
"""The last characters of a branch, which is unique and a token: enough to tell one request's tag from the next one's."""

MOST_REFUSED: Final = 4096
"""Refused INVITEs in dialogs of ours whose ACKs are awaited; when full they are all forgotten."""


class Engine:
    """The one place that sends, and the one that knows that ACK and CANCEL cannot be challenged.

    It is the transports' receiver.  `transports` must be set before anything arrives.
    """

    def __init__(
        self,
        *,
        name: str,
        domains: Domains,
        ingress: Sequence[object],
        requests: Sequence[object],
        handlers: Sequence[object],
        destinations: Sequence[object],
        resolver: Any,
        bindings: IBindings | None,
        tell: Teller,
        clock: IReactorTime,
        now: Callable[[], float],
        random: Callable[[int], bytes],
        secret: bytes,
        timers: Timers | None = None,
        consumed: Callable[[bytes], bool] | None = None,
    ) -> None:
        self.name = name
        self.domains = domains
        self.ingress = Pipeline(ingress, "admit", tell)
        self.destinations = Pipeline(destinations, "allow", tell)
        self.intake = Intake(self, Pipeline(requests, "check", tell), Pipeline(handlers, "handle", tell))
        self.outcome = Outcome(self, bindings)
        self.waiting = Waiting(clock, tell, self.flush)
        self.later = self.waiting.later
        self.resolver = resolver
        self.tell = tell
        self.clock = clock
        self.now = now
        self.timers = timers or DEFAULT_TIMERS
        self.apart = int((self.timers.t1_64 - self.timers.t1) / TICK + 0.999999)
        """Slots from the first A, E or G of a transaction to its B, F or H."""
        self.consumed = consumed
        self.transports: Any = None
        self.wheel = Wheel(clock, self.flush, self.waiting.told_broken)
        self.table = Table()
        self.shelf = Shelf()
        self._random = random
        self._dice = b""
        self._rolled = 0
        self._marks = Marks(secret)
        self.fingerprints = Fingerprints(key_from(b"loop" + secret))
        self._tags = b"tw" + random(8).hex().encode()
        self._counts: dict[str, int] = {}
        self._refused: dict[bytes, None] = {}

    # What the site asks of it.

    def start(self) -> None:
        """Nothing to open: the transports do that."""

    def stop(self) -> None:
        """Let go of everything that waits; transactions end without a word."""
        self.wheel.close()
        self.waiting.stop()
        self.table.clear()
        self.shelf.clear()

    def counts(self) -> dict[str, int]:
        """Numbers for operators: live transactions, timers, and what was counted since the start."""
        return {
            "server_transactions": len(self.table.servers),
            "client_transactions": len(self.table.clients),
            "timers": len(self.wheel),
            "waiting": len(self.waiting),
            **self._counts,
        }

    def count(self, what: str) -> None:
        """Count something that happens too often for an event of its own."""
        self._counts[what] = self._counts.get(what, 0) + 1

    # What the transports tell it.

    def received(self, arrival: Arrival) -> None:
        """One whole message came."""
        if self.ingress.asks and self.ingress.admit(arrival) is not None:
            self.count("dropped_at_ingress")
            return
        flow = arrival.flow
        message = parse(arrival.data, flow.reliable)
        if type(message) is Request:
            message.arrived_from(flow.source)
            self._request(message, flow, arrival.at)
        elif type(message) is Response:
            self._response(message, flow)
        elif type(message) is Malformed:
            self._malformed(message, flow)

    def turn_ends(self) -> None:
        """Before anything of this turn leaves: what was put off is done, what was decided is made durable."""
        self.waiting.catch_up()
        self.outcome.commit()

    def flow_broke(self, flow: Flow, why: str, quoted: bytes = b"") -> None:
        """A stream is gone: whoever waits for an answer on it tries something else.  With a quote: whoever sent just that."""
        for transaction in self.table.quoted(flow, quoted) if quoted else self.table.on_flow(flow):
            transaction.transport_failed()
        self.flush()

    def flush(self) -> None:
        """Output that no input batch caused leaves now; the transports call turn_ends first."""
        if self.transports is not None:
            self.transports.flush()
        else:
            self.turn_ends()

    # Requests.

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        key = server_key(request)
        known = self.table.servers.get(key)
        if request.method == "ACK":
            if known is not None:
                if not known.acknowledged():
                    return
            elif request.to.tag.startswith(self._tags) or key in self._refused:
                return  # it acknowledges a refusal that we sent and kept no memory of
            self.intake.take(request, flow, now, key)
        elif known is not None:
            if known.flow.host == flow.host:
                known.again()
        elif request.method == "CANCEL":
            self._cancel(request, flow, key)
        else:
            self.intake.take(request, flow, now, key)

    def _cancel(self, request: Request, flow: Flow, key: bytes) -> None:
        """A CANCEL finds the INVITE it is for or gets 481 (§9.2, §16.10); it is never challenged and never relayed."""
        invite = self.table.servers.get(cancelled_key(request))
        tag = self.tag_for(request)
        if invite is None or invite.flow.host != flow.host:
            self.send(flow, request, reply(request, 481, "", tag))
            return
        transaction = self.server_for(request, flow, key)
        if transaction is None:
            return
        transaction.respond(200, reply(request, 200, "", tag))
        if invite.user is not None:
            invite.user.given_up()

    def is_ours(self, uri: Uri) -> bool:
        """Whether a URI names this site: a domain or address of ours, and no port or one we listen on."""
        if not uri.is_sip:
            return False
        return self.domains.is_local(uri.host, uri.port)

    # Responses and malformed packets.

    def _response(self, response: Response, flow: Flow) -> None:
        """A response that belongs to no client transaction of ours goes nowhere (RFC 6026 section 7.2)."""
        transaction = self.table.clients.get(client_key(response))
        if transaction is None or transaction.flow.host != flow.host:
            self.count("stray_responses")
            return
        transaction.received(response)

    def _malformed(self, broken: Malformed, flow: Flow) -> None:
        data = reply_to_malformed(broken, self._tags + b"bad")
        status = broken.status if data else 0
        self.tell(MalformedPacket(source=flow.host, transport=flow.transport, status=status, why=broken.why))
        if data is not None:
            try:
                flow.send(data)
            except TransportFailed:
                self.count("answers_not_sent")

    # What transactions, branches and outcomes ask of it.

    def server_for(self, request: Request, flow: Flow, key: bytes) -> ServerTransaction | None:
        """A server transaction for this request; None (and 503 to the sender) when there are too many."""
        table = self.table
        if (table.told or len(table.servers) >= table.most) and table.full:
            if table.tell_full():
                self.tell(LimitReached("server transactions", table.most, "new requests get 503"))
            self.send(flow, request, reply(request, 503, "", self.tag_for(request), b"Retry-After: 5\r\n"))
            return None
        if request.via.rport < 0:
            flow = self._way_back(flow, request)
        transaction = ServerTransaction(self, key, flow, request)
        table.servers[key] = transaction
        return transaction

    def _way_back(self, flow: Flow, request: Request) -> Flow:
        """To where it came from; over UDP without rport to the port that sent-by names (§18.2.2, RFC 3581)."""
        via = request.via
        if flow.reliable or via.rport >= 0 or (via.port or 5060) == flow.port:
            return flow
        try:
            back: Flow = self.transports.flow_to(Destination("UDP", flow.host, via.port or 5060))
        except TransportFailed:
            return flow  # an address with a zone (fe80::1%eth0) is known to the kernel only as a source
        return back

    def send(self, flow: Flow, request: Request, data: bytes) -> None:
        """Send an answer that nobody remembers."""
        try:
            if request.via.rport < 0:
                flow = self._way_back(flow, request)
            flow.send(data)
        except TransportFailed:
            self.count("answers_not_sent")

    def tag_for(self, request: Request) -> bytes:
        """The To tag of our own answers: the same for repeats of a request (§8.2.6.2), recognised again in an ACK."""
        branch = request.via.branch
        if len(branch) >= UNIQUE:
            return self._tags + branch[-UNIQUE:]
        return self._tags + hex(crc32(request.call_id, crc32(branch)))[2:].encode()

    def expect_ack(self, key: bytes) -> None:
        """An INVITE in a dialog was refused without a transaction: its ACK has the callee's tag and is known by this key alone."""
        refused = self._refused
        if len(refused) >= MOST_REFUSED:
            refused.clear()
        refused[key] = None

    def new_branch(self, mark: bytes) -> bytes:
        """A branch with 72 random bits, so that nobody who does not see it can answer for it; then the loop mark."""
        at = self._rolled
        if at >= len(self._dice):
            self._dice = self._random(4608).hex().encode()
            at = 0
        self._rolled = at + 18
        return MAGIC + self._dice[at : at + 18] + LOOP + mark

    def record_routes(self, context: RequestContext, outgoing: Any) -> list[bytes]:
        """Our Record-Route lines: one, or two where the request changes its way (RFC 5658), the outgoing one on top."""
        request, incoming = context.request, context.flow
        came = flow_name(incoming.transport, incoming.source)
        goes = flow_name(outgoing.transport, outgoing.source)
        mark = self._marks.sign(request.call_id, side(request.from_, request.to), came, goes)
        first = outgoing.sent_by.record_route
        second = incoming.sent_by.record_route
        line: bytes = first + mark + b">"
        return [line] if first == second else [line, second + mark + b">"]
