"""The location service in memory: gone with the process (RFC 3261 section 10; `IBindings`)."""

from collections.abc import Sequence
from typing import Final

from zope.interface import implementer

from ..api import BackendDown, Binding, IBindings
from .packed import expired, pack, unpack, unpack_all

MOST_AORS: Final = 1_000_000


@implementer(IBindings)
class MemoryBindings:
    """Bindings by address-of-record, about 400 bytes each; at most `most_aors` addresses, one more raises BackendDown.

    Expired bindings are never handed out; they leave memory when `sweep` comes by.
    """

    def __init__(self, *, most_aors: int = MOST_AORS) -> None:
        self.most_aors = most_aors
        self._packed: dict[str, str] = {}
        self._to_sweep: list[str] = []

    def get(self, aor: str, now: float) -> tuple[Binding, ...]:
        """The bindings that have not expired at `now`, in the order they were first made."""
        packed = self._packed.get(aor)
        return () if packed is None else unpack(packed, now)

    def apply(self, aor: str, bindings: tuple[Binding, ...], now: float) -> None:
        """Replace all bindings of the AOR; raises BackendDown, with nothing changed."""
        if not bindings:
            self._put(aor, None)
            return
        try:
            packed = pack(bindings)
        except (ValueError, OverflowError) as error:
            raise BackendDown(f"a binding cannot be kept: {error}") from error
        self._put(aor, packed)

    def commit(self) -> None:
        """Nothing to be made durable here."""

    def aors(self) -> Sequence[str]:
        """All addresses-of-record that have bindings, those that only expired ones not yet swept included."""
        return list(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def sweep(self, now: float, most: int) -> list[tuple[str, Binding]]:
        """Look at the next `most` addresses, take out what has expired at `now` and return it.

        Every address comes up once in a round.  What a store keeps elsewhere is written by the next commit.
        """
        waiting = self._to_sweep
        if not waiting:
            waiting = self._to_sweep = list(self._packed)
        next_ones = waiting[-most:] if most > 0 else []
        del waiting[len(waiting) - len(next_ones) :]
        gone: list[tuple[str, Binding]] = []
        for aor in expired(self._packed, next_ones, now):
            living: list[Binding] = []
            for binding in unpack_all(self._packed[aor]):
                if binding.expires > now:
                    living.append(binding)
                else:
                    gone.append((aor, binding))
            self._put(aor, pack(tuple(living)) if living else None)
        return gone

    def _put(self, aor: str, packed: str | None) -> None:
        if packed is None:
            self._packed.pop(aor, None)
        elif aor in self._packed or len(self._packed) < self.most_aors:
            self._packed[aor] = packed
        else:
            raise BackendDown(f"the location service is full: {self.most_aors} addresses-of-record have bindings")
