"""The fixed table: names without DNS."""

import pytest
from zope.interface.verify import verifyObject

from twsip.api import ConfigError, Destination, IResolver, Target
from twsip.dns import FixedResolver
from twsip.sip.uri import parse_uri

TABLE = {"gw.example": "192.0.2.16:5062", "Two.Example.": ("192.0.2.1", "[2001:db8::1]:5070")}


def located(text: str, route: tuple[str, ...] = (), otherwise: object | None = None) -> list[Destination]:
    uri = parse_uri(text.encode())
    assert uri is not None
    resolver = FixedResolver(TABLE, otherwise)
    assert verifyObject(IResolver, resolver)
    return list(resolver.locate(Target(uri, route=route)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "destinations"),
    [
        ("sip:+1@gw.example", [Destination("UDP", "192.0.2.16", 5062)]),
        ("sip:gw.example:9;transport=tcp", [Destination("TCP", "192.0.2.16", 5062)]),
        ("sips:gw.example", [Destination("TLS", "192.0.2.16", 5062, "gw.example")]),
        ("sip:two.example", [Destination("UDP", "192.0.2.1", 5060), Destination("UDP", "2001:db8::1", 5070)]),
        ("sip:two.example:9", [Destination("UDP", "192.0.2.1", 9), Destination("UDP", "2001:db8::1", 5070)]),
        ("sip:192.0.2.3:9", [Destination("UDP", "192.0.2.3", 9)]),
        ("sip:x.example;maddr=gw.example", [Destination("UDP", "192.0.2.16", 5062)]),
        ("sip:unknown.example", []),
        ("sips:gw.example;transport=udp", []),
        ("tel:123", []),
    ],
)
def test_table(text: str, destinations: list[Destination]) -> None:
    assert located(text) == destinations


def test_route_comes_first() -> None:
    assert located("sip:x.example", route=("<sip:gw.example;lr>",)) == [Destination("UDP", "192.0.2.16", 5062)]


def test_what_is_not_in_the_table_may_be_asked_elsewhere() -> None:
    other = FixedResolver({"unknown.example": "192.0.2.77"})
    assert located("sip:unknown.example", otherwise=other) == [Destination("UDP", "192.0.2.77", 5060)]


@pytest.mark.parametrize(
    "table", [{"gw.example": "gw2.example"}, {"gw.example": "192.0.2.1:99999"}, {"a b": "192.0.2.1"}]
)
def test_a_wrong_table_is_refused_by_name(table: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="FixedResolver"):
        FixedResolver(table)
