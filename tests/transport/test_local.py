"""Which of our addresses a peer sees."""

import socket
from typing import Any

import pytest

from twsip.transport import local
from twsip.transport.local import FRESH, MOST_KNOWN, LocalAddresses, family_of, is_literal, is_loopback


def test_the_routing_table_knows() -> None:
    addresses = LocalAddresses(lambda: 0.0)
    assert addresses.toward("127.0.0.1") == "127.0.0.1"
    assert addresses.toward("::1") == "::1"


def test_no_way_there_leaves_the_wildcard(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any) -> None:
        raise OSError

    monkeypatch.setattr(socket, "socket", fails)
    addresses = LocalAddresses(lambda: 0.0)
    assert (addresses.toward("192.0.2.1"), addresses.toward("2001:db8::1")) == ("0.0.0.0", "::")


def test_answers_are_remembered_for_a_while_and_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(peer: str) -> str:
        asked.append(peer)
        return "192.0.2.9"

    monkeypatch.setattr(local, "_ask", ask)
    now = [1000.0]
    addresses = LocalAddresses(lambda: now[0])
    for _ in range(3):
        addresses.toward("192.0.2.1")
    assert asked == ["192.0.2.1"]
    now[0] += FRESH
    addresses.toward("192.0.2.1")
    assert len(asked) == 2
    for number in range(MOST_KNOWN * 2):
        addresses.toward(f"peer {number}")
    assert len(addresses._known) <= MOST_KNOWN


def test_literals_are_only_what_the_kernel_writes() -> None:
    assert all(is_literal(host) for host in ("192.0.2.1", "::1", "2001:db8::1"))
    assert not any(is_literal(host) for host in ("127.1", "0x7f.1", "localhost", "", "[::1]", "1.2.3.4\0", "1.2.3.04"))
    assert family_of("::1") == socket.AF_INET6
    assert family_of("192.0.2.1") == socket.AF_INET
    assert is_loopback("127.8.8.8")
    assert is_loopback("::1")
    assert not is_loopback("192.0.2.1")
