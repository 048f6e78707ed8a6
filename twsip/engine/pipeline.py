"""The checks in their order: one verdict, and the facts that were learned on the way."""

from collections.abc import Awaitable, Callable, Sequence
from traceback import format_exc
from typing import Any, Final, final

from ..api.context import Arrival, RequestContext
from ..api.events import CheckBroke, Teller
from ..api.facts import Destination
from ..api.verdict import Drop, Pass, Reply, Verdict

PASS_TYPE: Final = Pass


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
class Broke(Exception):
    """Somebody's check or handler raised; the operator was told already."""


@final
class Pipeline:
    """One list of parts and how each is asked."""

    def __init__(self, parts: Sequence[Any], method: str, tell: Teller) -> None:
        self.names = tuple(name_of(part) for part in parts)
        self.asks: tuple[Callable[..., Any], ...] = tuple(getattr(part, method) for part in parts)
        self._tell = tell

    def ask(self, at: int, *args: object) -> Any:
        """Ask part number `at`; what it raises becomes Broke.

        This is the one place where somebody else's synchronous code runs, so it is the one place that catches all.
        """
        try:
            return self.asks[at](*args)
        except Exception as error:
            self.broke(at, error)
            raise Broke from None

    async def wait(self, at: int, answer: Awaitable[Any]) -> Any:
        """The same for an answer that comes later."""
        try:
            return await answer
        except Exception as error:
            self.broke(at, error)
            raise Broke from None

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
        for at, ask in enumerate(self.asks):
            try:
                verdict = ask(context, destination)
            except Exception as error:
                self.broke(at, error)
                return self.names[at], Reply(473, "Destination Filtered", why="a destination check broke")
            if type(verdict) is not PASS_TYPE:
                if not isinstance(verdict, Verdict):
                    verdict = Reply(473, "Destination Filtered", why="a destination check gave no verdict")
                return self.names[at], verdict
        return None
