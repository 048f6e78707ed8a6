"""URIs: what is one, what it means, which two are the same, and which text is an address."""

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twsip.sip import uri as uri_module
from twsip.sip.uri import KEPT, Uri, escapes_hold, is_ipv4, is_ipv6, parse_host_port, parse_uri, unescape


def uri(text: str) -> Uri:
    found = parse_uri(text.encode())
    assert found is not None, text
    return found


def test_every_part_of_a_uri() -> None:
    one = uri("SIPS:b%6Fb;x=%40:s%65cret@Example.ORG:5061;Transport=TCP;lr?Subject=a%20b&priority=urgent")
    assert (one.scheme, one.user, one.password, one.host, one.port) == ("sips", "bob;x=@", "secret", "example.org", 5061)
    assert one.params == {"transport": "TCP", "lr": ""}
    assert one.headers == "Subject=a%20b&priority=urgent"
    assert one.transport == "tcp"
    assert one.secure
    assert one.is_sip
    assert one.aor == "sip:bob;x=@@example.org"
    assert str(one) == one.text
    assert repr(one) == f"Uri({one.text!r})"


@pytest.mark.parametrize(
    ("text", "aor"),
    [
        ("sip:alice@example.org:5060;transport=udp", "sip:alice@example.org"),
        ("sips:alice@EXAMPLE.org", "sip:alice@example.org"),
        ("sip:%61lice@example.org", "sip:alice@example.org"),
        ("sip:Alice@example.org", "sip:Alice@example.org"),
        ("sip:alice:pw@example.org", "sip:alice@example.org"),
        ("sip:alice@example.org.", "sip:alice@example.org"),
        ("sip:alice%40evil.example@example.org", "sip:alice@evil.example@example.org"),
        ("sip:example.org;lr", "sip:example.org"),
        ("sip:%ff@example.org", "sip:\udcff@example.org"),
        ("tel:+1-201;phone-context=x", "tel:+1-201"),
        ("mailto:a@b", "mailto:a@b"),
    ],
)
def test_the_address_of_record(text: str, aor: str) -> None:
    one = uri(text)
    assert one.aor == aor
    assert one.aor == aor  # the second time it is remembered


@pytest.mark.parametrize(
    "text",
    [
        "sip:a@b", "sip:b", "sip:a;b?c@d", "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1@d", "sip:a:@b",
        "sip:a@[2001:db8::1]", "sip:[::]:1", "sip:a@b;x=[1]:2/3", "sip:b?a=", "sip:b?a=b&c=d", "sip:a%00b@c", "sip:b.",
        "sip:b:65535", "sip:a_b.c", "http://x/y?z", "soap.beep://192.0.2.103:3002", "urn:uuid:0", "sip:b;",
        "tel:911;phone-context=+1", "sip:b;" + "a" * 2000,
    ],
)  # fmt: skip
def test_these_are_uris(text: str) -> None:
    assert uri(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "sip", "sip:", "sip:@b", "sip::p@b", "1sip:a@b", "s(p:a@b", "sip:a@", "sip:a@b@", "sip:a b@c", "sip:a@b c",
        "sip:<a@b>", 'sip:"a"@b', "sip:a%4@b", "sip:a%@b", "sip:a%gg@b", "sip:a@b%", "sip:a@b:0", "sip:a@b:65536", "sip:a@b:",
        "sip:a@b:x", "sip:a@b:" + "0" * 30 + "1", "sip:a@[::1", "sip:a@[1.2.3.4]", "sip:a@[::1]5060", "sip:a@[::1]:",
        "sip:a@[::1]:0", "sip:a@1.2.3", "sip:a@256.1.1.1", "sip:a@1.2.3.4.", "sip:a@.b", "sip:a@b..c", "sip:a@" + "b" * 256,
        "sip:b;=x", "sip:b;x=", "sip:b;x;X", "sip:b;x;%58", "sip:b;x=\x01", "sip:b;;x", "sip:b?", "sip:b?a",
        "sip:b?a=b c", "sip:a\r\nb@c", "sip:a\x00@b", "sip:\xe9@b", "tel:x<y", "tel:one", "http:a b", "http:a\x7f",
        "http:<a>", 'http:"', "sip:" + "a" * 2045, "sip:a^@b", "sip:a:b^@c", "sip:^;x", "sip:b;^=1", "sip:b;x=^",
    ],
)  # fmt: skip
def test_these_are_not(text: str) -> None:
    assert parse_uri(text.encode()) is None


