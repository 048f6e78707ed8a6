"""What a forwarded request says otherwise than it came: lines taken out, lines put in, lines that not everybody may see."""

from collections.abc import Callable
from typing import final


@final
class Edits:
    """The edits of one request; checks write them, forwarding carries them out.

    `taken` are places of header lines (Layout), in order and each once.  An ACK is forwarded without the lines put in.
    """

    __slots__ = ("_for_all", "_for_some", "taken")

    def __init__(self) -> None:
        self.taken: tuple[int, ...] = ()
        self._for_all: list[bytes] = []
        self._for_some: list[tuple[bytes, Callable[[str], bool]]] = []

    def take(self, places: tuple[int, ...]) -> None:
        """Take these lines out; one that is taken already stays so."""
        self.taken = tuple(sorted({*self.taken, *places}))

    def put(self, line: bytes, seen_by: Callable[[str], bool] | None = None) -> None:
        """Put one whole header line in, without its line end; with `seen_by` only for addresses it says yes to.

        Raises ValueError for what is not one line with a colon.
        """
        if b"\r" in line or b"\n" in line or line.find(b":") < 1:
            raise ValueError(f"{line!r} is no header line")
        if seen_by is None:
            self._for_all.append(line)
        else:
            self._for_some.append((line, seen_by))

    def lines_for(self, host: str) -> list[bytes]:
        """The lines to put into the copy for this address."""
        lines = list(self._for_all)
        for line, seen_by in self._for_some:
            if seen_by(host):
                lines.append(line)
        return lines

    def __repr__(self) -> str:
        return f"Edits(taken={self.taken!r}, put={len(self._for_all) + len(self._for_some)})"
