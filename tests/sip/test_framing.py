"""Framing: however a stream is cut into chunks, the same messages come out, and what cannot be cut is said so."""

import itertools
import types
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip import framing
from twsip.sip.framing import MOST_BYTES, Framer, content_length


def message(body: bytes = b"", length: bytes | None = None, extra: bytes = b"") -> bytes:
    line = b"Content-Length: %d\r\n" % len(body) if length is None else length
    return b"MESSAGE sip:bob@example.org SIP/2.0\r\nCall-ID: 1\r\n" + extra + line + b"\r\n" + body


class Fed:
    """Everything a framer said about some chunks."""

    def __init__(self, *chunks: bytes) -> None:
        framer = Framer()
        self.messages: list[bytes] = []
        self.pings = 0
        for chunk in chunks:
            self.messages += framer.feed(chunk)
            self.pings += framer.pings
        self.broken = framer.broken
        self.waiting = framer.waiting


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("body", [b"", b"hello", b"\r\n\r\n", b"\r\n\r\nMESSAGE sip:a SIP/2.0\r\n\r\n", b"\0" * 999])
def test_a_message_comes_out_whole_bytewise_and_with_a_tail(body: bytes) -> None:
    one = message(body)
    assert Fed(one).messages == [one]
    assert Fed(*bytewise(one)).messages == [one]
    tailed = Fed(one + b"MESS")
    assert tailed.messages == [one]
    assert tailed.waiting
    assert not Fed(one).waiting


def test_many_messages_in_one_chunk_keep_their_order() -> None:
    many = [message(b"x" * size) for size in (0, 5, 700, 1)]
    assert Fed(b"".join(many)).messages == many
    assert Fed(b"\r\n".join(many)).messages == many


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 5\r\n",
        b"content-length:5\r\n",
        b"CONTENT-LENGTH \t:  5 \r\n",
        b"l: 5\r\n",
        b"L:5\r\n",
        b"l : 5\r\n",
        b"Content-Length:\r\n 5\r\n",
        b"Content-Length: \r\n\t \r\n 5\r\n",
        b"Content-Length: 00005\r\n",
        b"Content-Length: 5\r\nX-Last: 1\r\n",
        b"l" + b" " * 100 + b":" + b"\r\n " * 100 + b"5\r\n",
        b"lx: 1\r\n" * 99 + b"l:5\r\n",
        b"X: Content-Length: 6\r\nX-Content-Length: 7\r\nl: 5\r\n",
        b"Content-Lengthy: 9\r\nLanguage: l: 7\r\nX: 1\r\n Content-Length: 7\r\nl: 5\r\n",
    ],
)
def test_every_spelling_of_the_length_counts(line: bytes) -> None:
    one = message(b"hello", line)
    assert Fed(one, one).messages == [one, one]
    assert Fed(*bytewise(one)).messages == [one]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Content-Length:\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: 5\r\n 5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5,5\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length: 65537\r\n",
        b"Content-Length: 4294967296\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nl: 6\r\n",
        b"l: 5\r\nX: 1\r\nL : 5\r\n",
        b"Content-Length\r\n : 5\r\n",
        b"l" + b" " * 101 + b":5\r\n",
        b"l:" + b"\r\n " * 101 + b"5\r\n",
        b"lx: 1\r\n" * 100 + b"l:5\r\n",
    ],
)
def test_a_length_nobody_can_trust_breaks_the_stream_with_its_head_in_hand(line: bytes) -> None:
    good, bad = message(b"first"), message(b"", line)
    for fed in (Fed(good + bad + good), Fed(*bytewise(good + bad + good))):
        assert fed.messages == [good]
        assert fed.broken is not None
        assert fed.broken.data == bad
        assert not fed.waiting


def test_head_and_body_together_are_bounded() -> None:
    room = MOST_BYTES - len(message(b"", b"Content-Length: 65000\r\n"))
    fits = message(b"x" * 65000, None, b"X: " + b"y" * (room - 65000 - 5) + b"\r\n")
    assert len(fits) == MOST_BYTES
    assert Fed(fits).messages == [fits]
    over = Fed(message(b"x" * 65000, None, b"X: " + b"y" * (room - 65000 - 4) + b"\r\n"))
    assert over.messages == []
    assert over.broken is not None
    assert over.broken.data.endswith(b"\r\n\r\n")


def test_a_head_without_end_breaks_the_stream_and_leaves_nothing_behind() -> None:
    endless = [b"MESSAGE sip:a SIP/2.0\r\n"] + [b"X: y\r\n" * 100] * 120
    for fed in (Fed(*endless), Fed(b"".join(endless))):
        assert fed.broken is not None
        assert fed.broken.data == b""
        assert not fed.waiting


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"\0\x01\0\0", b" INVITE", b"(", b"\xff"])
def test_what_cannot_begin_a_message_breaks_the_stream_at_once(garbage: bytes) -> None:
    fed = Fed(b"\r\n" + garbage)
    assert fed.broken is not None
    assert fed.broken.data == b""