# RFC 3261 section 19.1.4, its own examples.
SAME = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("sip:a@b?Subject=x", "sip:a@b?subject=x"),
    ("sip:a@b", "SIP:a@b"),
    ("sip:a@b.", "sip:a@b"),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@b", "sips:a@b"),
    ("sip:a:p@b", "sip:a@b"),
    ("sip:a:p@b", "sip:a:P@b"),
    ("sip:a@b;user=phone", "sip:a@b"),
    ("sip:a@b;ttl=1", "sip:a@b"),
    ("sip:a@b;maddr=192.0.2.1", "sip:a@b"),
    ("sip:a@b;method=INVITE", "sip:a@b"),
    ("sip:a@b?Subject=x", "sip:a@b?Subject=y"),
    ("tel:+1", "tel:+2"),
    ("tel:+1", "sip:+1@b"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_are_the_same(one: str, other: str) -> None:
    assert uri(one) == uri(other)
    assert uri(other) == uri(one)
    assert hash(uri(one)) == hash(uri(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_these_are_different(one: str, other: str) -> None:
    assert uri(one) != uri(other)
    assert uri(other) != uri(one)


def test_a_uri_is_no_text() -> None:
    assert uri("sip:a@b") != "sip:a@b"


PARTS = st.sampled_from(
    ["sip:", "sips:", "tel:", "a", "A", "%61", "%40", ":", "@", "b", "b.", "[::1]", ";", "lr", "transport=tcp", "user=phone",
     "x=1", "X=1", "?", "s=1", "S=1", "&", "5060", "%", "=", "1.2.3.4"]
)  # fmt: skip
TEXTS = st.builds(lambda scheme, parts: scheme + "".join(parts), st.sampled_from(["sip:", "sips:", ""]), st.lists(PARTS, max_size=9))


@given(TEXTS, TEXTS)
def test_equality_is_symmetric_and_the_hash_follows(one: str, other: str) -> None:
    a, b = parse_uri(one.encode()), parse_uri(other.encode())
    assert (a == b) == (b == a)
    if a is not None and a == b:
        assert hash(a) == hash(b)


@given(st.one_of(TEXTS.map(str.encode), st.binary(), st.binary().map(lambda raw: b"sip:a@b;" + raw)))
def test_a_uri_prints_as_it_came_and_parses_again(raw: bytes) -> None:
    one = parse_uri(raw)
    if one is not None:
        assert one.text.encode() == raw
        again = parse_uri(one.text.encode())
        assert again == one
        assert one == one
        assert one.aor
        assert not set(raw) & set(b" \r\n\t<>\"\0")


@pytest.mark.parametrize(
    ("text", "said"),
    [("a", "a"), ("%41%62", "Ab"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%2541", "%41"), ("%c3%a9", "é"), ("%ff", "\udcff")],
)
def test_escapes_are_resolved_once(text: str, said: str) -> None:
    assert unescape(text) == said


def test_escapes_hold() -> None:
    assert escapes_hold(b"a%20%Ff")
    assert not escapes_hold(b"%2")
    assert not escapes_hold(b"a%20%x0")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"Example.ORG", ("example.org", 0)),
        (b"example.org:5060", ("example.org", 5060)),
        (b"example.org.", ("example.org", 0)),
        (b"Example.org.:5060", ("example.org", 5060)),
        (b".", None),
        (b"[2001:DB8::1]:5061", ("[2001:db8::1]", 5061)),
        (b"192.0.2.1", ("192.0.2.1", 0)),
        (b"", None),
        (b":5060", None),
    ],
)
def test_host_and_port(text: bytes, place: tuple[str, int] | None) -> None:
    assert parse_host_port(text) == place


def _says(kind: type, text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


GROUP = st.one_of(st.just(""), st.text(alphabet="0123456789abcdefABCDEFg.", max_size=5), st.sampled_from(["1.2.3.4", "0", "ffff"]))
MAYBE_IPV6 = st.one_of(
    st.lists(GROUP, min_size=1, max_size=10).map(":".join),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded),
    st.text(alphabet="0123:.", max_size=30),
)


@given(MAYBE_IPV6)
@example("::")
@example("1:2:3:4:5:6:7::")
@example("::2:3:4:5:6:7:8")
@example("1:2:3:4:5:6:7:8::")
@example("1::2::3")
@example("::1.2.3.4")
@example("1:2:3:4:5:6:1.2.3.4")
@example("1:2:3:4:5::1.2.3.4")
@example("1:2:3:4:5:6::1.2.3.4")
@example("1.2.3.4")
@example(":1.2.3.4")
@example("1:1.2.3.4")
@example("::1:")
@example(":1::")
@example("::01.2.3.4")
@example("::12345")
@example("0" * 50)
def test_is_ipv6_agrees_with_the_standard_library(text: str) -> None:
    assert is_ipv6(text.encode()) == _says(ipaddress.IPv6Address, text)


@given(st.one_of(st.ip_addresses(v=4).map(str), st.text(alphabet="0129.a", max_size=16)))
@example("256.1.1.1")
@example("01.1.1.1")
@example("1.1.1")
def test_is_ipv4_agrees_with_the_standard_library(text: str) -> None:
    assert is_ipv4(text.encode()) == _says(ipaddress.IPv4Address, text)


def test_what_is_kept_has_a_bound_and_long_ones_are_not_kept() -> None:
    for at in range(KEPT + 2):
        assert uri(f"sip:{at}@example.net").user == str(at)
    assert uri("sip:0@example.net") is uri("sip:0@example.net")
    long = "sip:" + "a" * 300 + "@b"
    assert uri(long) is not uri(long)


@pytest.mark.parametrize(
    "text",
    [
        "sip:192.0.2.1:5060;lr;m=00112233445566778899aabbccddeeff",
        "sip:alice@example.org;transport=tcp;m=00112233445566778899aabbccddeeff",
        "sip:alice;m=00112233445566778899aabbccddeeff@example.org",
        "sip:alice@example.org;M=00112233445566778899aabbccddeeff;m=00112233445566778899aabbccddeeff",
        "sip:alice@example.org?a=b;m=00112233445566778899aabbccddeeff",
        "sip:alice@example.org;m=0011223344556677%38899aabbccddeeff",
        "tel:+1;m=00112233445566778899aabbccddeeff",
        "sip:;m=00112233445566778899aabbccddeeff",
        "sip:a;b=c@h;;m=00112233445566778899aabbccddeeff",
        "sip:a@h;x;m=00112233445566778899aabbccddeeff;",
        "sip:[::1;m=00112233445566778899aabbccddeeff",
        "sip:a@b;m=" + "a" * 3000,
    ],
)
def test_a_long_last_parameter_is_read_as_any_other(text: str) -> None:
    expected = uri_module._parse(text.encode())
    for _ in range(2):  # the second time what stands before it is remembered
        found = parse_uri(text.encode())
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert (found.text, found.scheme, found.user, found.password, found.host, found.port, found.params, found.headers) == (
                expected.text, expected.scheme, expected.user, expected.password, expected.host, expected.port, expected.params, expected.headers
            )
