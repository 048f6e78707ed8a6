"""Via: what is read from it, and what we write into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip.fields import via as vias
from twsip.sip.fields.via import KEPT, Source, Via, parse_via, stamped


def via(value: bytes) -> Via:
    found = parse_via(value)
    assert found is not None, value
    return found


def test_the_usual_one() -> None:
    one = via(b"SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa1")
    assert (one.transport, one.sent_by, one.host, one.port) == ("UDP", b"192.0.2.9:5070", "192.0.2.9", 5070)
    assert (one.branch, one.rport, one.received, one.tail) == (b"z9hG4bKa1", -1, b"", b";branch=z9hG4bKa1")
    assert one.is_modern


@pytest.mark.parametrize(
    ("value", "rport", "received", "branch", "tail"),
    [
        (b"SIP/2.0/TCP h;branch=z9hG4bKx;rport", 0, b"", b"z9hG4bKx", b";branch=z9hG4bKx"),
        (b"SIP/2.0/TCP h;rport;branch=z9hG4bKx", 0, b"", b"z9hG4bKx", b";branch=z9hG4bKx"),
        (b"SIP/2.0/TCP h;branch=z9hG4bKx;rport=5061", 5061, b"", b"z9hG4bKx", b";branch=z9hG4bKx"),
        (b"SIP/2.0/TCP h;RPORT=;Branch=x;Received=1.2.3.4", 0, b"1.2.3.4", b"x", b";Branch=x"),
        (b"SIP/2.0/TCP h;branch=x;received=2001:db8::1;alias", -1, b"2001:db8::1", b"x", b";branch=x;alias"),
        (b"SIP/2.0/TCP h;ttl=1;branch=x;;maddr=1.2.3.4", -1, b"", b"x", b";ttl=1;branch=x;maddr=1.2.3.4"),
        (b"SIP/2.0/TCP h", -1, b"", b"", b""),
        (b"SIP/2.0/TCP h;", -1, b"", b"", b""),
        (b"SIP/2.0/TCP h;branch=", -1, b"", b"", b";branch="),
        (b"SIP/2.0/TCP h ; branch = x ; rport", 0, b"", b"x", b";branch=x"),
        (b'SIP/2.0/TCP h;hidden="a;b";branch=x', -1, b"", b"x", b';hidden="a;b";branch=x'),
        (b'SIP/2.0/TCP h;x=";branch=evil;received=1;"', -1, b"", b"", b';x=";branch=evil;received=1;"'),
        (b"SIP/2.0/TCP h;lr\t;branch=x", -1, b"", b"x", b";lr;branch=x"),
    ],
)
def test_parameters(value: bytes, rport: int, received: bytes, branch: bytes, tail: bytes) -> None:
    one = via(value)
    assert (one.rport, one.received, one.branch, one.tail) == (rport, received, branch, tail)


@pytest.mark.parametrize(
    ("head", "transport", "sent_by", "port"),
    [
        (b"SIP / 2.0 / udp h : 5060 ", "UDP", b"h:5060", 5060),
        (b"sip/2.0/TLS-SCTP h", "TLS-SCTP", b"h", 0),
        (b"SIP/2.0/UDP\th\t:\t5060", "UDP", b"h:5060", 5060),
        (b"SIP/2.0/UDP   h", "UDP", b"h", 0),
        (b"SIP/2.0/TLS [2001:DB8::1]:5061", "TLS", b"[2001:DB8::1]:5061", 5061),
        (b"SIP/2.0/TLS [2001:DB8::1] : 5061", "TLS", b"[2001:DB8::1]:5061", 5061),
    ],
)
def test_white_space_and_case(head: bytes, transport: str, sent_by: bytes, port: int) -> None:
    one = via(head + b";branch=x")
    assert (one.transport, one.sent_by, one.port) == (transport, sent_by, port)


@pytest.mark.parametrize(
    "value",
    [
        b"", b";", b"SIP", b"SIP/2.0", b"SIP/2.0/UDP", b"SIP/2.0/UDP ", b"SIP/2.0/ h", b"SIP/3.0/UDP h", b"HTTP/2.0/UDP h",
        b"SIP/2.0/U@P h", b"SIP/2.0/UDP h:0", b"SIP/2.0/UDP h:70000", b"SIP/2.0/UDP h:", b"SIP/2.0/UDP [::1", b"SIP/2.0/UDP a..b",
        b"SIP/2.0/UDP 192.0.2.1 23", b"SIP/2.0/UDP h o:1", b"SIP/2.0/UDP [2001: db8::1]", b"SIP/2.0/UDP h:50 60",
        b"SIP/2.0/UDP h;branch=a;branch=b", b"SIP/2.0/UDP h;branch=a;Branch=b", b"SIP/2.0/UDP h;rport;rport",
        b"SIP/2.0/UDP h;rport;rport=1", b"SIP/2.0/UDP h;rport=x", b"SIP/2.0/UDP h;rport=65536", b"SIP/2.0/UDP h;rport=" + b"9" * 999,
        b"SIP/2.0/UDP h;received=a;received=b", b"SIP/2.0/UDP h;a@b", b"SIP/2.0/UDP h;=x", b"SIP/2.0/UDP h;branch=a,b",
        b"SIP/2.0/UDP h;branch=" + b"a" * 513, b'SIP/2.0/UDP h;branch="a"', b"SIP/2.0/UDP h; x; x", b"SIP/2.0/UDP h;branch=a\0",
        b"SIP/2.0/UDP h\xff",
    ],
)  # fmt: skip
def test_these_are_none(value: bytes) -> None:
    assert parse_via(value) is None


@pytest.mark.parametrize(
    ("branch", "modern"), [(b"z9hG4bK", False), (b"z9hG4bKa", True), (b"Z9HG4BKa", False), (b"1", False)]
)
def test_the_cookie(branch: bytes, modern: bool) -> None:
    assert via(b"SIP/2.0/UDP h;branch=" + branch).is_modern is modern


@pytest.mark.parametrize(
    ("value", "host", "line"),
    [
        # RFC 3581 section 4: both are written when rport was asked for, even when the address is the same.
        (b"UDP 192.0.2.9;branch=x;rport", b"192.0.2.9", b"UDP 192.0.2.9;branch=x;received=192.0.2.9;rport=6000"),
        (b"UDP 192.0.2.9;branch=x;rport=1;received=1.1.1.1", b"192.0.2.9", b"UDP 192.0.2.9;branch=x;received=192.0.2.9;rport=6000"),
        (b"UDP 192.0.2.9;branch=x", b"192.0.2.9", b"UDP 192.0.2.9;branch=x"),
        (b"UDP 192.0.2.9;branch=x", b"203.0.113.7", b"UDP 192.0.2.9;branch=x;received=203.0.113.7"),
        (b"UDP 192.0.2.9;branch=x;received=198.51.100.1", b"192.0.2.9", b"UDP 192.0.2.9;branch=x"),
        (b"TCP phone.example.org;branch=x;alias", b"2001:db8::9", b"TCP phone.example.org;branch=x;alias;received=2001:db8::9"),
        (b"TCP [2001:db8::9]:5060;branch=x", b"2001:db8::9", b"TCP [2001:db8::9]:5060;branch=x"),
    ],
)
def test_where_it_really_came_from(value: bytes, host: bytes, line: bytes) -> None:
    assert stamped(via(b"SIP/2.0/" + value), Source(host.decode(), 6000)) == b"SIP/2.0/" + line


@given(st.one_of(st.binary(), st.binary().map(lambda tail: b"SIP/2.0/UDP h;" + tail), st.text(alphabet='SIP/2.0 UDPh:;=,"\t[]').map(str.encode)))
def test_what_is_stamped_parses_again(value: bytes) -> None:
    one = parse_via(value)
    if one is not None:
        again = via(stamped(one, Source("203.0.113.7", 6000)))
        assert (again.branch, again.sent_by, again.tail) == (one.branch, one.sent_by, one.tail)
        assert again.host == one.host


def test_many_small_parameters_are_taken() -> None:
    # 64 KiB of them, as a folded line could bring: not quadratic, or a test run would notice.
    assert via(b"SIP/2.0/UDP h;branch=x" + b";a" * 32768).branch == b"x"


def test_what_is_kept_has_a_bound_and_long_ones_are_not_kept() -> None:
    for at in range(KEPT + 2):
        assert via(b"SIP/2.0/UDP h%d;branch=x" % at).host == f"h{at}"
    assert via(b"SIP/2.0/UDP " + b"h" * 200).host == "h" * 200


@pytest.mark.parametrize(
    "rest",
    [b"alias", b"rport=5060;received=192.0.2.1", b"received=2001:db8::1;x=y;rport", b"ttl=1;TTL=2", b"RPORT;Received=h", b"x=" + b"y" * 200],
)
def test_what_stands_behind_a_branch_is_read_the_same_each_time(rest: bytes) -> None:
    for branch in (b"z9hG4bKa", b"z9hG4bKb.c", b"z9hG4bKd"):
        one, other = via(b"SIP/2.0/UDP h;branch=" + branch + b";" + rest), via(b"SIP/2.0/UDP h;" + rest + b";branch=" + branch)
        assert (one.rport, one.received, one.branch) == (other.rport, other.received, branch)
        assert other.tail == one.tail[len(b";branch=" + branch) :] + b";branch=" + branch


@pytest.mark.parametrize("rest", [b"branch=y", b"Branch=y", b"rport;rport", b"rport=70000", b"@", b'"=x'])
def test_what_may_not_stand_behind_a_branch_is_refused_each_time(rest: bytes) -> None:
    for branch in (b"a", b"b"):
        assert parse_via(b"SIP/2.0/UDP h;branch=" + branch + b";" + rest) is None
    assert rest not in vias._rests


def test_what_is_kept_of_what_stands_behind_a_branch_has_a_bound() -> None:
    for at in range(KEPT + 2):
        assert via(b"SIP/2.0/UDP h;branch=x;rport=%d" % at).rport == at
    assert len(vias._rests) <= KEPT
    assert via(b"SIP/2.0/UDP h;branch=x;rport").rport == 0
    assert via(b"SIP/2.0/UDP h;branch=x").rport == -1
