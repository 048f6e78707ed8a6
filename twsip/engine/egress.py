"""A branch: one target of a forwarded request, tried at one destination after the other (RFC 3263 section 4.3)."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from ..api.errors import TransportFailed
from ..api.events import DestinationFailed, Refused
from ..api.facts import Destination, Target
from ..api.verdict import Reply
from ..sip.build import cancel_for
from ..sip.message import Response
from ..sip.proxy.forward import Forwarding
from .transactions import ClientTransaction

if TYPE_CHECKING:
    from .relaying import Relaying

TIMER_C: Final = 181.0
WHICH_C: Final = 100
WHICH_CANCELLED: Final = 101
BIGGEST_DATAGRAM: Final = 1300
"""Bytes; a longer request goes by TCP (RFC 3261 section 18.1.1: within 200 bytes of the path MTU, or 1300)."""


def hop(forwarding: Forwarding, target: Target) -> Target:
    """What the resolver is asked for: the target's own Path, else the first Route that is left, else the target (§16.6 step 7)."""
    routes = forwarding.routes
    return Target(routes[0].uri) if routes and not target.route else target


@final
class Branch:
    """One target of a forwarded request: tries its destinations until one answers."""

    __slots__ = (
        "cancel_wanted",
        "destination",
        "destinations",
        "flow",
        "number",
        "provisional",
        "relaying",
        "slot",
        "target",
        "timers",
        "transaction",
        "which",
    )

    def __init__(self, relaying: "Relaying", number: int, target: Target) -> None:
        self.relaying = relaying
        self.number = number
        self.target = target
        self.destinations: Iterator[Destination] | AsyncIterator[Destination] = iter(())
        self.destination: Destination | None = None
        self.transaction: ClientTransaction | None = None
        self.provisional = False
        self.cancel_wanted = False
        self.which = 0
        self.slot = 0

    def start(self) -> None:
        """Find out where to go, and go."""
        engine = self.relaying.engine
        target = self.target
        if target.flow_id:
            flow = engine.transports.flow_by_id(target.flow_id)
            if flow is not None:
                self.destinations = iter((Destination(flow.transport, flow.host, flow.port),))
                self.next(flow)
                return
            if not target.flow_id.startswith(("UDP", f"{target.flow_id[:3]} {target.uri.host.strip('[]')} ")):
                # The connection it registered over is gone, and its Contact is not where it came from: nothing reaches it.
                self._over(480, "the connection of the binding is gone")
                return
        found = engine.resolver.locate(hop(self.relaying.forwarding, target))
        if type(found) is tuple or isinstance(found, Sequence):
            self.destinations = iter(found)
            self.next()
        else:
            self.destinations = found
            engine.waiting.run(self._next_later())

    def next(self, flow: Any = None) -> None:
        """Try the next destination; the branch is over when none is left."""
        destinations = self.destinations
        if not isinstance(destinations, Iterator):
            self.relaying.engine.waiting.run(self._next_later())
            return
        for destination in destinations:
            if self._try(destination, flow):
                return
            flow = None
        self._over(0, "no destination is left")

    async def _next_later(self) -> None:
        destinations = self.destinations
        assert not isinstance(destinations, Iterator)
        try:
            async for destination in destinations:
                if self.cancel_wanted or self._try(destination, None):
                    if self.cancel_wanted and self.transaction is None:
                        self._over(487, "cancelled")
                    return
        except Exception as error:  # a resolver is somebody's code, too
            self.relaying.engine.waiting.told_broken("resolver", error)
        self._over(0, "no destination is left")

    def _try(self, destination: Destination, flow: Any) -> bool:
        """Send to this destination; False when it is filtered or cannot be sent to."""
        relaying = self.relaying
        engine = relaying.engine
        refused = engine.destinations.allow(relaying.context, destination)
        if refused is not None:
            name, verdict = refused
            relaying.filtered = True
            status = verdict.status if isinstance(verdict, Reply) else 473
            engine.tell(
                Refused(
                    check=name,
                    verdict=repr(verdict),
                    status=status,
                    why=f"{destination.transport} {destination.host} {destination.port}",
                    source=relaying.context.flow.host,
                    transport=relaying.context.flow.transport,
                    method=relaying.context.method,
                    call_id=relaying.context.request.call_id.decode("utf-8", "replace"),
                )
            )
            return False
        try:
            if flow is None:
                flow = engine.transports.flow_to(destination)
            data, key = relaying.message(self.target, flow)
            if len(data) > BIGGEST_DATAGRAM and not flow.reliable and self._may_grow(destination):
                # §18.1.1: by TCP first; when that cannot be opened the same datagram goes by UDP after all.
                self.destinations = _before(destination, self.destinations)
                destination = Destination("TCP", destination.host, destination.port, destination.server_name)
                flow = engine.transports.flow_to(destination)
                data, key = relaying.message(self.target, flow)
        except TransportFailed as error:
            engine.tell(DestinationFailed(destination.transport, destination.host, destination.port, str(error)))
            return False
        self.destination = destination
        invite = relaying.invite
        transaction = ClientTransaction(engine, key, flow, invite, self, engine.timers)
        self.transaction = transaction
        engine.table.add_client(transaction)
        self.provisional = False
        if invite:
            self._timer(WHICH_C, TIMER_C)
        transaction.start(data)
        return True

    def _may_grow(self, destination: Destination) -> bool:
        """Whether TCP is worth a try: not after it failed here, and not to a client behind a NAT."""
        tried = self.destination
        if tried is not None and tried.transport == "TCP" and tried.host == destination.host:
            return False
        return not self.target.flow_id or self.target.uri.host.strip("[]") == destination.host

    def _timer(self, which: int, delay: float) -> None:
        wheel = self.relaying.engine.wheel
        if self.which:
            wheel.stop(self, self.which, self.slot)
        self.which = which
        self.slot = wheel.start(self, which, delay)

    def _stop_timer(self) -> None:
        if self.which:
            self.relaying.engine.wheel.stop(self, self.which, self.slot)
            self.which = 0

    def timer(self, which: int) -> None:
        """Timer C, or the wait for the answer to an INVITE that we cancelled (§16.8, §9.1)."""
        self.which = 0
        if which == WHICH_C and self.provisional:
            self.cancel()
            return
        transaction = self.transaction
        if transaction is not None:
            transaction.user = None
            transaction.end()
            self.transaction = None
        self._over(487 if which == WHICH_CANCELLED else 408, "no final answer")

    def responded(self, response: Response) -> None:
        """The client transaction hands a response up."""
        status = response.status
        if len(response.layout.vias) < 2:
            # §16.7 step 3: without the Via of whoever asked us it cannot be passed on.
            if status >= 200:
                self._stop_timer()
                self.relaying.run(self.relaying.answers.failed(self.number, 502))
            return
        if status < 200:
            first = not self.provisional
            self.provisional = True
            if self.cancel_wanted:
                if first:
                    self._send_cancel()
            elif self.relaying.invite and status > 100:
                self._timer(WHICH_C, TIMER_C)
        else:
            self._stop_timer()
            if status == 503 and not self.cancel_wanted and self.destination is not None:
                # RFC 3263 §4.3: a 503 is a reason to try the next address; the last one's 503 counts as an answer.
                self.relaying.spare = response
                self._failed("503")
                self.transaction = (
                    None  # it is over: a CANCEL that comes while the next address is looked up is not its business
                )
                self.next()
                return
        self.relaying.run(self.relaying.answers.answered(self.number, response))

    def gave_up(self, timed_out: bool, why: str) -> None:
        """The client transaction ended without an answer: the next destination, if there is one."""
        self._stop_timer()
        self.transaction = None
        self._failed(why)
        if self.cancel_wanted:
            self._over(487, why)
        else:
            self.relaying.last_status = 408 if timed_out else 503
            self.next()

    def _failed(self, why: str) -> None:
        destination = self.destination
        if destination is not None:
            self.relaying.engine.tell(DestinationFailed(destination.transport, destination.host, destination.port, why))

    def _over(self, status: int, why: str) -> None:
        """No destination is left."""
        relaying = self.relaying
        self._stop_timer()
        spare = relaying.spare
        if not status and spare is not None:
            relaying.spare = None
            relaying.run(relaying.answers.answered(self.number, spare))
            return
        if not status:
            status = 473 if relaying.filtered else relaying.last_status
        relaying.run(relaying.answers.failed(self.number, status))

    def cancel(self) -> None:
        """Stop this branch: CANCEL now, or as soon as a provisional response allows it (§9.1)."""
        if self.cancel_wanted:
            return
        self.cancel_wanted = True
        if self.transaction is not None and self.provisional:
            self._send_cancel()

    def _send_cancel(self) -> None:
        transaction = self.transaction
        if transaction is None or not transaction.sent:
            return
        engine = self.relaying.engine
        key = transaction.key[: -len("INVITE")] + b"CANCEL"
        cancel = ClientTransaction(engine, key, transaction.flow, False, None, engine.timers)
        engine.table.add_client(cancel)
        self._timer(WHICH_CANCELLED, engine.timers.t1_64)
        cancel.start(cancel_for(transaction.sent))


def _before(first: Destination, rest: Iterator[Destination] | AsyncIterator[Destination]) -> Any:
    return iter((first, *rest)) if isinstance(rest, Iterator) else _Before(first, rest)


@final
class _Before:
    """One destination, then those that a resolver is still looking for."""

    def __init__(self, first: Destination, rest: AsyncIterator[Destination]) -> None:
        self._first: Destination | None = first
        self._rest = rest

    def __aiter__(self) -> "_Before":
        return self

    async def __anext__(self) -> Destination:
        first = self._first
        if first is None:
            return await anext(self._rest)
        self._first = None
        return first
