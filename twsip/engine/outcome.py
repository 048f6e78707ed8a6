"""What becomes of a request: an answer, a refusal, or forwarded copies (RFC 3261 sections 8.2.6, 16.5 and 16.6)."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, final

from ..api.answer import Relay
from ..api.context import RequestContext
from ..api.errors import BackendDown, TransportFailed
from ..api.events import BackendFailed, BackendRecovered, Refused
from ..api.facts import Destination, MarkedDialog, OurDialog, Target
from ..api.interfaces import IBindings
from ..api.verdict import Challenge, Drop, Reply, Verdict
from ..sip.build import reply
from ..sip.proxy.forward import DEFAULT_BREADTH, Forwarding, prepare, printed
from ..sip.proxy.loops import is_loop
from . import answers
from .egress import hop
from .relaying import Relaying
from .transactions import ServerTransaction

if TYPE_CHECKING:
    from .dispatch import Engine


@final
class Outcome:
    """Carries out verdicts and answers.  What was registered is acknowledged when it is durable, not before."""

    def __init__(self, engine: "Engine", bindings: IBindings | None) -> None:
        self.engine = engine
        self._bindings = bindings
        self._down = False
        self._held: list[tuple[ServerTransaction, RequestContext, Reply, bytes]] = []

    def act(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, answer: Reply | Relay
    ) -> None:
        """Do what a handler says."""
        if transaction is not None and transaction.abandoned:
            return
        request = context.request
        if isinstance(answer, Relay):
            self._relay(context, key, transaction, answer)
            return
        if request.method == "ACK":
            return
        data = answers.refusal(context, answer, self.engine.tag_for(request))
        if transaction is None:
            if request.method == "OPTIONS":
                # Answering it twice changes nothing, so it is not remembered.
                self.engine.send(context.flow, request, data)
                return
            transaction = self.engine.server_for(request, context.flow, key)
            if transaction is None:
                return
        if request.method == "REGISTER" and answer.status < 300:
            # Acknowledged means durable: it leaves when the bindings are written (turn_ends).
            self._held.append((transaction, context, answer, data))
        else:
            transaction.respond(answer.status, data)

    def refuse(
        self, context: RequestContext, transaction: ServerTransaction | None, name: str, verdict: Verdict, key: bytes
    ) -> None:
        """Carry out a check's refusal.  Without a transaction it is stateless: a stranger costs no memory (§8.2.7)."""
        if transaction is not None and transaction.abandoned:
            return
        request = context.request
        status = 0
        data = b""
        if isinstance(verdict, Challenge):
            status, data = answers.challenge(context, verdict, self.engine.tag_for(request))
            self.engine.count("challenged")
        elif isinstance(verdict, Reply):
            status = verdict.status
            data = answers.refusal(context, verdict, self.engine.tag_for(request))
            if not verdict.told:
                self._tell_refused(context, name, verdict, status, verdict.why or verdict.reason)
        elif isinstance(verdict, Drop):
            self._tell_refused(context, name, verdict, 0, verdict.why)
        if request.method == "ACK":
            return
        if transaction is not None:
            if data and transaction.kept:
                # After a 100 the caller waits and repeats nothing, so the refusal has to be repeated until it is acknowledged.
                transaction.respond(status, data)
                return
            transaction.end()
        if data:
            self._send_refusal(context, key, data)

    def _send_refusal(self, context: RequestContext, key: bytes, data: bytes) -> None:
        """Refuse without a transaction."""
        if context.request.method == "INVITE" and (MarkedDialog in context.facts or OurDialog in context.facts):
            self.engine.expect_ack(key)
        self.engine.send(context.flow, context.request, data)

    def _tell_refused(self, context: RequestContext, name: str, verdict: Verdict, status: int, why: str) -> None:
        self.engine.tell(
            Refused(
                check=name,
                verdict=type(verdict).__name__,
                status=status,
                why=why,
                source=context.flow.host,
                transport=context.flow.transport,
                method=context.method,
                call_id=context.request.call_id.decode("utf-8", "replace"),
            )
        )

    def answer(self, context: RequestContext, transaction: ServerTransaction, status: int) -> None:
        """Answer with a status of our own, on behalf of a relayed request that came to nothing or that was never decided."""
        data = reply(context.request, status, "", self.engine.tag_for(context.request))
        if transaction.abandoned and not transaction.kept:
            # Still a stranger: no answer of ours is repeated to an address that may be forged.
            transaction.end()
            self._send_refusal(context, transaction.key, data)
        else:
            transaction.respond(status, data)

    def _relay(self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, relay: Relay) -> None:
        """Forward the request (§16.5, §16.6)."""
        request = context.request
        routed = context.routed
        assert routed is not None
        if not relay.targets:
            self.refuse(context, transaction, "engine", Reply(480), key)
            return
        if request.max_forwards == 0:
            self.refuse(context, transaction, "engine", Reply(483), key)
            return
        mark = self.engine.fingerprints.of(request, routed.uri)
        if is_loop(request, mark):
            self.refuse(context, transaction, "engine", Reply(482), key)
            return
        edits = context.edits
        taken = () if edits is None else edits.taken
        forwarding = prepare(request, routed.uri, routed.routes, self.engine.consumed, taken)
        if forwarding is None:
            self.refuse(context, transaction, "engine", Reply(440), key)
            return
        context.facts[Relay] = relay
        if request.method == "ACK":
            self._relay_ack(context, relay, forwarding, mark)
            return
        if transaction is None:
            transaction = self.engine.server_for(request, context.flow, key)
            if transaction is None:
                return
        if transaction.invite and not transaction.kept:
            transaction.respond(100, reply(request, 100))
        Relaying(self.engine, context, transaction, forwarding, relay, mark).begin()

    def _relay_ack(self, context: RequestContext, relay: Relay, forwarding: Forwarding, mark: bytes) -> None:
        """An ACK of a 2xx: forwarded without a transaction, to the first destination that may be sent to (§17)."""
        target = relay.targets[0]
        found = self.engine.resolver.locate(hop(forwarding, target))
        if type(found) is tuple or isinstance(found, Sequence):
            for destination in found:
                if self._send_ack(context, forwarding, target, destination, mark):
                    return
        else:
            self.engine.waiting.run(self._seek_for_ack(context, forwarding, target, found, mark))

    def _send_ack(
        self, context: RequestContext, forwarding: Forwarding, target: Target, destination: Destination, mark: bytes
    ) -> bool:
        engine = self.engine
        if engine.destinations.allow(context, destination) is not None:
            engine.count("acks_filtered")
            return False
        try:
            flow = engine.transports.flow_to(destination)
            via = flow.sent_by.via + engine.new_branch(mark)
            flow.send(printed(forwarding, target.uri, target.route, via, [], DEFAULT_BREADTH))
        except TransportFailed:
            return False
        return True

    async def _seek_for_ack(
        self,
        context: RequestContext,
        forwarding: Forwarding,
        target: Target,
        found: AsyncIterator[Destination],
        mark: bytes,
    ) -> None:
        async for destination in found:
            if self._send_ack(context, forwarding, target, destination, mark):
                return

    def commit(self) -> None:
        """Make bindings durable, then acknowledge them; when that fails their senders get 500 and nothing is kept."""
        held = self._held
        try:
            # A site without a store may still have a registrar: with a store of its own, which has written already.
            if self._bindings is not None:
                self._bindings.commit()
        except BackendDown as error:
            if not self._down:
                self._down = True
                self.engine.tell(BackendFailed(backend="bindings", error=str(error)))
            self._held = []
            for transaction, context, _, _ in held:
                self.answer(context, transaction, 500)
            return
        if held:
            self._held = []
            if self._down:
                self._down = False
                self.engine.tell(BackendRecovered(backend="bindings"))
            for transaction, _, answer, data in held:
                for event in answer.events:
                    self.engine.tell(event)
                transaction.respond(answer.status, data)
                # Registrations come in storms: half a million phones after a power cut.
                transaction.shelve()
