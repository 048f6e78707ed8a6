from collections.abc import Callable
from typing import Any

class Batch:
    def __init__(self, size: int, longest: int) -> None: ...
    def receive(
        self,
        fileno: int,
        flows: dict[bytes, Any],
        meet: Callable[[bytes], Any],
        kind: type,
        at: float,
        into: list[Any],
    ) -> int: ...
    def send(self, fileno: int, queue: list[tuple[bytes, Any]], start: int) -> int: ...
