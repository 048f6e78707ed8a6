"""Counts what happened, by kind of event and by the few labels that an attacker cannot choose."""

from typing import Any, Final

from zope.interface import implementer

from ..api import IEventReader

MOST_KEYS: Final = 500

# Only fields whose values the house itself chooses: a label that the wire could choose would grow without bound.
LABELS: Final[dict[str, tuple[str, ...]]] = {
    "MalformedPacket": ("transport", "status"),
    "Refused": ("check", "verdict", "status"),
    "AuthFailed": ("cause",),
    "CheckBroke": ("check",),
    "BackendFailed": ("backend",),
    "BackendRecovered": ("backend",),
    "Registered": ("kind",),
    "DestinationFailed": ("transport",),
    "ConnectionClosed": ("transport",),
    "LimitReached": ("what",),
}


@implementer(IEventReader)
class Counters:
    """How often each kind of event was told since the start.

    A key is the kind, or kind.label=value; there are at most `MOST_KEYS`, what comes later is counted as "other".
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def told(self, event: Any) -> None:
        """Count one event."""
        kind = type(event).__name__
        self._count(kind)
        for label in LABELS.get(kind, ()):
            self._count(f"{kind}.{label}={getattr(event, label, '')}")

    def _count(self, key: str) -> None:
        counts = self._counts
        if key not in counts and len(counts) >= MOST_KEYS:
            key = "other"
        counts[key] = counts.get(key, 0) + 1

    def counts(self) -> dict[str, int]:
        """A copy, sorted by key."""
        return dict(sorted(self._counts.items()))
