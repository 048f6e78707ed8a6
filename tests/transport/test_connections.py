"""Counting connections: value in, value out, no sockets."""

from twsip.api.events import Event, LimitReached
from twsip.transport.connections import Connections, source_of
from twsip.transport.turns import Bound


class Fake:
    """A connection that only remembers how it ended."""

    def __init__(self, host: str, deadline: float = 100.0) -> None:
        self.host = host
        self.deadline = deadline
        self.end = ""

    def fail(self, why: str) -> None:
        self.end = why

    def expire(self) -> None:
        self.end = "late"


def table(most: int, most_per_source: int, events: list[Event]) -> Connections:
    full = Bound("all", most, "close one", events.append, lambda: 0.0)
    crowded = Bound("one", most_per_source, "refuse", events.append, lambda: 0.0)
    return Connections(most, most_per_source, full, crowded)


def filled(connections: Connections, *hosts: str) -> list[Fake]:
    fakes = [Fake(host) for host in hosts]
    for fake in fakes:
        assert connections.room_for(fake.host)
        connections.add(fake)
    return fakes


def test_one_source_cannot_take_all() -> None:
    events: list[Event] = []
    connections = table(10, 2, events)
    one, _ = filled(connections, "192.0.2.1", "192.0.2.1")
    assert not connections.room_for("192.0.2.1")
    assert not connections.room_for("192.0.2.1")
    assert connections.room_for("192.0.2.2")
    connections.remove(one)
    connections.remove(one)
    assert connections.room_for("192.0.2.1")
    assert events == [LimitReached("one", 2, "refuse")]


def test_a_64_of_ipv6_is_one_source() -> None:
    connections = table(10, 2, [])
    filled(connections, "2001:db8::1", "2001:db8::2:3")
    assert not connections.room_for("2001:db8:0:0:ffff::9")
    assert connections.room_for("2001:db8:0:1::1")
    assert source_of("fe80::1%eth0") == source_of("fe80::2")
    assert source_of("::nonsense") == "::nonsense"


def test_the_stranger_longest_silent_goes_first_then_the_acquaintance() -> None:
    connections = table(3, 3, [])
    one, two, three = filled(connections, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    connections.heard(one, True)
    connections.heard(two, False)
    filled(connections, "192.0.2.4")
    assert [fake.end != "" for fake in (one, two, three)] == [False, False, True]
    filled(connections, "192.0.2.5")
    assert two.end != ""
    assert len(connections) == 3


def test_among_acquaintances_the_one_heard_last_stays() -> None:
    connections = table(2, 2, [])
    one, two = filled(connections, "192.0.2.1", "192.0.2.2")
    for fake in (one, two, one):
        connections.heard(fake, True)
    filled(connections, "192.0.2.3")
    assert (one.end, two.end != "") == ("", True)


def test_news_of_one_that_is_gone_changes_nothing() -> None:
    connections = table(2, 2, [])
    (one,) = filled(connections, "192.0.2.1")
    connections.remove(one)
    connections.heard(one, True)
    assert len(connections) == 0


def test_deadlines_are_swept_among_strangers_and_acquaintances() -> None:
    connections = table(5, 5, [])
    fakes = filled(connections, *["192.0.2.1"] * 4)
    fakes[0].deadline = fakes[1].deadline = 5.0
    connections.heard(fakes[1], True)
    connections.heard(fakes[2], True)
    connections.sweep(4.9)
    assert [fake.end for fake in fakes] == [""] * 4
    connections.sweep(5.0)
    assert [fake.end for fake in fakes] == ["late", "late", "", ""]
