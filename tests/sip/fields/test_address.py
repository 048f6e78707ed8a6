"""name-addr and addr-spec: whom a header names, and where its own parameters begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip.fields.address import KEPT, MOST, Address, parse_address, parse_addresses


def address(value: bytes) -> Address:
    found = parse_address(value)
    assert found is not None, value
    return found


@pytest.mark.parametrize(
    ("value", "display", "uri", "params"),
    [
        (b"<sip:a@b>", b"", "sip:a@b", {}),
        (b"<sip:a@b>;tag=x", b"", "sip:a@b", {b"tag": b"x"}),
        (b"<sip:a@b> ;tag=x", b"", "sip:a@b", {b"tag": b"x"}),
        (b"<sip:a@b>;TAG=X", b"", "sip:a@b", {b"tag": b"X"}),
        (b"<sip:a@b;tag=in>;tag=out", b"", "sip:a@b;tag=in", {b"tag": b"out"}),
        (b"<sip:a@b;tag=in>", b"", "sip:a@b;tag=in", {}),
        (b'"A <sip:eve@b>;tag=e" <sip:a@b>;tag=x', b'"A <sip:eve@b>;tag=e"', "sip:a@b", {b"tag": b"x"}),
        (b'"A \\" <sip:eve@b>" <sip:a@b>', b'"A \\" <sip:eve@b>"', "sip:a@b", {}),
        (b'"A"\t<sip:a@b>', b'"A"', "sip:a@b", {}),
        (b"Alice from here <sip:a@b>", b"Alice from here", "sip:a@b", {}),
        (b"sip:a@b", b"", "sip:a@b", {}),
        (b"sip:a@b;tag=x", b"", "sip:a@b", {b"tag": b"x"}),
        (b"sip:a@b ;tag=x;lr", b"", "sip:a@b", {b"tag": b"x", b"lr": b""}),
        (b"<sip:a,b@c?s=1>;expires=5;q=0.5", b"", "sip:a,b@c?s=1", {b"expires": b"5", b"q": b"0.5"}),
        (b'<sip:a@b>;x="a;tag=e"', b"", "sip:a@b", {b"x": b'"a;tag=e"'}),
        (b"<sip:a@b>;x=1;tag=y", b"", "sip:a@b", {b"x": b"1", b"tag": b"y"}),
        (b"<tel:+1>", b"", "tel:+1", {}),
        (b"<sip:a@b>;", b"", "sip:a@b", {}),
        (b"<sip:a@b> \t", b"", "sip:a@b", {}),
    ],
)
def test_the_parts(value: bytes, display: bytes, uri: str, params: dict[bytes, bytes]) -> None:
    for _ in range(2):  # the second time it may be remembered
        one = address(value)
        tag = {b"tag": one.tag} if one.tag else {}
        assert (one.display, one.uri.text, {**one.params, **tag}) == (display, uri, params)
        assert b"tag" not in one.params
        assert one.aor == one.uri.aor


@pytest.mark.parametrize(
    "value",
    [
        b"", b"<", b"<>", b"<sip:a@b", b"sip:a@b>", b'"A <sip:a@b>', b'"A" sip:a@b', b'"A" x <sip:a@b>', b'A "B" <sip:a@b>',
        b"A, B <sip:a@b>", b"A;B <sip:a@b>", b"<sip:a@b>x", b"<sip:a@b>, <sip:c@d>", b"<sip:a@b>;tag=", b"<sip:a@b>;tag",
        b"<sip:a@b>;tag=a;tag=b", b"<sip:a@b>;tag=a;TAG=b", b"<sip:a@b>;x=1;tag=a b", b'<sip:a@b>;tag="a"', b"<sip:a@b>;tag=a@b",
        b"< sip:a@b>", b"<sip:a@b >", b"sip:a@b?s=1", b"sip:a,b@c", b"sip:a@b,sip:c@d", b"sip:a@b;tag=", b"sip:a@b;x;x", b"Alice",
        b"<sip:a@b>;a@b", b'"A"', b"*", b"<sip:a@b>;tag=\xff",
    ],
)  # fmt: skip
def test_these_are_none(value: bytes) -> None:
    for _ in range(2):
        assert parse_address(value) is None


@given(st.one_of(st.binary(), st.text(alphabet='<>";:@,=? \tsipabtg\\').map(str.encode)))
def test_never_raises_and_remembers_nothing_wrong(value: bytes) -> None:
    first, second = parse_address(value), parse_address(value)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert (first.display, first.uri, first.params) == (second.display, second.uri, second.params)
        assert first.uri.text.encode() in value


@given(st.sampled_from([b"<sip:a@b>", b'"A" <sip:a@b>']), st.binary(max_size=12))
def test_a_remembered_address_takes_a_tag_like_a_new_one(plain: bytes, tag: bytes) -> None:
    address(plain)
    known = parse_address(plain + b";tag=" + tag)
    fresh = parse_address(plain[:-1].replace(b"sip:", b"sip:x") + b">;tag=" + tag)
    assert (known is None) == (fresh is None)
    if known is not None and fresh is not None:
        assert known.params == fresh.params


def test_lists() -> None:
    found = parse_addresses([b'"A, B" <sip:a,c@b>;x="1,2", sip:c@d', b"<sip:e@f>"])
    assert found is not None
    assert [one.uri.text for one in found] == ["sip:a,c@b", "sip:c@d", "sip:e@f"]
    assert parse_addresses([]) == []


@pytest.mark.parametrize("values", [[b""], [b"<sip:a@b>,"], [b"<sip:a@b>", b"x"], [b"*"], [b"<sip:a@b>"] * (MOST + 1)])
def test_bad_lists(values: list[bytes]) -> None:
    assert parse_addresses(values) is None


def test_a_list_of_as_many_as_allowed() -> None:
    found = parse_addresses([b", ".join([b"<sip:a@b>"] * MOST)])
    assert found is not None
    assert len(found) == MOST


def test_what_is_kept_has_a_bound_and_long_ones_are_not_kept() -> None:
    for at in range(KEPT + 2):
        assert address(b"<sip:%d@example.net>" % at).uri.user == str(at)
    known = address(b"<sip:k@example.net>")
    assert address(b"<sip:k@example.net>") is known
    long = b"<sip:" + b"a" * 300 + b"@b>"
    assert address(long) is not address(long)
