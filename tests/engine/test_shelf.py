"""What is kept is found again until it is dropped, and its memory goes when the last of it went."""

import mmap
from random import Random

import pytest

from twsip.engine.shelf import PIECE, SPARE, Shelf


def test_what_is_kept_is_found_until_it_is_dropped() -> None:
    dice = Random(17)
    shelf = Shelf()
    kept: dict[int, bytes] = {}
    for _ in range(20000):
        if kept and dice.random() < 0.4:
            number = dice.choice(list(kept)[:50])
            assert shelf.get(number) == kept.pop(number)
            shelf.drop(number)
        else:
            data = dice.randbytes(dice.choice([1, 300, 500, 65535]))
            number = shelf.put(data)
            assert number and number not in kept
            kept[number] = data
            if len(kept) > 400:
                for number in list(kept)[:200]:
                    assert shelf.get(number) == kept.pop(number)
                    shelf.drop(number)
        assert len(shelf) == len(kept)
    for number, data in kept.items():
        assert shelf.get(number) == data


def test_memory_goes_when_the_last_of_a_piece_went() -> None:
    shelf = Shelf()
    half = b"x" * (PIECE // 2)
    kept = [shelf.put(half) for _ in range(40)]
    assert shelf.pieces == 20
    for number in kept[::2]:
        shelf.drop(number)
    assert shelf.pieces == 20
    for number in kept[1::2]:
        shelf.drop(number)
    # The one that is open and the spare ones; they are used again before there are new ones.
    assert shelf.pieces == 1 + SPARE
    kept = [shelf.put(half) for _ in range(2 * SPARE)]
    assert shelf.pieces == SPARE
    assert all(shelf.get(number) == half for number in kept)


def test_a_piece_that_is_empty_before_it_is_full_is_used_on() -> None:
    shelf = Shelf()
    for _ in range(10 * PIECE // 1000):
        shelf.drop(shelf.put(b"y" * 1000))
    assert shelf.pieces <= 2
    assert len(shelf) == 0


def test_sizes_that_cannot_be() -> None:
    shelf = Shelf()
    for size in (0, PIECE):
        with pytest.raises(ValueError, match=f"{size} bytes"):
            shelf.put(b"z" * size)
    assert shelf.get(shelf.put(b"z" * (PIECE - 1))) == b"z" * (PIECE - 1)


def test_after_clearing_it_is_new() -> None:
    shelf = Shelf()
    for _ in range(5):
        shelf.put(b"x" * (PIECE // 2))
    shelf.clear()
    assert (len(shelf), shelf.pieces) == (0, 0)
    assert shelf.get(shelf.put(b"again")) == b"again"


def test_what_was_kept_before_clearing_may_be_dropped_after_it() -> None:
    shelf = Shelf()
    before = [shelf.put(b"x" * (PIECE // 2)) for _ in range(5)]
    shelf.clear()
    after = shelf.put(b"again")
    for number in before:
        shelf.drop(number)
    assert len(shelf) == 1
    assert shelf.get(after) == b"again"


def test_a_system_that_gives_no_memory_leaves_the_shelf_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    half = b"x" * (PIECE // 2 + 1)
    kept = [shelf.put(half)]

    def refuses(*words: int) -> mmap.mmap:
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patched:
        patched.setattr("twsip.engine.shelf.mmap", refuses)
        for _ in range(3):
            with pytest.raises(OSError, match="Cannot allocate"):
                shelf.put(half)
        # What still fits does.
        kept.append(shelf.put(b"small"))
    shelf.drop(kept.pop(0))
    kept.append(shelf.put(half))
    assert [shelf.get(number) for number in kept] == [b"small", half]
    assert len(shelf) == 2
