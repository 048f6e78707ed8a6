"""A new request on its way through the checks and to a handler; synchronous until one of them has to wait."""

from typing import TYPE_CHECKING, Any, Final, final

from ..api.answer import Relay
from ..api.context import Flow, RequestContext
from ..api.verdict import Pass, Reply, Verdict
from ..sip.build import reply
from ..sip.message import Request
from ..sip.proxy.route import preprocess
from .pipeline import Broke, Pipeline
from .transactions import ServerTransaction

if TYPE_CHECKING:
    from .dispatch import Engine

_PASS: Final = Pass


def _nobody(context: RequestContext) -> Reply:
    """The answer when no handler took the request: ours but unknown (in a dialog that we do not have: §12.2.2), or not ours."""
    status = 403
    if context.target_local:
        status = 481 if context.request.in_dialog else 404
    return Reply(status, why="no handler took it")


@final
class Intake:
    """Asks the request checks in their order, then the handlers until one answers."""

    def __init__(self, engine: "Engine", requests: Pipeline, handlers: Pipeline) -> None:
        self.engine = engine
        self.requests = requests
        self.handlers = handlers

    def take(self, request: Request, flow: Flow, now: float, key: bytes) -> None:
        """A request that belongs to no transaction yet."""
        routed = preprocess(request, self.engine.is_ours)
        local = routed is not None and not routed.routes and self.engine.is_ours(routed.uri)
        context = RequestContext(request, flow, now, self.engine.domains, local)
        context.routed = routed
        if routed is None:
            self.engine.outcome.refuse(context, None, "engine", Reply(400, "Bad Route"), key)
            return
        checks = self.requests
        facts = context.facts
        trace = context.trace
        for at, name in enumerate(checks.names):
            try:
                verdict = checks.ask(at, context)
            except Broke:
                self.engine.outcome.refuse(context, None, name, Reply(500), key)
                return
            trace.append((name, verdict))
            if type(verdict) is _PASS:
                for fact in verdict.facts:
                    facts.add(fact)
            elif isinstance(verdict, Verdict):
                self.engine.outcome.refuse(context, None, name, verdict, key)
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
            transaction = self.engine.server_for(context.request, context.flow, key)
            if transaction is None:
                return
            transaction.user = Undecided(self.engine, context, transaction)
            if transaction.invite:
                transaction.respond(100, reply(context.request, 100))
        if handler_at is None:
            self.engine.waiting.run(self._check_later(context, key, transaction, at, answer))
        else:
            self.engine.waiting.run(self._handle_later(context, key, transaction, handler_at, answer))

    async def _check_later(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, at: int, answer: Any
    ) -> None:
        checks = self.requests
        name = checks.names[at]
        try:
            verdict = await checks.wait(at, self.engine.waiting.patiently(answer))
            context.trace[-1] = (name, verdict)
            while True:
                if type(verdict) is _PASS:
                    for fact in verdict.facts:
                        context.facts.add(fact)
                else:
                    if not isinstance(verdict, Verdict):
                        checks.broke(at, TypeError(f"{verdict!r} is no verdict"))
                        raise Broke
                    self.engine.outcome.refuse(context, transaction, name, verdict, key)
                    return
                at += 1
                if at == len(checks.names):
                    break
                name = checks.names[at]
                verdict = checks.ask(at, context)
                if not isinstance(verdict, Verdict):
                    verdict = await checks.wait(at, self.engine.waiting.patiently(verdict))
                context.trace.append((name, verdict))
        except Broke:
            self.engine.outcome.refuse(context, transaction, name, Reply(500), key)
            return
        self._handle(context, key, transaction)

    def _handle(self, context: RequestContext, key: bytes, transaction: ServerTransaction | None) -> None:
        """Ask the handlers until one answers."""
        handlers = self.handlers
        for at, name in enumerate(handlers.names):
            try:
                answer = handlers.ask(at, context)
            except Broke:
                self.engine.outcome.refuse(context, transaction, name, Reply(500), key)
                return
            if answer is None:
                continue
            if isinstance(answer, (Reply, Relay)):
                self.engine.outcome.act(context, key, transaction, answer)
            elif transaction is None:
                self._go_on_later(context, key, 0, answer, at)
            else:
                self.engine.waiting.run(self._handle_later(context, key, transaction, at, answer))
            return
        self.engine.outcome.refuse(context, transaction, "engine", _nobody(context), key)

    async def _handle_later(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, at: int, answer: Any
    ) -> None:
        handlers = self.handlers
        name = handlers.names[at]
        try:
            found = await handlers.wait(at, self.engine.waiting.patiently(answer))
            while found is None:
                at += 1
                if at == len(handlers.names):
                    found = _nobody(context)
                    break
                name = handlers.names[at]
                found = handlers.ask(at, context)
                if found is not None and not isinstance(found, (Reply, Relay)):
                    found = await handlers.wait(at, self.engine.waiting.patiently(found))
            if not isinstance(found, (Reply, Relay)):
                handlers.broke(at, TypeError(f"{found!r} is no answer"))
                raise Broke
        except Broke:
            self.engine.outcome.refuse(context, transaction, name, Reply(500), key)
            return
        self.engine.outcome.act(context, key, transaction, found)


@final
class Undecided:
    """The user of a transaction while a check or handler waits."""

    __slots__ = ("context", "engine", "transaction")

    def __init__(self, engine: "Engine", context: RequestContext, transaction: ServerTransaction) -> None:
        self.engine = engine
        self.context = context
        self.transaction = transaction

    def cancelled(self) -> None:
        """The caller gave up: say so at once; what is decided later is not done."""
        self.transaction.abandoned = True
        self.engine.outcome.answer(self.context, self.transaction, 487)
