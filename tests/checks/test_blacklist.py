"""A protected address is not reached through anybody's DNS, whatever the spelling, unless the right handler chose it."""

from pathlib import Path

import pytest
from zope.interface.verify import verifyObject

from tests.guard.test_blacklist import DECK_GW, DECK_TEST1, DECK_TLS
from tests.helpers import make_context, make_request
from twsip.api import ConfigError, Destination, IDestinationCheck, Pass, Relay, Reply
from twsip.checks import Blacklist
from twsip.guard.blacklist import parse_definition
from twsip.guard.nets import KEPT, Nets
from twsip.sip.fields.via import Source


class Gateway:
    """A handler that may."""


class OwnGateway(Gateway):
    """One made from it."""


class Proxy:
    """A handler that may not."""


def allowed(
    check: Blacklist, host: str, port: int = 5060, transport: str = "UDP", *facts: object, **words: object
) -> bool:
    verdict = check.allow(make_context(make_request(**words), *facts), Destination(transport, host, port))  # type: ignore[arg-type]
    if isinstance(verdict, Pass):
        return True
    assert isinstance(verdict, Reply)
    assert (verdict.status, verdict.reason) == (473, "Destination Filtered")
    return False


@pytest.mark.parametrize("what", ["192.0.2.16/28", Nets("192.0.2.16/28"), ["192.0.2.16/29", "192.0.2.24/29"]])
def test_a_set_of_addresses_is_refused_for_all(what: object) -> None:
    check = Blacklist("gateways", what)  # type: ignore[arg-type]
    verifyObject(IDestinationCheck, check)
    for host in (
        "192.0.2.16",
        "192.0.2.31",
        "::ffff:192.0.2.17",
        "64:ff9b::192.0.2.17",
        "2002:c000:211::1",
        "::192.0.2.17",
    ):
        for transport in ("UDP", "TCP", "TLS"):
            assert not allowed(check, host, 5060, transport), host
    for host in ("192.0.2.15", "192.0.2.32", "2001:db8::1"):
        assert allowed(check, host)


@pytest.mark.parametrize("host", ["gw.example.org", "192.0.528", "3221225985", "0xc0.0.2.17", "0300.0.2.17", ""])
def test_what_is_no_address_is_refused(host: str) -> None:
    assert not allowed(Blacklist("gateways", "192.0.2.16/28"), host)


def test_the_decks_definitions_work_literally() -> None:
    first = Blacklist("test1", DECK_TEST1)
    assert not allowed(first, "113.135.101.26", 5060, "UDP", extra=("Min-SE: 90",))
    assert allowed(first, "113.135.101.26")
    assert allowed(first, "113.135.101.27", 5060, "UDP", extra=("Min-SE: 90",))
    second = Blacklist("bl_tls", DECK_TLS)
    assert not allowed(second, "127.0.0.1", 5060, "TLS")
    assert allowed(second, "127.0.0.1", 5060, "TCP")
    assert not allowed(second, "192.168.2.7", 5061, "TLS", extra=("X-auth: 1",))
    assert allowed(second, "192.168.2.7", 5061, "TLS")
    assert not allowed(Blacklist("bl_gw", DECK_GW), "192.168.2.10", 7)


def test_a_pattern_sees_where_the_request_really_came_from() -> None:
    request = make_request()
    request.arrived_from(Source("203.0.113.7", 5070))
    check = Blacklist("x", '(any, 192.0.2.1, 0, "^Via: .*;received=203.0.113.7")')
    assert isinstance(check.allow(make_context(request), Destination("UDP", "192.0.2.1", 5060)), Reply)


def test_rules_without_a_name_and_parsed_ones() -> None:
    assert not allowed(Blacklist("x", '(any, 192.0.2.1, 0, ""), (any, 192.0.2.2, 0, "")'), "192.0.2.2")
    assert not allowed(Blacklist("x", parse_definition(DECK_GW)), "192.168.2.10")


