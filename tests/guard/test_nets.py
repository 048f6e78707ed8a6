"""Sets of addresses: every spelling of an address gets the verdict of the binary address."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twsip.guard import nets
from twsip.guard.nets import (
    LINK_LOCAL,
    LOOPBACK,
    METADATA,
    PRIVATE,
    UNROUTABLE,
    Nets,
    canonical,
    inside,
    pack,
    pack_bytes,
)

# fmt: off
SPELLINGS = [
    # text                                          what it is     where it leads
    ("127.0.0.1",                                   True,          True),
    ("127.255.255.255",                             True,          True),
    ("128.0.0.1",                                   False,         False),
    ("::1",                                         True,          True),
    ("0:0:0:0:0:0:0:1",                             True,          True),
    ("0000:0000:0000:0000:0000:0000:0000:0001",     True,          True),
    ("[::1]",                                       True,          True),
    ("::2",                                         False,         False),
    ("::ffff:127.0.0.1",                            True,          True),
    ("::FFFF:7F00:1",                               True,          True),
    ("0:0:0:0:0:ffff:7f00:0001",                    True,          True),
    ("::ffff:0:127.0.0.1",                          False,         True),
    ("64:ff9b::127.0.0.1",                          False,         True),
    ("64:ff9b::7f00:1",                             False,         True),
    ("64:FF9B:0:0:0:0:7F00:0001",                   False,         True),
    ("64:ff9b::8.8.8.8",                            False,         False),
    ("2002:7f00:1::",                               False,         True),
    ("2002:7f00:0001:1234::5",                      False,         True),
    ("2002:808:808::1",                             False,         False),
    ("::127.0.0.1",                                 False,         True),
    ("::8.8.8.8",                                   False,         False),
    # not addresses at all: nothing may read them as one
    ("127.1",                                       False,         False),
    ("127.0.1",                                     False,         False),
    ("2130706433",                                  False,         False),
    ("0x7f.0.0.1",                                  False,         False),
    ("0x7f000001",                                  False,         False),
    ("0177.0.0.1",                                  False,         False),
    ("127.000.000.001",                             False,         False),
    ("017700000001",                                False,         False),
    ("127.0.0.1.",                                  False,         False),
    ("127.0.0.1 ",                                  False,         False),
    (" 127.0.0.1",                                  False,         False),
    ("127.0.0.1\n",                                 False,         False),
    ("127.0.0.1:5060",                              False,         False),
    ("127.0.0.256",                                 False,         False),
    ("127.0.0.1/8",                                 False,         False),
    ("١٢٧.0.0.1",                                   False,         False),
    ("１２７.0.0.1",                                False,         False),
    ("127。0。0。1",                                False,         False),
    (":::1",                                        False,         False),
    ("::1::",                                       False,         False),
    ("::ffff:127.1",                                False,         False),
    ("::ffff:0x7f.0.0.1",                           False,         False),
    ("1:2:3:4:5:6:7:8:9",                           False,         False),
    ("[::1",                                        False,         False),
    ("localhost",                                   False,         False),
    ("",                                            False,         False),
    ("1" * 100000,                                  False,         False),
]
# fmt: on


@pytest.mark.parametrize(("text", "is_it", "leads"), SPELLINGS)
def test_every_spelling_of_loopback(text: str, is_it: bool, leads: bool) -> None:
    assert (text in LOOPBACK) is is_it
    assert LOOPBACK.leads_to(text) is leads
    assert (text in LOOPBACK) is is_it, "the kept answer is the same"
    assert LOOPBACK.leads_to(text) is leads


@pytest.mark.parametrize(
    "text", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "gw.example.org", "", "127.0.0.1 ", "::1::", "[::1"]
)
def test_what_is_no_literal_packs_to_nothing(text: str) -> None:
    assert pack(text) == -1
    assert canonical(text) == ""


@pytest.mark.parametrize(
    ("nets_", "members"),
    [
        (PRIVATE, ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1", "fd12:3456::1"]),
        (PRIVATE, ["fec0::1", "64:ff9b:1::a00:1"]),
        (LINK_LOCAL, ["169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1"]),
        (METADATA, ["169.254.169.254", "100.100.100.200", "fd00:ec2::254"]),
        (UNROUTABLE, ["0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1"]),
        (UNROUTABLE, ["ff02::1", "2001:0:1::1", "::ffff:0.0.0.0"]),
    ],
)
def test_the_kinds_of_address(nets_: Nets, members: list[str]) -> None:
    for member in members:
        assert member in nets_, member
        assert "8.8.8.8" not in nets_
        assert "2001:4860:4860::8888" not in nets_


@pytest.mark.parametrize(
    "outside", ["172.15.255.255", "172.32.0.1", "192.167.255.255", "100.128.0.1", "9.255.255.255", "11.0.0.1"]
)
def test_next_to_a_private_net_is_not_in_it(outside: str) -> None:
    assert outside not in PRIVATE


def test_a_v6_prefix_never_holds_a_v4_address_and_the_other_way_round() -> None:
    assert "192.0.2.1" not in Nets("::/0")
    assert "2001:db8::1" in Nets("::/0")
    assert "2001:db8::1" not in Nets("0.0.0.0/0")
    assert "::ffff:192.0.2.1" in Nets("0.0.0.0/0")
    assert "192.0.2.1" in Nets("::ffff:192.0.2.0/120")


def test_a_source_behind_a_translator_is_not_the_address_inside_it() -> None:
    trusted = Nets("192.0.2.16/28")
    for forged in ("64:ff9b::192.0.2.17", "2002:c000:211::1", "::192.0.2.17"):
        assert forged not in trusted
        assert trusted.leads_to(forged)
    assert "::ffff:192.0.2.17" in trusted


def test_texts_may_hold_several_and_masks() -> None:
    some = Nets("192.0.2.16/28, 198.51.100.7", "2001:db8::/32 10.0.0.0/255.0.0.0")
    for member in ("192.0.2.16", "192.0.2.31", "198.51.100.7", "2001:db8:ffff::1", "10.255.0.1"):
        assert member in some, member
    for stranger in ("192.0.2.15", "192.0.2.32", "198.51.100.8", "2001:db9::1", "11.0.0.1"):
        assert stranger not in some, stranger
    assert some
    assert not Nets()
    assert "1.2.3.4" not in Nets("")


@pytest.mark.parametrize(
    "wrong", ["192.0.2.17/28", "gw.example.org", "10.0.0.0/33", "10.1", "::/129", "1.2.3.4/-1", "010.0.0.1"]
)
def test_a_wrong_net_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no address or prefix") as caught:
        Nets("10.0.0.1", wrong)
    assert f"'{wrong}'" in str(caught.value)
    assert ("beyond the prefix" in str(caught.value)) is (wrong == "192.0.2.17/28")


def test_packed_forms_agree() -> None:
    assert pack_bytes(b"\x7f\0\0\1") == pack("127.0.0.1") == pack("::ffff:127.0.0.1")
    assert pack_bytes(bytes(15) + b"\1") == pack("::1")
    assert pack_bytes(b"abc") == -1
    assert LOOPBACK.has(pack_bytes(b"\x7f\0\0\1"))
    assert not LOOPBACK.has(-1)


def test_canonical_is_one_spelling() -> None:
    assert canonical("2001:DB8:0:0::1") == "2001:db8::1"
    assert canonical("[2001:db8::1]") == "2001:db8::1"
    assert canonical("::ffff:192.0.2.1") == "192.0.2.1"
    assert canonical("fe80::1%eth0") == "fe80::1"


def test_inside_finds_nothing_in_ordinary_addresses() -> None:
    for plain in ("2001:db8::1", "::1", "::", "fe80::1", "192.0.2.1"):
        assert inside(pack(plain)) == -1


def test_what_is_kept_is_bounded() -> None:
    some = Nets("10.0.0.0/8")
    for number in range(2 * nets.KEPT + 10):
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        assert address in some
        assert some.leads_to(address)
    assert len(some.members) <= nets.KEPT
    assert len(some._leading) <= nets.KEPT
    assert len(nets._packed) <= nets.KEPT


def test_sets_are_values() -> None:
    assert Nets("10.0.0.1 10.0.0.2") == Nets("10.0.0.2", "10.0.0.1")
    assert hash(Nets("10.0.0.1")) == hash(Nets("10.0.0.1/32"))
    assert Nets("10.0.0.1") != Nets("10.0.0.2")
    assert repr(Nets("10.0.0.1,10.0.0.2")) == "Nets('10.0.0.1, 10.0.0.2')"


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_set_agrees_with_ipaddress(address: object, length: int) -> None:
    one = ip_address(str(address))
    assume(one.version == 4 or one.ipv4_mapped is None)
    net = ip_network((one, min(length, one.max_prefixlen)), strict=False)
    some = Nets(str(net))
    assert str(one) in some
    assert some.leads_to(str(one))
    above = int(net.broadcast_address) + 1
    if above < 2**net.max_prefixlen:
        assert str(type(one)(above)) not in some


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    assert isinstance(text in LOOPBACK, bool)
    assert isinstance(LOOPBACK.leads_to(text), bool)
