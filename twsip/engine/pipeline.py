"""The checks in their order: one verdict, and the facts that were learned on the way."""

from collections.abc import Awaitable, Callable, Sequence
from traceback import format_exc
from typing import Any, Final, final

from ..api.context import Arrival, RequestContext
from ..api.events import CheckBroke, Teller
from ..api.facts import Destination
from ..api.verdict import PASS, Drop, Pass, Reply, Verdict

PASS_TYPE: Final = Pass
_ALL_PASSED: Final[tuple[int, Any]] = (-1, PASS)
_NOBODY: Final[tuple[int, Any]] = (-1, None)


def name_of(part: object) -> str:
    """How events and `--order` call a check or handler: its `name`, or its class in kebab-case."""
    given = getattr(part, "name", None)
    if isinstance(given, str) and given:
        return given
    out = ""
    word = type(part).__name__
    for at, letter in enumerate(word):
        follows_lower = at > 0 and word[at - 1].islower()
        ends_capitals = 0 < at < len(word) - 1 and word[at + 1].islower() and word[at - 1].isupper()
        if letter.isupper() and (follows_lower or ends_capitals):
            out += "-"
        out += letter.lower()
    return out


@final
class Broke:
    """What stands for an answer when somebody's check or handler raised; the operator was told already."""


@final
class Pipeline:
    """One list of parts and how each is asked."""

    def __init__(self, parts: Sequence[Any], method: str, tell: Teller) -> None:
        self.names = tuple(name_of(part) for part in parts)
        self.asks: tuple[Callable[..., Any], ...] = tuple(getattr(part, method) for part in parts)
        self._tell = tell

    def check(self, context: RequestContext, at: int) -> tuple[int, Any]:
        """Ask the request checks from number `at` on: who did not pass and what came instead, or (-1, PASS).

        What came instead is a refusal, Broke, or something to wait for.  Facts and trace are written into the context.
        """
        # Who is asked is as many as have been asked before: nobody counts.
        trace = context.trace
        for ask in self.asks[at:] if at else self.asks:
            try:
                verdict = ask(context)
            except Exception as error:
                at = len(trace)
                self.broke(at, error)
                return at, Broke
            trace.append(verdict)
            if verdict is not PASS:
                if type(verdict) is not PASS_TYPE:
                    return len(trace) - 1, verdict
                facts = context.facts
                for fact in verdict.facts:
                    facts[type(fact)] = fact
        return _ALL_PASSED

    def handle(self, context: RequestContext, at: int) -> tuple[int, Any]:
        """Ask the handlers from number `at` on: who answered and what, (at, Broke), or (-1, None) when nobody did."""
        for ask in self.asks[at:] if at else self.asks:
            try:
                answer = ask(context)
            except Exception as error:
                self.broke(at, error)
                return at, Broke
            if answer is not None:
                return at, answer
            at += 1
        return _NOBODY

    async def wait(self, at: int, answer: Awaitable[Any]) -> Any:
        """What part number `at` answers in the end; Broke when it raises."""
        try:
            return await answer
        except Exception as error:
            self.broke(at, error)
            return Broke

    def broke(self, at: int, error: Exception) -> None:
        """Tell the operator, once, here."""
        self._tell(CheckBroke(check=self.names[at], error=f"{type(error).__name__}: {error}", trace=format_exc()))

    def admit(self, arrival: Arrival) -> Verdict | None:
        """The ingress checkpoint: None when all pass; a check that breaks drops."""
        for at, ask in enumerate(self.asks):
            try:
                verdict = ask(arrival)
            except Exception as error:
                self.broke(at, error)
                return Drop("an ingress check broke")
            if type(verdict) is not PASS_TYPE:
                return verdict if isinstance(verdict, Verdict) else Drop("an ingress check gave no verdict")
        return None

    def allow(self, context: RequestContext, destination: Destination) -> tuple[str, Verdict] | None:
        """The destination checkpoint: None when all pass, else who refused and how; a check that breaks refuses."""
        at = -1
        for ask in self.asks:
            at += 1
            try:
                verdict = ask(context, destination)
            except Exception as error:
                self.broke(at, error)
                return self.names[at], Reply(473, "Destination Filtered", why="a destination check broke")
            if verdict is not PASS and type(verdict) is not PASS_TYPE:
                if not isinstance(verdict, Verdict):
                    verdict = Reply(473, "Destination Filtered", why="a destination check gave no verdict")
                return self.names[at], verdict
        return None
