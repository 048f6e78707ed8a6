"""Final answers that wait for repeats of their requests (RFC 3261 section 17.2.2, timer J), in large pieces of memory.

A storm of registrations leaves a hundred thousand of them for half a minute.  Each as an object of its own they would lie between
what stays, and what they took would not go back to the system when they are gone.
"""

from mmap import mmap
from typing import Final, final

PIECE: Final = 1 << 20
"""Bytes of a piece.  No answer is longer: a message has 65,536 at most."""
SPARE: Final = 4
"""Empty pieces that are kept for the next ones: to get memory from the system costs more than to write into it."""
_SIZE_BITS: Final = 20
_PLACE_BITS: Final = 40
_LOW: Final = PIECE - 1


@final
class Shelf:
    """Keeps bytes under numbers.  A piece is let go, or used again, when the last of what lies in it was dropped."""

    __slots__ = ("_end", "_left", "_number", "_open", "_pieces", "_spare")

    def __init__(self) -> None:
        self._pieces: dict[int, mmap] = {}
        self._left: dict[int, int] = {}
        self._spare: list[mmap] = []
        self._number = 0
        self._open: mmap | None = None
        self._end = PIECE

    def __len__(self) -> int:
        """How many are kept."""
        return sum(self._left.values())

    @property
    def pieces(self) -> int:
        """How many pieces of memory are held, spare ones included."""
        return len(self._pieces) + len(self._spare)

    def put(self, data: bytes) -> int:
        """Keep this, 1 to 1,048,575 bytes; the number to ask for it, never 0.

        Raises ValueError for any other size, OSError when the system gives no memory; then nothing has changed.
        """
        size = len(data)
        if not 0 < size < PIECE:
            raise ValueError(f"{size} bytes cannot be kept")
        place = self._end
        end = place + size
        if end > PIECE:
            self._begin()
            place = 0
            end = size
        piece = self._open
        assert piece is not None
        piece[place:end] = data
        self._end = end
        number = self._number
        self._left[number] += 1
        return number << _PLACE_BITS | place << _SIZE_BITS | size

    def get(self, kept: int) -> bytes:
        """What was kept under this number and not dropped."""
        place = kept >> _SIZE_BITS & _LOW
        return self._pieces[kept >> _PLACE_BITS][place : place + (kept & _LOW)]

    def drop(self, kept: int) -> None:
        """Let it go; once for each number.  One from before the last `clear` is gone already."""
        number = kept >> _PLACE_BITS
        left = self._left.get(number, 0) - 1
        if left < 0:
            return
        self._left[number] = left
        if not left and number != self._number:
            self._release(number)

    def clear(self) -> None:
        """Let go of everything; no number from before can be asked for any more."""
        for piece in (*self._pieces.values(), *self._spare):
            piece.close()
        self._pieces.clear()
        self._left.clear()
        self._spare.clear()
        self._open = None
        self._end = PIECE

    def _begin(self) -> None:
        """A new piece; the one before is full."""
        before = self._number
        if self._left.get(before) == 0:
            # Then there is a spare one, and nothing can fail half done.
            self._release(before)
        piece = self._spare.pop() if self._spare else mmap(-1, PIECE)
        self._number = before + 1
        self._open = self._pieces[self._number] = piece
        self._left[self._number] = 0
        self._end = 0

    def _release(self, number: int) -> None:
        piece = self._pieces.pop(number)
        del self._left[number]
        if len(self._spare) < SPARE:
            self._spare.append(piece)
        else:
            piece.close()
