"""Counts what happened, by kind of event and by the few labels that an attacker cannot choose."""

from collections.abc import Callable
from typing import Any, Final

from zope.interface import classImplements

from ..api import IEventReader

MOST_KEYS: Final = 2000
MOST_COMBINATIONS: Final = 500
"""Of a kind and its labels' values; each makes at most four keys."""

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


class Counters:
    """How often each kind of event was told since the start.

    A key is the kind, or kind.label=value; there are at most `MOST_KEYS`, what comes later is counted under the kind and
    as "other".
    """

    def __init__(self) -> None:
        self._labels: dict[type[Any], Callable[[Any], Any]] = {}
        # By kind and the labels' values: put into words when somebody asks, which is seldom.
        self._counts: dict[tuple[Any, ...], int] = {}
        self._others: dict[type[Any], int] = {}

    def told(self, event: Any) -> None:
        """Count one event."""
        kind = type(event)
        labels = self._labels.get(kind)
        if labels is None:
            labels = self._labels[kind] = _reader(LABELS.get(kind.__name__, ()))
        key = (kind, labels(event))
        counts = self._counts
        known = counts.get(key)
        if known is not None:
            counts[key] = known + 1
        elif len(counts) < MOST_COMBINATIONS:
            counts[key] = 1
        else:
            self._others[kind] = self._others.get(kind, 0) + 1

    def counts(self) -> dict[str, int]:
        """All counts in words, sorted by key."""
        found: dict[str, int] = {}
        for (kind, values), count in self._counts.items():
            name = kind.__name__
            labels = LABELS.get(name, ())
            keys = [name, *(f"{name}.{label}={value}" for label, value in zip(labels, values, strict=True))]
            for key in keys:
                found[key] = found.get(key, 0) + count
        for kind, count in self._others.items():
            for key in (kind.__name__, "other"):
                found[key] = found.get(key, 0) + count
        return dict(sorted(found.items()))


def _reader(labels: tuple[str, ...]) -> Callable[[Any], Any]:
    """What takes the values of these fields from an event, always as a tuple."""
    if not labels:
        return lambda event: ()
    if len(labels) == 1:
        label = labels[0]
        return lambda event: (getattr(event, label, ""),)
    return lambda event: tuple([getattr(event, label, "") for label in labels])


classImplements(Counters, IEventReader)
