"""No packet is sent inside, to the cloud's keys, to everybody at once, or to ourselves."""

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import FakeDomains, make_context
from twsip.api import ConfigError, Destination, IDestinationCheck, Pass, Reply
from twsip.checks import NoPrivate

REFUSED = [
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "0.0.0.0",
    "::",
    "0.1.2.3",
    "::ffff:0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:a00:1::1",
    "fc00::1",
    "fdff::1",
    "fec0::1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "239.1.2.3",
    "255.255.255.255",
    "240.0.0.1",
    "ff02::1",
    "64:ff9b:1::a00:1",
    "2001:0:7f00:1::1",
    "127.1",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "localhost",
    "127.0.0.1.",
    "10.0.0.256",
    "[::1",
]
OPEN = [
    "192.0.2.9",
    "198.51.100.1",
    "8.8.8.8",
    "172.32.0.1",
    "11.0.0.1",
    "2001:db8::9",
    "2001:4860:4860::8888",
    "64:ff9b::8.8.8.8",
]


def status(check: NoPrivate, host: str, port: int = 5060, site: FakeDomains | None = None) -> int:
    verdict = check.allow(make_context(site=site), Destination("UDP", host, port))
    if isinstance(verdict, Pass):
        return 0
    assert isinstance(verdict, Reply)
    assert verdict.why
    return verdict.status


@pytest.mark.parametrize("host", REFUSED)
def test_refused(host: str) -> None:
    check = NoPrivate()
    verifyObject(IDestinationCheck, check)
    assert status(check, host) == 473
    assert status(check, host) == 473, "the kept answer is the same"


@pytest.mark.parametrize("host", OPEN)
def test_open(host: str) -> None:
    assert status(NoPrivate(), host) == 0
    assert status(NoPrivate(welcome="10.0.0.0/8"), host) == 0


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "2001:DB8:0::1", "::ffff:192.0.2.1"])
def test_we_do_not_send_to_ourselves(host: str) -> None:
    assert status(NoPrivate(), host) == 473
    assert status(NoPrivate(welcome="192.0.2.0/24 2001:db8::/32"), host) == 473
    assert status(NoPrivate(), host, 5999) == 0, "another program at our address"


def test_a_site_on_loopback_welcomes_loopback_but_not_itself() -> None:
    check = NoPrivate(welcome="127.0.0.0/8 ::1")
    site = FakeDomains(listening=("127.0.0.1", "[::1]"))
    assert status(check, "127.0.0.1", 5070, site) == 0
    assert status(check, "::1", 5070, site) == 0
    assert status(check, "::ffff:127.0.0.1", 5070, site) == 0
    assert status(check, "127.0.0.1", 5060, site) == 473
    assert status(check, "10.0.0.1", 5060, site) == 473
    assert status(check, "64:ff9b::127.0.0.1", 5070, site) == 473, "a translator is not our own machine"


def test_what_is_kept_is_bounded() -> None:
    check = NoPrivate()
    for number in range(5000):
        status(check, f"11.0.{number >> 8}.{number & 255}")
    assert len(check._kept) <= 4096


def test_a_wrong_welcome_is_named() -> None:
    with pytest.raises(ConfigError, match=r"NoPrivate\(welcome=\): 'home' is no address"):
        NoPrivate(welcome="home")
