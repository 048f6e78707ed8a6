"""One timing wheel for all transactions, driven by one reactor call."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IReactorTime

TICK: Final = 0.01
_BITS: Final = tuple(1 << which for which in range(128))
"""One object for each timer's bit: a hundred thousand entries of the wheel share them."""


class Fires(Protocol):
    """Whatever a timer belongs to."""

    def timer(self, which: int) -> None:
        """That timer has run out."""


class Wheel:
    """Timers in slots of 10 ms: late by less than one slot, never early; starting and stopping cost one dict step each.

    `after` is called when a turn of timers is over, `broke` when an owner raises.  A slot is a dict from owner to the bits of
    its timers, so an owner that ended takes its timers along and leaves nothing behind.
    """

    def __init__(
        self, clock: IReactorTime, after: Callable[[], None], broke: Callable[[str, BaseException], None]
    ) -> None:
        self._clock = clock
        self._seconds = clock.seconds
        self._begun = clock.seconds()
        """Slots are counted from here on: small numbers are quicker than those since 1970."""
        self._after = after
        self._broke = broke
        self._slots: dict[int, dict[Fires, int]] = {}
        self._due: list[int] = []
        self._call: Any = None
        self._call_slot = 0

    def slot_in(self, delay: float) -> int:
        """The slot in which a timer of so many seconds runs out when it is started now."""
        return int((self._seconds() - self._begun + delay) / TICK + 0.999999)

    def start(self, owner: Fires, which: int, delay: float) -> int:
        """Let the owner's timer `which` run out in so many seconds; returns the slot, for `stop`."""
        slot = self.slot_in(delay)
        self.put(owner, which, slot)
        return slot

    def put(self, owner: Fires, which: int, slot: int) -> None:
        """Let the owner's timer `which` run out in this slot, or at once if it is past."""
        bit = _BITS[which]
        timers = self._slots.get(slot)
        if timers is None:
            self._slots[slot] = {owner: bit}
            heappush(self._due, slot)
            if self._call is None or slot < self._call_slot:
                self._arm()
        elif timers.setdefault(owner, bit) is not bit:
            timers[owner] |= bit

    def stop(self, owner: Fires, which: int, slot: int) -> None:
        """Forget that timer if it is still there."""
        timers = self._slots.get(slot)
        if timers is not None:
            left = timers.pop(owner, 0) & ~_BITS[which]
            if left:
                timers[owner] = left

    def __len__(self) -> int:
        return sum(bits.bit_count() for timers in self._slots.values() for bits in timers.values())

    def _arm(self) -> None:
        slot = self._due[0]
        delay = max(0.0, self._begun + slot * TICK - self._seconds())
        if self._call is not None and self._call.active():
            self._call.reset(delay)
        else:
            self._call = self._clock.callLater(delay, self._turn)
        self._call_slot = slot

    def _turn(self) -> None:
        self._call = None
        reached = int((self._seconds() - self._begun) / TICK + 0.000001)
        while self._due and self._due[0] <= reached:
            # The slot stays where `stop` finds it until it is empty: a timer may stop its neighbour.
            slot = heappop(self._due)
            timers = self._slots[slot]
            try:
                while timers:
                    owner, bits = timers.popitem()
                    which = bits.bit_length() - 1
                    if bits != _BITS[which]:
                        timers[owner] = bits ^ _BITS[which]
                    self._run(owner, which)
            finally:
                self._slots.pop(slot, None)
        if self._due and self._call is None:
            self._arm()
        self._after()

    def _run(self, owner: Fires, which: int) -> None:
        """One owner's mistake must not cost the others their timers."""
        try:
            owner.timer(which)
        except Exception as error:
            self._broke("timer", error)

    def close(self) -> None:
        """Forget everything."""
        self._slots.clear()
        self._due.clear()
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
