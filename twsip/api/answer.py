"""What a handler returns: a Reply, a Relay, or None for "not mine"."""

from dataclasses import dataclass
from typing import final

from .facts import Target
from .verdict import Reply


@final
@dataclass(slots=True, unsafe_hash=True)
class Relay:
    """Forward the request to these targets: equal q in parallel, a lower q only when the higher ones failed.

    `handler` is the class that decided; destination checks may ask for it (`except_from`).
    """

    targets: tuple[Target, ...]
    handler: type[object] | None = None
    record_route: bool = True


Answer = Reply | Relay

__all__ = ["Answer", "Relay", "Reply", "Target"]
