"""What cannot be answered at once: coroutines under way, and steps put off to the end of the turn."""

from collections.abc import Awaitable, Callable, Coroutine
from traceback import format_exc
from typing import Any, Final, final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from ..api.events import CheckBroke, Teller

PATIENCE: Final = 20.0
"""Seconds a check or handler may take in all before the request gets 500."""


@final
class Waiting:
    """Runs coroutines, and lets what they cause leave when they are done."""

    def __init__(self, clock: IReactorTime, tell: Teller, flush: Callable[[], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._flush = flush
        self._under_way: set[Deferred[Any]] = set()
        self._later: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._under_way)

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run what has to wait."""
        waiting = Deferred.fromCoroutine(coroutine)
        if waiting.called:
            waiting.addErrback(self._lost)
            return
        self._under_way.add(waiting)

        def over(result: Any) -> None:
            self._under_way.discard(waiting)
            if result is not None:
                self._lost(result)
            self._flush()

        waiting.addBoth(over)

    def _lost(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self.told_broken("engine", failure.value)

    def patiently(self, answer: Awaitable[Any]) -> Awaitable[Any]:
        """The same answer, but no later than PATIENCE from now."""
        waiting: Deferred[Any] = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(_awaited(answer))
        return waiting.addTimeout(PATIENCE, self._clock)

    def later(self, action: Callable[[], None]) -> None:
        """Do this after the machine that asked has finished its step, still in this turn."""
        self._later.append(action)

    def catch_up(self) -> None:
        """Do what was put off, and what that puts off in turn."""
        while self._later:
            todo, self._later = self._later, []
            for action in todo:
                try:
                    action()
                except Exception as error:  # one mistake must not cost the whole turn its output
                    self.told_broken("engine", error)

    def told_broken(self, name: str, error: BaseException) -> None:
        """Somebody's code raised outside the pipelines."""
        self._tell(CheckBroke(check=name, error=f"{type(error).__name__}: {error}", trace=format_exc()))

    def stop(self) -> None:
        """Cancel everything that waits."""
        for waiting in list(self._under_way):
            waiting.cancel()


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer
