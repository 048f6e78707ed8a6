"""One turn: a batch of input, then what must be durable, then all output at once (house rule: nothing answers before it is kept)."""

import traceback
from collections.abc import Callable
from typing import Protocol, final

from ..api.context import Arrival, Flow
from ..api.events import CheckBroke, LimitReached, Teller


class Receiver(Protocol):
    """Whoever takes what arrives: the engine.  Nothing here may raise; if something does, it costs that one call only."""

    def received(self, arrival: Arrival) -> None:
        """One whole message."""

    def turn_ends(self) -> None:
        """All of a batch was received: keep what must be kept.  If this raises, the batch's output is never sent."""

    def flow_broke(self, flow: Flow, why: str, quoted: bytes = b"") -> None:
        """The flow is gone, or could not be opened; what was queued on it may not have arrived.

        With a quote only the message that begins so is lost, if it was ours at all: anybody can send such news.
        """


class Outlet(Protocol):
    """A queue that waits for the end of the turn."""

    def flush(self) -> None:
        """Send what is queued."""

    def drop(self) -> None:
        """Forget what is queued."""


@final
class Turns:
    """Runs turns.  An outlet puts itself into `pending` when its queue gets its first entry."""

    __slots__ = ("inside", "pending", "receiver", "tell")

    def __init__(self, receiver: Receiver, tell: Teller) -> None:
        self.receiver = receiver
        self.tell = tell
        self.pending: list[Outlet] = []
        self.inside = False
        """Whether a batch is being received: its end will flush, nothing before."""

    def end(self) -> None:
        """End a turn: `turn_ends`, then all output.  Within a batch it does nothing."""
        if self.inside:
            return
        self.inside = True
        try:
            self.receiver.turn_ends()
        except Exception as error:  # the receiver promised not to; what it could not keep must not be answered
            pending, self.pending = self.pending, []
            for outlet in pending:
                outlet.drop()
            self.broke("turn_ends", error)
        else:
            pending, self.pending = self.pending, []
            for outlet in pending:
                outlet.flush()
        finally:
            self.inside = False

    def flow_broke(self, flow: Flow, why: str, quoted: bytes = b"") -> None:
        """Tell the receiver, in a turn of its own if none is under way."""
        nested = self.inside
        self.inside = True
        try:
            self.receiver.flow_broke(flow, why, quoted)
        except Exception as error:
            self.broke("flow_broke", error)
        finally:
            self.inside = nested
        self.end()

    def broke(self, where: str, error: Exception) -> None:
        """Say that the receiver raised though it promised not to."""
        self.tell(CheckBroke(f"engine {where}", repr(error), traceback.format_exc()))


@final
class Bound:
    """A stated bound whose meeting is told at most once a second."""

    __slots__ = ("_event", "_now", "_tell", "_told")

    def __init__(self, what: str, bound: int, action: str, tell: Teller, now: Callable[[], float]) -> None:
        self._event = LimitReached(what, bound, action)
        self._tell = tell
        self._now = now
        self._told = float("-inf")

    def met(self) -> None:
        """The bound was met just now."""
        now = self._now()
        if not 0 <= now - self._told < 1.0:
            self._told = now
            self._tell(self._event)
