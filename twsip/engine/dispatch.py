"""From arrival to answer: checks, transactions, handlers; synchronous as long as nobody waits (house floor: engine)."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from traceback import format_exc
from typing import Any, Final
from zlib import crc32

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from ..api.answer import Relay
from ..api.context import Arrival, Domains, Flow, RequestContext
from ..api.errors import BackendDown, TransportFailed
from ..api.events import BackendFailed, BackendRecovered, CheckBroke, LimitReached, MalformedPacket, Refused, Teller
from ..api.facts import Destination
from ..api.interfaces import IBindings
from ..api.verdict import Challenge, Drop, Pass, Reply, Verdict
from ..guard.mark import key_from, sign
from ..sip.build import reply, reply_to_malformed
from ..sip.fields.via import MAGIC
from ..sip.message import Malformed, Request, Response
from ..sip.parser import parse
from ..sip.proxy.forward import Forwarding, prepare, printed
from ..sip.proxy.loops import fingerprint, is_loop
from ..sip.proxy.route import preprocess
from ..sip.transaction.key import cancelled_key, client_key, server_key
from ..sip.transaction.words import DEFAULT_TIMERS, Timers
from ..sip.uri import Uri
from . import answers
from .egress import Relaying
from .pipeline import Broke, Pipeline, name_of
from .timers import Wheel
from .transactions import ClientTransaction, ServerTransaction

MOST_TRANSACTIONS: Final = 200_000
"""Live server transactions; above it new requests get 503 without being remembered."""
PATIENCE: Final = 20.0
"""Seconds a check or handler may take in all before the request gets 500."""

_PASS: Final = Pass


class Engine:
    """The one place that sends, and the one that knows that ACK and CANCEL cannot be challenged.

    It is the transports' receiver.  `transports` must be set before `start`.
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
        self.requests = Pipeline(requests, "check", tell)
        self.handlers = Pipeline(handlers, "handle", tell)
        self.destinations = Pipeline(destinations, "allow", tell)
        self.resolver = resolver
        self.bindings = bindings
        self.tell = tell
        self.clock = clock
        self.now = now
        self.timers = timers or DEFAULT_TIMERS
        self.consumed = consumed
        self.transports: Any = None
        self.wheel = Wheel(clock)
        self.wheel.after = self._flush  # type: ignore[method-assign]
        self.servers: dict[bytes, ServerTransaction] = {}
        self.clients: dict[bytes, ClientTransaction] = {}
        self._by_flow: dict[str, set[ClientTransaction]] = {}
        self._later: list[Callable[[], None]] = []
        self._held: list[tuple[ServerTransaction, RequestContext, int, bytes]] = []
        self._bindings_down = False
        self._random = random
        self._dice = b""
        self._rolled = 0
        self._mark_key = key_from(secret)
        self._tags = b"tw" + random(8).hex().encode()
        self._counts: dict[str, int] = {}
        self._full = False
        self._waiting: set[Deferred[None]] = set()

    # What the site asks of it.

    def start(self) -> None:
        """Nothing to open: the transports do that."""

    def stop(self) -> None:
        """Let go of everything that waits; transactions end without a word."""
        self.wheel.close()
        for waiting in list(self._waiting):
            waiting.cancel()
        self.servers.clear()
        self.clients.clear()
        self._by_flow.clear()

    def counts(self) -> dict[str, int]:
        """Numbers for operators: live transactions, timers, and what was counted since the start."""
        live = {
            "server_transactions": len(self.servers),
            "client_transactions": len(self.clients),
            "timers": len(self.wheel),
            "waiting": len(self._waiting),
        }
        return live | self._counts

    def count(self, what: str) -> None:
        """Count something that happened too often for an event of its own."""
        self._counts[what] = self._counts.get(what, 0) + 1

    # What the transports tell it.

    def received(self, arrival: Arrival) -> None:
        """One whole message came."""
        if self.ingress.asks:
            verdict = self.ingress.admit(arrival)
            if verdict is not None:
                self.count("dropped_at_ingress")
                return
        flow = arrival.flow
        message = parse(arrival.data, flow.reliable)
        if isinstance(message, Request):
            message.arrived_from(flow.host.encode(), flow.port)
            self._request(message, flow, arrival.at)
        elif isinstance(message, Response):
            self._response(message, flow)
        elif message is not None:
            self._malformed(message, flow)

    def turn_ends(self) -> None:
        """Before anything of this turn leaves: what was decided is made durable, what could not be sent is told."""
        while self._later:
            todo, self._later = self._later, []
            for action in todo:
                action()
        if self.bindings is not None:
            try:
                self.bindings.commit()
            except BackendDown as error:
                self._commit_failed(error)
        if self._held:
            held, self._held = self._held, []
            if self._bindings_down:
                self._bindings_down = False
                self.tell(BackendRecovered(backend="bindings"))
            for transaction, _, status, data in held:
                transaction.respond(status, data)

    def _commit_failed(self, error: BackendDown) -> None:
        if not self._bindings_down:
            self._bindings_down = True
            self.tell(BackendFailed(backend="bindings", error=str(error)))
        held, self._held = self._held, []
        for transaction, context, _, _ in held:
            self.answer(context, transaction, 500)

    def flow_broke(self, flow: Flow, why: str) -> None:
        """A stream is gone: whoever waits for an answer on it tries something else."""
        waiting = self._by_flow.pop(flow.id, None)  # type: ignore[attr-defined]
        if waiting:
            for transaction in list(waiting):
                transaction.transport_failed()
            self._flush()

    # Requests.

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        key = server_key(request)
        known = self.servers.get(key)
        if request.method == "ACK":
            if known is not None:
                if not known.acknowledged():
                    return
            elif request.to.tag.startswith(self._tags):
                return  # it acknowledges a refusal that we sent and kept no memory of
            self._new(request, flow, now, key)
        elif request.method == "CANCEL":
            self._cancel(request, flow, key, known)
        elif known is not None:
            if known.flow.host == flow.host:
                known.again()
        else:
            self._new(request, flow, now, key)

    def _cancel(self, request: Request, flow: Flow, key: bytes, known: ServerTransaction | None) -> None:
        """§16.10 and §9.2: a CANCEL finds the INVITE it is for, or gets 481; it is never challenged and never relayed."""
        if known is not None:
            known.again()
            return
        invite = self.servers.get(cancelled_key(request))
        tag = self.tag_for(request)
        if invite is None or invite.flow.host != flow.host:
            self._send(flow, request, reply(request, 481, "", tag))
            return
        transaction = self._transaction(request, flow, key)
        if transaction is None:
            return
        transaction.respond(200, reply(request, 200, "", tag))
        if invite.user is not None:
            invite.user.cancelled()

    def is_ours(self, uri: Uri) -> bool:
        """Whether a URI names this site: a domain or address of ours, and no port or one we listen on."""
        if uri.scheme != "sip" and uri.scheme != "sips":
            return False
        return self.domains.is_local(uri.host, uri.port or (5061 if uri.secure or uri.transport == "tls" else 5060))

    def _new(self, request: Request, flow: Flow, now: float, key: bytes) -> None:
        """A request that belongs to no transaction yet."""
        routed = preprocess(request, self.is_ours)
        local = routed is not None and not routed.routes and self.is_ours(routed.uri)
        context = RequestContext(request, flow, now, self.domains, local)
        context.routed = routed
        if routed is None:
            self._refuse(context, None, "engine", Reply(400, "Bad Route"), key)
            return
        checks = self.requests
        facts = context.facts
        trace = context.trace
        for at, name in enumerate(checks.names):
            try:
                verdict = checks.ask(at, context)
            except Broke:
                self._refuse(context, None, name, Reply(500), key)
                return
            trace.append((name, verdict))
            if type(verdict) is _PASS:
                for fact in verdict.facts:
                    facts.add(fact)
            elif isinstance(verdict, Verdict):
                self._refuse(context, None, name, verdict, key)
                return
            else:
                self._go_on_later(context, key, at, verdict, None)
                return
        self._handle(context, key, None)

    def _go_on_later(self, context: RequestContext, key: bytes, at: int, answer: Any, handler_at: int | None) -> None:
        """A check or handler waits, so from here on the request has a transaction that absorbs its repeats."""
        if context.method == "ACK":
            transaction = None
        else:
            transaction = self._transaction(context.request, context.flow, key)
            if transaction is None:
                return
            if transaction.invite:
                transaction.respond(100, reply(context.request, 100))
        if handler_at is None:
            self.wait(self._check_later(context, key, transaction, at, answer))
        else:
            self.wait(self._handle_later(context, key, transaction, handler_at, answer))

    async def _check_later(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, at: int, answer: Any
    ) -> None:
        checks = self.requests
        name = checks.names[at]
        try:
            verdict = await checks.wait(at, self._patiently(answer))
            context.trace[-1] = (name, verdict)
            while True:
                if type(verdict) is _PASS:
                    for fact in verdict.facts:
                        context.facts.add(fact)
                else:
                    if not isinstance(verdict, Verdict):
                        checks.broke(at, TypeError(f"{verdict!r} is no verdict"))
                        raise Broke
                    self._refuse(context, transaction, name, verdict, key)
                    return
                at += 1
                if at == len(checks.names):
                    break
                name = checks.names[at]
                verdict = checks.ask(at, context)
                if not isinstance(verdict, Verdict):
                    verdict = await checks.wait(at, self._patiently(verdict))
                context.trace.append((name, verdict))
        except Broke:
            self._refuse(context, transaction, name, Reply(500), key)
            return
        self._handle(context, key, transaction)

    def _handle(self, context: RequestContext, key: bytes, transaction: ServerTransaction | None) -> None:
        """Ask the handlers until one answers."""
        handlers = self.handlers
        for at, name in enumerate(handlers.names):
            try:
                answer = handlers.ask(at, context)
            except Broke:
                self._refuse(context, transaction, name, Reply(500), key)
                return
            if answer is None:
                continue
            if isinstance(answer, (Reply, Relay)):
                self._act(context, key, transaction, answer)
            elif transaction is None:
                self._go_on_later(context, key, 0, answer, at)
            else:
                self.wait(self._handle_later(context, key, transaction, at, answer))
            return
        status = 404 if context.target_local else 403
        self._refuse(context, transaction, "engine", Reply(status, why="no handler took it"), key)

    async def _handle_later(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, at: int, answer: Any
    ) -> None:
        handlers = self.handlers
        name = handlers.names[at]
        try:
            found = await handlers.wait(at, self._patiently(answer))
            while found is None:
                at += 1
                if at == len(handlers.names):
                    found = Reply(404 if context.target_local else 403, why="no handler took it")
                    break
                name = handlers.names[at]
                found = handlers.ask(at, context)
                if found is not None and not isinstance(found, (Reply, Relay)):
                    found = await handlers.wait(at, self._patiently(found))
            if not isinstance(found, (Reply, Relay)):
                handlers.broke(at, TypeError(f"{found!r} is no answer"))
                raise Broke
        except Broke:
            self._refuse(context, transaction, name, Reply(500), key)
            return
        self._act(context, key, transaction, found)

    # Answers.

    def _act(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, answer: Reply | Relay
    ) -> None:
        """Do what a handler says."""
        request = context.request
        if isinstance(answer, Relay):
            self._relay(context, key, transaction, answer)
            return
        if request.method == "ACK":
            return
        data = answers.refusal(context, answer, self.tag_for(request))
        if transaction is None:
            if request.method == "OPTIONS":
                # Answering it twice changes nothing, so it is not remembered.
                self._send(context.flow, request, data)
                return
            transaction = self._transaction(request, context.flow, key)
            if transaction is None:
                return
        if request.method == "REGISTER" and answer.status < 300:
            # Acknowledged means durable: it leaves when the bindings are written (turn_ends).
            self._held.append((transaction, context, answer.status, data))
        else:
            transaction.respond(answer.status, data)

    def _refuse(
        self, context: RequestContext, transaction: ServerTransaction | None, name: str, verdict: Verdict, key: bytes
    ) -> None:
        """Carry out a check's refusal.  Without a transaction it is stateless: a stranger costs no memory (§8.2.7)."""
        request = context.request
        status = 0
        data = b""
        if isinstance(verdict, Challenge):
            status, data = answers.challenge(context, verdict, self.tag_for(request))
            self.count("challenged")
        elif isinstance(verdict, Reply):
            status = verdict.status
            data = answers.refusal(context, verdict, self.tag_for(request))
            self._tell_refused(context, name, verdict, status, verdict.why or verdict.reason)
        elif isinstance(verdict, Drop):
            self._tell_refused(context, name, verdict, 0, verdict.why)
        if request.method == "ACK":
            return
        if transaction is not None:
            if data:
                transaction.respond(status, data)
            else:
                transaction.end()
        elif data:
            self._send(context.flow, request, data)

    def _tell_refused(self, context: RequestContext, name: str, verdict: Verdict, status: int, why: str) -> None:
        self.tell(
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
        """Answer with a status of our own, on behalf of a relayed request that came to nothing."""
        transaction.respond(status, reply(context.request, status, "", self.tag_for(context.request)))

    def _relay(self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, relay: Relay) -> None:
        """Forward the request (§16.5, §16.6)."""
        request = context.request
        routed = context.routed
        assert routed is not None
        if not relay.targets:
            self._refuse(context, transaction, "engine", Reply(480), key)
            return
        if request.max_forwards == 0:
            self._refuse(context, transaction, "engine", Reply(483), key)
            return
        mark = fingerprint(request, routed.uri)
        if is_loop(request, mark):
            self._refuse(context, transaction, "engine", Reply(482), key)
            return
        forwarding = prepare(request, routed.uri, routed.routes, self.consumed)
        if forwarding is None:
            self._refuse(context, transaction, "engine", Reply(440), key)
            return
        context.facts.add(relay)
        if request.method == "ACK":
            self._relay_ack(context, relay, forwarding, mark)
            return
        if transaction is None:
            transaction = self._transaction(request, context.flow, key)
            if transaction is None:
                return
            if transaction.invite:
                transaction.respond(100, reply(request, 100))
        Relaying(self, context, transaction, forwarding, relay, mark).begin()

    def _relay_ack(self, context: RequestContext, relay: Relay, forwarding: Forwarding, mark: bytes) -> None:
        """An ACK of a 2xx: forwarded without a transaction, to the first destination that may be sent to (§17)."""
        target = relay.targets[0]
        hop = target
        if forwarding.routes and not target.route:
            hop = type(target)(forwarding.routes[0].uri)

        def go(destination: Destination) -> bool:
            if self.destinations.allow(context, destination) is not None:
                self.count("acks_filtered")
                return False
            try:
                flow = self.transports.flow_to(destination)
                via = b"Via: SIP/2.0/%b %b:%d;branch=%b" % (
                    flow.transport.encode(),
                    flow.via_host.encode(),
                    flow.via_port,
                    self.new_branch(mark),
                )
                flow.send(printed(forwarding, target.uri, target.route, via, [], 60))
            except TransportFailed:
                return False
            return True

        found = self.resolver.locate(hop)
        if isinstance(found, Sequence):
            for destination in found:
                if go(destination):
                    return
            return

        async def seek() -> None:
            async for destination in found:
                if go(destination):
                    return

        self.wait(seek())

    # Responses.

    def _response(self, response: Response, flow: Flow) -> None:
        """§16.7 and RFC 6026: a response that belongs to no client transaction of ours goes nowhere."""
        transaction = self.clients.get(client_key(response))
        if transaction is None or transaction.flow.host != flow.host:
            self.count("stray_responses")
            return
        transaction.received(response)

    # Malformed packets.

    def _malformed(self, broken: Malformed, flow: Flow) -> None:
        data = reply_to_malformed(broken, self._tags + b"bad")
        self.tell(
            MalformedPacket(
                source=flow.host, transport=flow.transport, status=broken.status if data else 0, why=broken.why
            )
        )
        if data is not None:
            try:
                flow.send(data)
            except TransportFailed:
                self.count("answers_not_sent")

    # What transactions and branches ask of it.

    def _transaction(self, request: Request, flow: Flow, key: bytes) -> ServerTransaction | None:
        if len(self.servers) >= MOST_TRANSACTIONS:
            if not self._full:
                self._full = True
                self.tell(LimitReached("server transactions", MOST_TRANSACTIONS, "new requests get 503"))
            retry = (b"Retry-After: 5",)
            self._send(flow, request, reply(request, 503, "", self.tag_for(request), retry))
            return None
        transaction = ServerTransaction(self, key, self._way_back(flow, request), request, b"", self.timers)
        self.servers[key] = transaction
        return transaction

    def _way_back(self, flow: Flow, request: Request) -> Flow:
        """§18.2.2: to where it came from; over UDP without rport to the port that sent-by names."""
        via = request.via
        if flow.reliable or via.rport >= 0 or (via.port or 5060) == flow.port:
            return flow
        back: Flow = self.transports.flow_to(Destination("UDP", flow.host, via.port or 5060))
        return back

    def _send(self, flow: Flow, request: Request, data: bytes) -> None:
        try:
            self._way_back(flow, request).send(data)
        except TransportFailed:
            self.count("answers_not_sent")

    def server_ended(self, transaction: ServerTransaction) -> None:
        """A server transaction is over."""
        self.servers.pop(transaction.key, None)
        if self._full and len(self.servers) < MOST_TRANSACTIONS * 9 // 10:
            self._full = False

    def client_ended(self, transaction: ClientTransaction) -> None:
        """A client transaction is over."""
        self.clients.pop(transaction.key, None)
        if transaction.flow.reliable:
            waiting = self._by_flow.get(transaction.flow.id)  # type: ignore[attr-defined]
            if waiting is not None:
                waiting.discard(transaction)
                if not waiting:
                    del self._by_flow[transaction.flow.id]  # type: ignore[attr-defined]

    def watch(self, flow: Flow, transaction: ClientTransaction) -> None:
        """Remember who waits on a stream, to tell them when it breaks."""
        if flow.reliable:
            self._by_flow.setdefault(flow.id, set()).add(transaction)  # type: ignore[attr-defined]

    def later(self, action: Callable[[], None]) -> None:
        """Do this after the machine that asked has finished its step, still in this turn."""
        self._later.append(action)

    def _flush(self) -> None:
        """Output that no input batch caused leaves now; the transports call turn_ends first."""
        if self.transports is not None:
            self.transports.flush()
        else:
            self.turn_ends()

    def wait(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run what has to wait, and let its output leave when it is done."""
        waiting = Deferred.fromCoroutine(coroutine)
        if waiting.called:
            waiting.addErrback(self._lost_coroutine)
            return
        self._waiting.add(waiting)

        def over(result: Any) -> None:
            self._waiting.discard(waiting)
            if result is not None:
                self._lost_coroutine(result)
            self._flush()

        waiting.addBoth(over)

    def _lost_coroutine(self, failure: Any) -> None:
        if failure is not None and not failure.check(CancelledError):
            self.told_broken("engine", failure.value)

    def _patiently(self, answer: Awaitable[Any]) -> Awaitable[Any]:
        """The same answer, but no later than PATIENCE from now."""
        waiting: Deferred[Any] = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(_awaited(answer))
        return waiting.addTimeout(PATIENCE, self.clock)

    def told_broken(self, name: str, error: BaseException) -> None:
        """Somebody's code raised outside the pipelines."""
        self.tell(CheckBroke(check=name, error=f"{type(error).__name__}: {error}", trace=format_exc()))

    def tag_for(self, request: Request) -> bytes:
        """The To tag of our own answers: the same for repeats of a request (§8.2.6.2), recognised again in an ACK."""
        return b"%b%08x" % (self._tags, crc32(request.call_id, crc32(request.via.branch)))

    def new_branch(self, mark: bytes) -> bytes:
        """A branch with 72 random bits, so that nobody who does not see it can answer for it; then the loop mark."""
        at = self._rolled
        if at >= len(self._dice):
            self._dice = self._random(4608).hex().encode()
            at = 0
        self._rolled = at + 18
        return MAGIC + self._dice[at : at + 18] + b"." + mark

    def record_routes(self, context: RequestContext, outgoing: Any) -> list[bytes]:
        """Our Record-Route lines: one, or two where the request changes its way (RFC 5658), the outgoing one on top."""
        request = context.request
        mark = sign(self._mark_key, request.call_id, request.from_.tag)
        incoming: Any = context.flow
        first = record_route(outgoing, mark)
        second = record_route(incoming, mark)
        return [first] if first == second else [first, second]


def record_route(flow: Any, mark: bytes) -> bytes:
    """One Record-Route line that leads back to us over the transport of this flow."""
    transport = flow.transport
    extra = b"" if transport == "UDP" else b";transport=" + transport.lower().encode()
    return b"Record-Route: <sip:%b:%d%b;lr;m=%b>" % (flow.via_host.encode(), flow.via_port, extra, mark)


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


__all__ = ["Engine", "name_of"]