@pytest.mark.parametrize(
    ("stream", "pings"),
    [
        (b"\r\n", 0),
        (b"\r\n\r\n", 1),
        (b"\r\n\r\n\r\n", 1),
        (b"\r\n\r\n\r\n\r\n", 2),
        (b"\n\n\r\r", 0),
        (b"\n\r\n\r\n", 1),
        (b"\r\r\n\r\n", 1),
        (b"\r\n\r\r\n\r\n", 1),
        (b"\n" * 3000 + b"\r\n\r\n", 1),
        (b"\r\n" * 3001, 1500),
        (b"\r" + b"\r\n" * 3001, 1500),
        (b"\r\n" + message() + b"\r\n", 0),
        (b"\r\n\r\n" + message(b"\r\n\r\n") + b"\r\n\r\n", 2),
    ],
)
def test_only_two_line_ends_in_a_row_are_a_ping(stream: bytes, pings: int) -> None:
    assert Fed(stream).pings == pings
    assert Fed(*bytewise(stream)).pings == pings
    assert not Fed(stream).waiting


def test_nothing_is_heard_after_the_break() -> None:
    framer = Framer()
    assert framer.feed(b"\xff") == []
    assert framer.feed(message()) == []
    assert framer.feed(b"\r\n\r\n") == []
    assert framer.pings == 0


def test_a_length_is_no_header_in_the_first_line_nor_behind_a_bare_line_end() -> None:
    assert content_length(b"Content-Length: 5 SIP/2.0\r\nl: 6\r\n\r\n") == 6
    assert content_length(b"l: 5\r\nX: y\nl: 7\rContent-Length: 8\r\nl: 6\r\n\r\n") == 6


PARTS = st.sampled_from(
    [
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"\r\n" * 600,
        message(),
        message(b"hello"),
        message(b"\r\n\r\n"),
        message(b"12345", b"l:\r\n 5\r\n"),
        message(b"", b"l: x\r\n"),
        b"MESSAGE sip:",
        b"\xff",
    ]
)


@given(st.lists(PARTS, max_size=8), st.lists(st.integers(0, 1200), max_size=12))
def test_random_splits_equal_one_shot(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    edges = [0, *sorted(cuts), len(stream)]
    split = Fed(*[stream[start:end] for start, end in itertools.pairwise(edges)])
    whole = Fed(stream)
    assert split.messages == whole.messages
    assert split.waiting == whole.waiting
    assert repr(split.broken) == repr(whole.broken)
    assert split.pings == whole.pings


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    Fed(data)
    Fed(b"M" + data)
    Fed(message() + data)
    assert content_length(b"M\r\n" + data + b"\r\n\r\n") <= MOST_BYTES


def test_a_byte_at_a_time_costs_one_search_in_all() -> None:
    # The work is bounded by what is kept: the search never goes back more than a line end's length.
    framer = Framer()
    framer.feed(b"M" + b"x" * 60000)
    before = framer._searched
    framer.feed(b"y")
    assert framer._searched == before + 1


def test_a_chunk_that_is_one_message_is_passed_on_as_it_is() -> None:
    for one in (message(), message(b"hello" * 1000)):
        framer = Framer()
        assert framer.feed(one)[0] is one
        assert framer.feed(one)[0] is one


@pytest.mark.skipif(not isinstance(content_length, types.FunctionType), reason="compiled code is not looked into")
@pytest.mark.parametrize(
    "whole",
    [
        message(b"x" * 65000),
        message(b"", None, b"X: y\r\n" * 10000),
        message(b"x" * 30000, None, b"X: \r y\n\r\r\n" * 3000),
        b"".join(message(b"x" * size) for size in range(300)),
    ],
    ids=["long body", "many headers", "half line ends", "many messages"],
)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_every_byte_is_searched_once_and_copied_a_few_times_however_it_arrives(
    whole: bytes, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = {"searched": 0, "copied": 0}

    class Counting(bytearray):
        def __init__(self, data: bytes = b"") -> None:
            super().__init__(data)
            work["copied"] += len(data)

        def __iadd__(self, data: Any) -> Any:
            work["copied"] += len(data)
            return super().__iadd__(data)

        def __bytes__(self) -> bytes:
            work["copied"] += len(self)
            return bytes(memoryview(self))

        def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
            at = super().find(sub, start)
            work["searched"] += (at if at >= 0 else len(self)) - start + len(sub)
            return at

    monkeypatch.setattr(framing, "bytearray", Counting, raising=False)
    framer = Framer()
    messages = [one for at in range(0, len(whole), step) for one in framer.feed(whole[at : at + step])]
    assert b"".join(messages) == whole
    assert 0 < work["copied"] <= 5 * len(whole)
    # What a chunk could complete is looked at again: three bytes before it.
    assert work["searched"] <= (1 + 8 / step) * len(whole) + 5000
