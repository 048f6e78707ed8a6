"""What a handler returns: a Reply, a Relay, or None for "not mine"."""

from collections.abc import Sequence
from typing import final

from .facts import Target
from .verdict import Reply


@final
class Relay:
    """Forward the request to these targets: equal q in parallel, a lower q only when the higher ones failed.

    `handler` is the class that decided; destination checks may ask for it (`except_from`).  `block401407` keeps every
    challenge of the targets from the caller, who gets 502 instead; one that asks for a realm of ours is always kept back.
    """

    __slots__ = ("block401407", "handler", "record_route", "targets")

    def __init__(
        self,
        targets: Sequence[Target],
        handler: type[object] | None = None,
        record_route: bool = True,
        block401407: bool = False,
    ) -> None:
        self.targets: tuple[Target, ...] = tuple(targets)
        self.handler = handler
        self.record_route = record_route
        self.block401407 = block401407

    def _fields(self) -> tuple[tuple[Target, ...], type[object] | None, bool, bool]:
        return self.targets, self.handler, self.record_route, self.block401407

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Relay) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"Relay({self.targets!r}, {self.handler!r}, record_route={self.record_route})"


Answer = Reply | Relay

__all__ = ["Answer", "Relay", "Reply", "Target"]
