"""Known by the packet's source: refused before anything else, or vouched for."""

from pathlib import Path

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import FakeFlow, make_arrival, make_context
from twsip.api import ConfigError, Drop, IIngressCheck, IRequestCheck, Pass, TrustedPeer
from twsip.checks import Sources, Trusted


def test_listed_sources_get_silence() -> None:
    check = Sources(deny="198.51.100.0/24 2001:db8:bad::/48")
    verifyObject(IIngressCheck, check)
    for host in ("198.51.100.7", "::ffff:198.51.100.7", "2001:db8:bad::1"):
        assert isinstance(check.admit(make_arrival(flow=FakeFlow(host))), Drop), host
    for host in ("198.51.101.7", "2001:db8::1", "127.0.0.1", "10.0.0.1"):
        assert isinstance(check.admit(make_arrival(flow=FakeFlow(host))), Pass), host


def test_impossible_sources_get_silence_unasked() -> None:
    check = Sources()
    for host in ("0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"):
        assert isinstance(check.admit(make_arrival(flow=FakeFlow(host))), Drop), host
    assert isinstance(check.admit(make_arrival(flow=FakeFlow(port=0))), Drop)


def test_a_list_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.conf"
    path.write_text("# scanners\n198.51.100.7   # since May\n\n203.0.113.0/24, 192.0.2.128/25\n")
    check = Sources(deny=path)
    for host in ("198.51.100.7", "203.0.113.9", "192.0.2.200"):
        assert isinstance(check.admit(make_arrival(flow=FakeFlow(host))), Drop)
    assert isinstance(Sources(deny=str(path)).admit(make_arrival(flow=FakeFlow("203.0.113.9"))), Drop)


def test_a_list_is_not_read_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twsip.checks.lists.MOST_BYTES", 20)
    path = tmp_path / "bad.conf"
    path.write_text("198.51.100.7\n" * 2)
    with pytest.raises(ConfigError, match="over 20 bytes"):
        Sources(deny=path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        Sources(deny=path)


@pytest.mark.parametrize(
    ("deny", "culprit"),
    [
        ("10.0.0.0/33", "'10.0.0.0/33'"),
        ("/no/such/file", "/no/such/file"),
        (["gw.example"], "'gw.example'"),
        (7, "7"),
        ([7], "7"),
    ],
)
def test_a_wrong_list_is_named(deny: object, culprit: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Sources(deny=deny)  # type: ignore[arg-type]
    assert culprit in str(caught.value)


@pytest.mark.parametrize(
    ("transport", "trust_udp", "fact"),
    [
        ("UDP", False, None),
        ("UDP", True, TrustedPeer("gateways", spoofable=True)),
        ("TCP", False, TrustedPeer("gateways", spoofable=False)),
        ("TLS", False, TrustedPeer("gateways", spoofable=False)),
        ("TCP", True, TrustedPeer("gateways", spoofable=False)),
    ],
)
def test_an_address_is_worth_what_its_transport_proves(transport: str, trust_udp: bool, fact: object) -> None:
    check = Trusted("192.0.2.16/28", trust_udp=trust_udp, name="gateways")
    verifyObject(IRequestCheck, check)
    verdict = check.check(make_context(flow=FakeFlow("192.0.2.17", transport=transport)))
    assert isinstance(verdict, Pass)
    assert verdict.facts == (() if fact is None else (fact,))


@pytest.mark.parametrize("host", ["192.0.2.32", "64:ff9b::192.0.2.17", "2002:c000:211::1", "2001:db8::1"])
def test_a_stranger_is_not_refused_and_not_trusted(host: str) -> None:
    verdict = Trusted("192.0.2.16/28").check(make_context(flow=FakeFlow(host, transport="TCP")))
    assert isinstance(verdict, Pass)
    assert verdict.facts == ()


def test_trusting_nobody_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="no addresses"):
        Trusted("")
    with pytest.raises(ConfigError, match=r"gw\.example"):
        Trusted("gw.example.org")
