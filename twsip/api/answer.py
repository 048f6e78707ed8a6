"""What a handler returns: a Reply, a Relay, or None for "not mine"."""

from collections.abc import Sequence
from typing import final

from .facts import Target
from .verdict import Reply


@final
class Relay:
    """Forward the request to these targets: equal q in parallel, a lower q only when the higher ones failed.

    `handler` is the class that decided; destination checks may ask for it (`except_from`).
    """

    __slots__ = ("handler", "record_route", "targets")

    def __init__(
        self, targets: Sequence[Target], handler: type[object] | None = None, record_route: bool = True
    ) -> None:
        self.targets: tuple[Target, ...] = tuple(targets)
        self.handler = handler
        self.record_route = record_route

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Relay):
            return NotImplemented
        return (self.targets, self.handler, self.record_route) == (other.targets, other.handler, other.record_route)

    def __hash__(self) -> int:
        return hash((self.targets, self.handler, self.record_route))

    def __repr__(self) -> str:
        return f"Relay({self.targets!r}, {self.handler!r}, record_route={self.record_route})"


Answer = Reply | Relay

__all__ = ["Answer", "Relay", "Reply", "Target"]
