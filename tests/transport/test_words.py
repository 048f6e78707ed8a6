"""The words of the tac file refuse nonsense with a sentence."""

from typing import Any

import pytest

from twsip.api.errors import ConfigError
from twsip.transport import TCP, TLS, UDP
from twsip.transport.words import bracketed


def test_the_usual_ports_and_how_listeners_are_called() -> None:
    assert [str(word) for word in (UDP(), TCP(5080, "::1"), TLS(certificate="x.pem"))] == [
        "UDP 0.0.0.0:5060",
        "TCP [::1]:5080",
        "TLS 0.0.0.0:5061",
    ]
    assert (UDP().ipv6, UDP(host="::").ipv6) == (False, True)
    assert UDP(host="2001:DB8:0::1").host == "2001:db8::1"
    assert UDP(host="[::1]").host == "::1"


def test_a_certificate_file_holds_the_key_unless_another_does() -> None:
    assert TLS(certificate="x.pem").key == "x.pem"
    assert TLS(certificate="x.pem", key="y.pem").key == "y.pem"


@pytest.mark.parametrize("port", [-1, 65536, "5060", 50.60, True, None])
def test_a_port_that_is_none_is_named(port: Any) -> None:
    with pytest.raises(ConfigError, match="a port is a number from 0 to 65535"):
        UDP(port)


@pytest.mark.parametrize("host", ["localhost", "", "example.org", "127.1", "192.0.2.256"])
def test_a_host_that_is_no_address_is_named(host: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        TCP(5060, host)


@pytest.mark.parametrize("name", ["most_connections", "most_per_source", "message_deadline", "idle", "most_unsent"])
def test_a_bound_of_nothing_is_named(name: str) -> None:
    options: dict[str, Any] = {name: 0}
    with pytest.raises(ConfigError, match=name):
        TCP(**options)


def test_brackets_are_for_ipv6_and_put_once() -> None:
    assert [bracketed(host) for host in ("::1", "[::1]", "192.0.2.1", "a.example")] == [
        "[::1]",
        "[::1]",
        "192.0.2.1",
        "a.example",
    ]
