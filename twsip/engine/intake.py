"""A new request on its way through the checks and to a handler; synchronous until one of them has to wait."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, final

from ..api.answer import Relay
from ..api.context import Flow, RequestContext
from ..api.verdict import Pass, Reply, Verdict
from ..sip.build import reply
from ..sip.message import Request
from ..sip.proxy.route import Routed, preprocess
from .pipeline import Broke, Pipeline
from .transactions import ServerTransaction

if TYPE_CHECKING:
    from .dispatch import Engine

_PASS: Final = Pass
TRYING_AFTER: Final = 0.2
"""Seconds after which an INVITE that waits gets 100 (RFC 3261 section 17.2.1); who is refused before stays a stranger."""


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
        engine = self.engine
        if request.layout.routed:
            routed = preprocess(request, engine.is_ours, flow.sent_by.route)
        else:
            routed = Routed(request.uri, [], 0, None)
        local = routed is not None and not routed.routes and engine.is_ours(routed.uri)
        context = RequestContext(request, flow, now, engine.domains, local)
        context.routed = routed
        if routed is None:
            engine.outcome.refuse(context, None, "engine", Reply(400, "Bad Route"), key)
            return
        self._go_on(context, key, None, 0)

    def _go_on(self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, at: int) -> None:
        """Ask the checks from number `at` on, then the handlers."""
        at, verdict = self.requests.check(context, at)
        if at < 0:
            self._handle(context, key, transaction, 0)
        elif verdict is Broke or isinstance(verdict, Verdict):
            self._refuse(context, key, transaction, self.requests.names[at], verdict)
        else:
            self._remember(context, key, transaction, self._check_later(context, key, at, verdict))

    def _handle(self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, at: int) -> None:
        """Ask the handlers from number `at` on until one answers."""
        at, answer = self.handlers.handle(context, at)
        if at < 0:
            self.engine.outcome.refuse(context, transaction, "engine", _nobody(context), key)
        elif isinstance(answer, (Reply, Relay)):
            self.engine.outcome.act(context, key, transaction, answer)
        elif answer is Broke:
            self._refuse(context, key, transaction, self.handlers.names[at], answer)
        else:
            self._remember(context, key, transaction, self._handle_later(context, key, at, answer))

    def _refuse(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, name: str, verdict: Any
    ) -> None:
        if verdict is Broke:
            verdict = Reply(500)
        self.engine.outcome.refuse(context, transaction, name, verdict, key)

    def _remember(
        self, context: RequestContext, key: bytes, transaction: ServerTransaction | None, waits: "Later"
    ) -> None:
        """Somebody waits, so from here on the request has a transaction that absorbs its repeats."""
        if transaction is None and context.method != "ACK":
            transaction = self.engine.server_for(context.request, context.flow, key)
            if transaction is None:
                waits.close()
                return
            undecided = Undecided(self.engine, context, transaction)
            transaction.user = undecided
            if transaction.invite:
                self.engine.wheel.start(undecided, 0, TRYING_AFTER)
        self.engine.waiting.run(self._wait(waits, transaction))

    async def _wait(self, waits: "Later", transaction: ServerTransaction | None) -> None:
        (await waits)(transaction)

    async def _check_later(self, context: RequestContext, key: bytes, at: int, answer: Any) -> "Then":
        verdict = await self.requests.wait(at, self.engine.waiting.patiently(answer))
        if type(verdict) is _PASS:
            context.trace[-1] = verdict
            for fact in verdict.facts:
                context.facts.add(fact)
            return lambda transaction: self._go_on(context, key, transaction, at + 1)
        if verdict is not Broke and not isinstance(verdict, Verdict):
            self.requests.broke(at, TypeError(f"{verdict!r} is no verdict"))
            verdict = Broke
        name = self.requests.names[at]
        return lambda transaction: self._refuse(context, key, transaction, name, verdict)

    async def _handle_later(self, context: RequestContext, key: bytes, at: int, answer: Any) -> "Then":
        found = await self.handlers.wait(at, self.engine.waiting.patiently(answer))
        if found is None:
            return lambda transaction: self._handle(context, key, transaction, at + 1)
        if isinstance(found, (Reply, Relay)):
            return lambda transaction: self.engine.outcome.act(context, key, transaction, found)
        if found is not Broke:
            self.handlers.broke(at, TypeError(f"{found!r} is no answer"))
        name = self.handlers.names[at]
        return lambda transaction: self._refuse(context, key, transaction, name, Broke)


Then = Callable[[ServerTransaction | None], None]
"""What to do with the request's transaction once the answer is there."""
Later = Coroutine[Any, Any, Then]


@final
class Undecided:
    """The user of a transaction while a check or handler waits."""

    __slots__ = ("context", "engine", "transaction")

    def __init__(self, engine: "Engine", context: RequestContext, transaction: ServerTransaction) -> None:
        self.engine = engine
        self.context = context
        self.transaction = transaction

    def given_up(self) -> None:
        """The caller gave up: say so at once; what is decided later is not done."""
        self.transaction.abandoned = True
        self.engine.outcome.answer(self.context, self.transaction, 487)

    def timer(self, which: int) -> None:
        """It takes long: the caller need not repeat itself."""
        if self.transaction.user is self:
            self.transaction.respond(100, reply(self.context.request, 100))
