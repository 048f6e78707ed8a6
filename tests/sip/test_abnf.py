"""The small grammar: tokens, numbers, quoted strings, lists and parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip.abnf import SMALL, close_quote, is_token, letters, number, only, parameters, quote, split_list, unquote


@pytest.mark.parametrize("text", [b"a", b"INVITE", b"0", b"-.!%*_+`'~", b"z9hG4bK.x"])
def test_tokens(text: bytes) -> None:
    assert is_token(text)


@pytest.mark.parametrize("text", [b"", b"a b", b"a:b", b'"a"', b"\xc3\xa9", b"a\0", b"a\r", b"<a>", b"a;b", b"\xb2"])
def test_no_tokens(text: bytes) -> None:
    assert not is_token(text)


def test_only_is_true_of_nothing() -> None:
    assert only(b"", letters(b"ab"))
    assert only(b"abba", letters(b"ab"))
    assert not only(b"abc", letters(b"ab"))


@pytest.mark.parametrize(
    ("text", "most", "value"),
    [
        (b"0", 0, 0),
        (b"00017", 99, 17),
        (b"4294967295", 4294967295, 4294967295),
        (b"4294967296", 4294967295, -1),
        (b"9" * 20, 10**20, 10**20 - 1),
        (b"9" * 21, 10**30, -1),
        (b"9" * 60000, 10**30, -1),
        (b"", 9, -1),
        (b"-1", 9, -1),
        (b"+1", 9, -1),
        (b" 1", 9, -1),
        (b"1_0", 99, -1),
        (b"0x1", 99, -1),
        ("٣".encode(), 9, -1),
        (b"\xb2", 9, -1),
    ],
)
def test_numbers(text: bytes, most: int, value: int) -> None:
    assert number(text, most) == value


def test_the_small_numbers_are_the_ones_number_gives() -> None:
    assert len(SMALL) == 1000
    assert all(number(text, 999) == value for text, value in SMALL.items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'"a"', b"a"),
        (b'""', b""),
        (b'"', b'"'),
        (b"a", b"a"),
        (b'"a', b'"a'),
        (b'"a\\"b"', b'a"b'),
        (b'"a\\\\"', b"a\\"),
        (b'"a\\bc"', b"abc"),
    ],
)
def test_unquote(text: bytes, said: bytes) -> None:
    assert unquote(text) == said


@given(st.binary())
def test_what_is_quoted_says_the_same_and_closes_at_its_end(text: bytes) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert close_quote(quoted, 0) == len(quoted) - 1


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        (b'"a"', 0, 2),
        (b'x "a" "b"', 6, 8),
        (b'"a', 0, -1),
        (b'"', 0, -1),
        (b'"a\\"', 0, -1),
        (b'"a\\\\"', 0, 4),
        (b'"\\"\\""', 0, 5),
    ],
)
def test_close_quote(text: bytes, start: int, end: int) -> None:
    assert close_quote(text, start) == end


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (b"", [b""]),
        (b" a ", [b"a"]),
        (b"a, b\t,,c", [b"a", b"b", b"", b"c"]),
        (b'"a,b" , c', [b'"a,b"', b"c"]),
        (b"<a,b>, c", [b"<a,b>", b"c"]),
        (b'"x\\",y" <a,b>;p=1,c', [b'"x\\",y" <a,b>;p=1', b"c"]),
        (b'a, "b, c', [b"a", b'"b, c']),
        (b"a, <b, c", [b"a", b"<b, c"]),
        (b'<a">, b', [b'<a">', b"b"]),
    ],
)
def test_split_list(text: bytes, parts: list[bytes]) -> None:
    assert split_list(text) == parts


@given(st.text(alphabet='a,;<>"\\ ', max_size=40))
def test_the_parts_of_a_list_are_the_list(text: str) -> None:
    raw = text.encode()
    assert b",".join(split_list(raw)).replace(b" ", b"") == raw.replace(b" ", b"")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", {}),
        (b";;", {}),
        (b";lr;TAG=X; q = 0.5", {b"lr": b"", b"tag": b"X", b"q": b"0.5"}),
        (b';x="a;b"', {b"x": b'"a;b"'}),
        (b";a=b=c", {b"a": b"b=c"}),
        (b";a;A", None),
        (b";=b", None),
        (b";a b", None),
        (b";a@b=c", None),
    ],
)
def test_parameters(text: bytes, found: dict[bytes, bytes] | None) -> None:
    assert parameters(text) == found


@pytest.mark.parametrize("piece", [b";a", b'"', b",", b"<", b">", b'\\"', b'";"', b"<>,", b"\\", b";a=<"])
def test_a_long_text_of_one_piece_is_taken(piece: bytes) -> None:
    # Of 64 KiB none of these may be quadratic: a test run would notice minutes.
    text = b'"' + piece * (65536 // len(piece)) + b",x"
    for separator in (b",", b";"):
        split_list(text, separator)
    parameters(text[1:])
    close_quote(text, 0)
    unquote(text)
