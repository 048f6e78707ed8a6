"""The resolver against an authority of twisted.names on a loopback port of the system's choice: no real DNS."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet import selectreactor
from twisted.internet.defer import Deferred
from twisted.names import authority, dns, server
from twisted.names.common import ResolverBase
from twisted.names.dns import Record_A, Record_AAAA, Record_CNAME, Record_NAPTR, Record_SOA, Record_SRV
from zope.interface.verify import verifyObject

from twsip.api import ConfigError, Destination, IResolver, Target
from twsip.api.events import LimitReached
from twsip.dns import Resolver
from twsip.sip.locate import Kind, Record
from twsip.sip.uri import parse_uri

# twisted.names asks from a random port; when that one is taken it tries another and leaves the first socket to the garbage
# collector, which pytest would make the error of whatever test is running.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ZONE: dict[str, list[Any]] = {
    "example.test": [
        Record_NAPTR(20, 50, b"s", b"SIP+D2U", b"", "_sip._udp.example.test", ttl=300),
        Record_NAPTR(10, 50, b"S", b"SIP+D2T", b"", "_sip._tcp.example.test", ttl=300),
        Record_NAPTR(5, 50, b"s", b"SIP+D2U", b"!^.*$!sip:evil!", "", ttl=300),
        Record_NAPTR(5, 50, b"u", b"SIP+D2U", b"", "evil.example.test", ttl=300),
    ],
    "_sip._udp.example.test": [Record_SRV(10, 0, 5060, "p1.example.test", ttl=300)],
    "_sip._tcp.example.test": [
        Record_SRV(20, 0, 5070, "alias.example.test", ttl=300),
        Record_SRV(10, 0, 5071, "gone.example.test", ttl=300),
        Record_SRV(30, 0, 0, "p1.example.test", ttl=300),
    ],
    "_sips._tcp.example.test": [Record_SRV(10, 0, 5061, "p1.example.test", ttl=300)],
    "p1.example.test": [Record_A("192.0.2.1", ttl=30), Record_AAAA("2001:db8::1", ttl=30)],
    "alias.example.test": [Record_CNAME("p1.example.test", ttl=30)],
    "loop1.example.test": [Record_CNAME("loop2.example.test", ttl=30)],
    "loop2.example.test": [Record_CNAME("loop1.example.test", ttl=30)],
    "mapped.example.test": [Record_AAAA("::ffff:10.0.0.1", ttl=30)],
    "_sip._udp.down.example.test": [Record_SRV(0, 0, 0, b"", ttl=30)],
    "down.example.test": [Record_A("192.0.2.7", ttl=30)],
    "_sip._tcp.big.example.test": [Record_SRV(index, 0, 5060, f"h{index}.example.test", ttl=30) for index in range(80)],
    **{f"h{index}.example.test": [Record_A(f"192.0.2.{index}", ttl=30)] for index in range(80)},
}


class Zone(authority.FileAuthority):
    """An authority made from a dictionary, which counts what it is asked."""

    def __init__(self, records: dict[str, list[Any]]) -> None:
        ResolverBase.__init__(self)
        self.soa = (b"example.test", Record_SOA("ns.example.test", "h.example.test", 1, 60, 60, 60, 5, ttl=5))
        self.records = {name.encode(): value for name, value in records.items()}
        self.records[b"example.test"] = [*self.records[b"example.test"], self.soa[1]]
        self.asked: list[tuple[str, int]] = []

    def _lookup(self, name: bytes, cls: int, type: int, timeout: Any = None) -> Any:
        self.asked.append((name.decode(), type))
        return super()._lookup(name, cls, type, timeout)


class Silent(dns.DNSDatagramProtocol):
    """A name server that never answers."""

    def __init__(self) -> None:
        self.got = 0

    def startProtocol(self) -> None:
        pass

    def stopProtocol(self) -> None:
        pass

    def datagramReceived(self, data: bytes, address: Any) -> None:
        self.got += 1


class World:
    """A reactor of its own, an authority, a resolver with a clock that stands."""

    def __init__(self) -> None:
        self.reactor: Any = selectreactor.SelectReactor()
        self.zone = Zone(ZONE)
        factory = server.DNSServerFactory(authorities=[self.zone])
        factory.noisy = False
        udp = dns.DNSDatagramProtocol(factory, reactor=self.reactor)
        udp.noisy = False
        self.udp = self.reactor.listenUDP(0, udp, "127.0.0.1")
        self.tcp = self.reactor.listenTCP(self.udp.getHost().port, factory, interface="127.0.0.1")
        self.now = 1000.0
        self.told: list[Any] = []
        self.resolver = self.made(self.udp.getHost().port)

    def made(self, port: int, **options: Any) -> Resolver:
        resolver = Resolver([("127.0.0.1", port)], **options)
        resolver.use(self.reactor, lambda: self.now, lambda below: 0, self.told.append)
        return resolver

    def run(self, coroutine: Any) -> Any:
        """Run the reactor until the coroutine ends; 20 seconds are a failure, not a wait."""
        outcome: list[Any] = []
        done = Deferred.fromCoroutine(coroutine)
        done.addBoth(outcome.append)
        guard = self.reactor.callLater(20, outcome.append, TimeoutError("the test hangs"))
        while not outcome:
            self.reactor.iterate(0.05)
        if guard.active():
            guard.cancel()
        if hasattr(outcome[0], "raiseException"):
            outcome[0].raiseException()
        if isinstance(outcome[0], TimeoutError):
            raise outcome[0]
        return outcome[0]

    def all(self, text: str, resolver: Resolver | None = None, route: tuple[str, ...] = ()) -> list[Destination]:
        uri = parse_uri(text.encode())
        assert uri is not None
        found = (resolver or self.resolver).locate(Target(uri, route=route))
        if isinstance(found, (tuple, list)):
            return list(found)

        async def gather() -> list[Destination]:
            return [destination async for destination in found]  # type: ignore[union-attr]

        result: list[Destination] = self.run(gather())
        return result

    def close(self) -> None:
        self.udp.stopListening()
        self.tcp.stopListening()
        for _ in range(3):
            self.reactor.iterate(0)
        for reader in self.reactor.removeAll():
            reader.connectionLost(None) if not hasattr(reader, "doRead") else None
        for call in self.reactor.getDelayedCalls():
            call.cancel()


@pytest.fixture
def world() -> Iterator[World]:
    assert threading.current_thread() is threading.main_thread()
    one = World()
    yield one
    one.close()


def test_it_is_a_resolver(world: World) -> None:
    assert verifyObject(IResolver, world.resolver)
    with pytest.raises(ConfigError, match="families are"):
        Resolver(families=("ipx",))


def test_an_address_is_known_at_once_and_the_same_tuple_again(world: World) -> None:
    uri = parse_uri(b"sip:bob@[2001:db8::1]:5070;transport=tcp")
    assert uri is not None
    found = world.resolver.locate(Target(uri))
    assert found == (Destination("TCP", "2001:db8::1", 5070),)
    assert world.resolver.locate(Target(uri)) is found
    assert world.zone.asked == []


def test_the_first_route_is_located_when_there_is_one(world: World) -> None:
    route = ("<sip:192.0.2.5:5080;lr>", "<sip:192.0.2.6;lr>")
    for _ in range(2):
        assert world.all("sip:bob@example.test", route=route) == [Destination("UDP", "192.0.2.5", 5080)]
    assert world.all("sip:bob@example.test", route=("<nonsense",)) == []
    assert world.zone.asked == []


def test_naptr_srv_cname_and_addresses(world: World) -> None:
    found = world.all("sip:bob@example.test")
    assert found == [
        Destination("TCP", "192.0.2.1", 5070),
        Destination("TCP", "2001:db8::1", 5070),
        Destination("UDP", "192.0.2.1", 5060),
        Destination("UDP", "2001:db8::1", 5060),
    ]
    # All of it is known now, so the second time nothing is asked and the answer comes at once.
    asked = len(world.zone.asked)
    uri = parse_uri(b"sip:carol@example.test")
    assert uri is not None
    assert world.resolver.locate(Target(uri)) == tuple(found)
    assert len(world.zone.asked) == asked


def test_tls_must_prove_the_domain_that_was_asked_for(world: World) -> None:
    assert world.all("sips:bob@example.test") == [
        Destination("TLS", "192.0.2.1", 5061, "example.test"),
        Destination("TLS", "2001:db8::1", 5061, "example.test"),
    ]


def test_answers_expire_by_their_ttl_and_nothing_by_the_soa(world: World) -> None:
    for text, ttl in (("sip:p1.example.test:5060", 30), ("sip:nothere.example.test:5060", 5)):
        world.all(text)
        asked = len(world.zone.asked)
        world.now += ttl - 1
        world.all(text)
        assert len(world.zone.asked) == asked
        world.now += 60
        world.all(text)
        assert len(world.zone.asked) > asked
    world.resolver.forget()
    asked = len(world.zone.asked)
    world.all("sip:p1.example.test:5060")
    assert len(world.zone.asked) == asked + 2


@pytest.mark.parametrize(
    "text", ["sip:loop1.example.test:5060", "sip:mapped.example.test:5060", "sip:down.example.test"]
)
def test_circles_disguises_and_refusals_lead_nowhere(world: World, text: str) -> None:
    assert world.all(text) == []


def test_eighty_servers_by_tcp_of_which_64_are_used(world: World) -> None:
    found = world.all("sip:big.example.test;transport=tcp")
    assert len(found) == 64
    assert len({destination.host for destination in found}) == 64


def test_localhost_stays_at_home(world: World) -> None:
    assert world.all("sip:bob@localhost:5070") == [
        Destination("UDP", "127.0.0.1", 5070),
        Destination("UDP", "::1", 5070),
    ]
    assert world.all("sip:a.localhost;transport=tcp")[0] == Destination("TCP", "127.0.0.1", 5060)
    assert world.zone.asked == []


def test_equal_questions_share_one_look_up(world: World) -> None:
    async def both() -> list[tuple[Record, ...]]:
        waiting = [world.resolver.ask(("p1.example.test", Kind.A)) for _ in range(5)]
        return [await one for one in waiting]

    assert [[record.host for record in records] for records in world.run(both())] == [["192.0.2.1"]] * 5
    assert world.zone.asked == [("p1.example.test", 1)]


def test_a_silent_server_ends_in_nothing_and_hurts_no_other_name(world: World) -> None:
    silent = Silent()
    port = world.reactor.listenUDP(0, silent, "127.0.0.1")
    dead = world.made(port.getHost().port, patience=0.2, most_waiting=2)

    async def one(text: bytes) -> list[Destination]:
        uri = parse_uri(text)
        assert uri is not None
        found = dead.locate(Target(uri))
        return [destination async for destination in found]  # type: ignore[union-attr]

    async def three() -> list[list[Destination]]:
        begun = [Deferred.fromCoroutine(one(f"sip:s{index}.example.test:5060".encode())) for index in range(3)]
        return [await each for each in begun]

    assert world.run(three()) == [[], [], []]
    # Two questions of the first name filled the table; the others were refused, which is told once.
    assert silent.got >= 2
    assert world.told == [LimitReached("DNS look-ups under way", 2, "further names are not found")]
    # The failure is remembered for a little while, then asked again.
    assert world.all("sip:s0.example.test:5060", dead) == []
    got = silent.got
    uri = parse_uri(b"sip:192.0.2.4")
    assert uri is not None
    assert dead.locate(Target(uri)) == (Destination("UDP", "192.0.2.4", 5060),)
    world.now += 6
    assert world.all("sip:s0.example.test:5060", dead) == []
    assert silent.got > got
    port.stopListening()


def test_half_used_destinations_can_be_left(world: World) -> None:
    uri = parse_uri(b"sip:example.test;transport=tcp")
    assert uri is not None

    async def only_one() -> Destination | None:
        async for destination in world.resolver.locate(Target(uri)):  # type: ignore[union-attr]
            return destination
        return None

    assert world.run(only_one()) == Destination("TCP", "192.0.2.1", 5070)


def test_the_cache_is_bounded(world: World) -> None:
    small = world.made(world.udp.getHost().port, most_cached=3)
    for index in range(6):
        world.all(f"sip:h{index}.example.test:5060", small)
    assert len(small._cache) == 3
