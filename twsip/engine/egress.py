"""A branch: one target of a forwarded request, tried at one destination after the other (RFC 3263 section 4.3)."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from ..api.context import RequestContext
from ..api.errors import TransportFailed
from ..api.events import DestinationFailed, Refused
from ..api.facts import Destination, Target
from ..api.verdict import Reply, Verdict
from ..sip.build import cancel_for
from ..sip.message import Response
from ..sip.proxy.forward import Forwarding
from .transactions import ClientTransaction

if TYPE_CHECKING:
    from .relaying import Relaying

TIMER_C: Final = 181.0
WHICH_C: Final = 100
WHICH_CANCELLED: Final = 101
_NOWHERE: Final[Iterator[Destination]] = iter(())
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
        "due",
        "looking",
        "number",
        "provisional",
        "relaying",
        "slot",
        "spare",
        "target",
        "transaction",
        "which",
    )

    def __init__(self, relaying: "Relaying", number: int, target: Target) -> None:
        self.relaying = relaying
        self.number = number
        self.target = target
        self.destinations: Iterator[Destination] = _NOWHERE
        """What is left to be tried, all of it known."""
        self.looking: AsyncIterator[Destination] | None = None
        """Where more may come from, once those are tried."""
        self.destination: Destination | None = None
        self.transaction: ClientTransaction | None = None
        self.provisional = False
        self.cancel_wanted = False
        self.spare: Response | None = None
        """A 503, in case that no other destination says more."""
        self.which = 0
        self.slot = 0
        self.due = 0

    def start(self) -> None:
        """Find out where to go, and go."""
        engine = self.relaying.engine
        target = self.target
        if target.flow_id:
            flow = engine.transports.flow_by_id(target.flow_id)
            if flow is not None:
                if not self._try(Destination(flow.transport, flow.host, flow.port), flow):
                    self.next()
                return
            if not target.flow_id.startswith(("UDP", f"{target.flow_id[:3]} {target.uri.host.strip('[]')} ")):
                # The connection it registered over is gone, and its Contact is not where it came from: nothing reaches it.
                self._over(480, "the connection of the binding is gone")
                return
        forwarding = self.relaying.forwarding
        assert forwarding is not None
        found = engine.resolver.locate(hop(forwarding, target))
        if type(found) is tuple or isinstance(found, Sequence):
            self.destinations = iter(found)
        else:
            self.looking = found
        self.next()

    def next(self) -> None:
        """Try the next destination; the branch is over when none is left."""
        if self._try_known():
            return
        if self.looking is not None:
            self.relaying.engine.waiting.run(self._next_later(self.looking))
        else:
            self._over(0, "no destination is left")

    def _try_known(self) -> bool:
        """Try what is known, one after the other; an attempt may put another one in front."""
        while True:
            destination = next(self.destinations, None)
            if destination is None:
                return False
            if self._try(destination, None):
                return True

    async def _next_later(self, looking: AsyncIterator[Destination]) -> None:
        try:
            async for destination in looking:
                if self.cancel_wanted or self._try(destination, None) or self._try_known():
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
        context = relaying.context
        if context is None:
            return False
        refused = engine.destinations.allow(context, destination)
        if refused is not None:
            self._refused(context, destination, *refused)
            return False
        try:
            if flow is None:
                flow = engine.transports.flow_to(destination)
            data, key = relaying.message(self.target, flow)
            if len(data) > BIGGEST_DATAGRAM and not flow.reliable and self._may_grow(destination):
                # §18.1.1: by TCP first, where the checks allow that; when it cannot be opened the same datagram goes by
                # UDP after all.
                wider = Destination("TCP", destination.host, destination.port, destination.server_name)
                if engine.destinations.allow(context, wider) is None:
                    self.destinations = iter((destination, *self.destinations))
                    destination = wider
                    flow = engine.transports.flow_to(destination)
                    data, key = relaying.message(self.target, flow)
        except TransportFailed as error:
            # That it was tried: TCP is not tried again here.
            self.destination = destination
            engine.tell(DestinationFailed(destination.transport, destination.host, destination.port, str(error)))
            return False
        self.destination = destination
        invite = relaying.invite
        transaction = ClientTransaction(engine, key, flow, invite, self)
        self.transaction = transaction
        engine.table.add_client(transaction)
        self.provisional = False
        if invite:
            self._timer(WHICH_C, TIMER_C)
        transaction.start(data)
        return True

    def _refused(self, context: RequestContext, destination: Destination, name: str, verdict: Verdict) -> None:
        self.relaying.blocked = True
        self.relaying.engine.tell(
            Refused(
                check=name,
                verdict=repr(verdict),
                status=verdict.status if isinstance(verdict, Reply) else 473,
                why=f"{destination.transport} {destination.host} {destination.port}",
                source=context.flow.host,
                transport=context.flow.transport,
                method=context.method,
                call_id=context.request.call_id.decode("utf-8", "replace"),
            )
        )

    def _may_grow(self, destination: Destination) -> bool:
        """Whether TCP is worth a try: not after it failed here, and not to a client behind a NAT."""
        tried = self.destination
        if tried is not None and tried.transport == "TCP" and tried.host == destination.host:
            return False
        return not self.target.flow_id or self.target.uri.host.strip("[]") == destination.host

    def _timer(self, which: int, delay: float) -> None:
        wheel = self.relaying.engine.wheel
        slot = wheel.slot_in(delay)
        self.due = slot
        if self.which:
            if self.which == which and self.slot <= slot:
                return  # when it runs out before its time it goes on
            wheel.stop(self, self.which, self.slot)
        self.which = which
        self.slot = slot
        wheel.put(self, which, slot)

    def _stop_timer(self) -> None:
        if self.which:
            self.relaying.engine.wheel.stop(self, self.which, self.slot)
            self.which = 0

    def timer(self, which: int) -> None:
        """Timer C, or the wait for the answer to an INVITE that we cancelled (§16.8, §9.1)."""
        if self.due > self.slot:
            self.slot = self.due
            self.relaying.engine.wheel.put(self, which, self.slot)
            return
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
        relaying = self.relaying
        if len(response.layout.vias) < 2:
            # §16.7 step 3: without the Via of whoever asked us it cannot be passed on.
            if status >= 200:
                self._stop_timer()
                relaying.run(relaying.failed(self.number, 502))
            return
        if status < 200:
            first = not self.provisional
            self.provisional = True
            if self.cancel_wanted:
                if first:
                    self._send_cancel()
            elif relaying.invite and status > 100:
                self._timer(WHICH_C, TIMER_C)
        else:
            self._stop_timer()
            if status == 503 and not self.cancel_wanted and self.destination is not None:
                # RFC 3263 §4.3: a 503 is a reason to try the next address; the last one's 503 counts as an answer.
                self.spare = response
                self._failed("503")
                # It is over: a CANCEL that comes while the next address is looked up is not its business.
                self.transaction = None
                self.next()
                return
        relaying.run(relaying.answered(self.number, response))

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
        spare = self.spare
        if not status and spare is not None:
            self.spare = None
            relaying.run(relaying.answered(self.number, spare))
            return
        if not status:
            status = 473 if relaying.blocked else relaying.last_status
        relaying.run(relaying.failed(self.number, status))

    def cancel(self) -> None:
        """Stop this branch: CANCEL now, or as soon as a provisional response allows it (§9.1)."""
        if self.cancel_wanted:
            return
        self.cancel_wanted = True
        if self.transaction is not None and self.provisional:
            self._send_cancel()

    def _send_cancel(self) -> None:
        transaction = self.transaction
        if transaction is None or not transaction.open:
            return
        engine = self.relaying.engine
        key = transaction.key[: -len("INVITE")] + b"CANCEL"
        cancel = ClientTransaction(engine, key, transaction.flow, False, None)
        engine.table.add_client(cancel)
        self._timer(WHICH_CANCELLED, engine.timers.t1_64)
        cancel.start(cancel_for(transaction.kept))