def test_except_from_a_handler_and_what_is_made_from_it() -> None:
    check = Blacklist("gateways", "192.0.2.16/28", except_from=Gateway)
    assert allowed(check, "192.0.2.17", 5060, "UDP", Relay((), Gateway))
    assert allowed(check, "192.0.2.17", 5060, "UDP", Relay((), OwnGateway))
    assert not allowed(check, "192.0.2.17", 5060, "UDP", Relay((), Proxy))
    assert not allowed(check, "192.0.2.17", 5060, "UDP", Relay(()))
    assert not allowed(check, "192.0.2.17")


def test_only_for_a_handler() -> None:
    check = Blacklist("gateways", "192.0.2.16/28", only_for=(Proxy,))
    assert not allowed(check, "192.0.2.17", 5060, "UDP", Relay((), Proxy))
    assert allowed(check, "192.0.2.17", 5060, "UDP", Relay((), Gateway))
    assert not allowed(check, "192.0.2.17"), "when nobody is known to have chosen it"


FILE = f"""# what users must not reach
192.0.2.16/28      # the gateways
2001:db8:1::/48, 198.51.100.1
(tls, 203.0.113.1, 5061, "^X-a: #")

{DECK_TLS}
"""


def test_a_file_of_everything_and_its_reload(tmp_path: Path) -> None:
    path = tmp_path / "blacklist.conf"
    path.write_text(FILE)
    check = Blacklist("all", path)
    for host in ("192.0.2.17", "2001:db8:1::5", "198.51.100.1"):
        assert not allowed(check, host)
    assert not allowed(check, "203.0.113.1", 5061, "TLS", extra=("X-A: #1",))
    assert allowed(check, "203.0.113.1", 5061, "TLS")
    assert not allowed(check, "127.0.0.1", 5060, "TLS")
    path.write_text("192.0.2.99")
    assert not allowed(check, "192.0.2.17"), "not before it is read again"
    check.reload()
    assert allowed(check, "192.0.2.17")
    assert not allowed(check, "192.0.2.99")
    path.write_text("192.0.2.99/40")
    with pytest.raises(ConfigError, match=r"192\.0\.2\.99/40"):
        check.reload()
    assert not allowed(check, "192.0.2.99"), "the old list stays"


def test_a_file_of_several_lists_gives_the_named_one() -> None:
    text = f"{DECK_TEST1}\n{DECK_TLS}\n{DECK_GW}"
    check = Blacklist("bl_gw", text)
    assert not allowed(check, "192.168.2.10")
    assert allowed(check, "127.0.0.1", 5060, "TLS")
    with pytest.raises(ConfigError, match="none is called 'other'"):
        Blacklist("other", text)


@pytest.mark.parametrize(
    ("what", "culprit"),
    [
        ("", "empty"),
        ("gw.example.org", "gw.example.org"),
        ("/no/such/list", "/no/such/list"),
        ("x:{}", "empty"),
        (7, "does not hold"),
    ],
)
def test_what_is_wrong_is_named(what: object, culprit: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Blacklist("gateways", what)  # type: ignore[arg-type]
    assert culprit in str(caught.value)
    assert "gateways" in str(caught.value) or culprit == "/no/such/list"


def test_a_handler_is_meant_as_a_class() -> None:
    with pytest.raises(ConfigError, match="handler classes"):
        Blacklist("x", "192.0.2.1", except_from=Gateway())  # type: ignore[arg-type]


def test_what_is_known_of_an_address_is_bounded_and_forgotten_on_reload(tmp_path: Path) -> None:
    listed = tmp_path / "gateways"
    listed.write_text("192.0.2.16/28\n")
    check = Blacklist("gateways", listed)
    for number in range(5000):
        assert allowed(check, f"198.51.{number // 256}.{number % 256}")
    assert not allowed(check, "1" * 100)
    assert len(check._kept) <= KEPT
    for _ in range(2):
        assert not allowed(check, "192.0.2.17")
    listed.write_text("198.51.100.1\n")
    check.reload()
    assert allowed(check, "192.0.2.17") and not allowed(check, "198.51.100.1")
