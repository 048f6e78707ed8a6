"""News of lost datagrams: real ones on loopback sockets, and strange ones from a socket that is played."""

import errno
import os
import select
import socket
import struct
from typing import Any

import pytest
from twisted.internet import reactor as the_reactor
from twisted.internet.task import Clock

from tests.transport.recorder import WorldCase
from tests.transport.test_udp import NATIVE, UNBUILT
from twsip.api.events import tell_nobody
from twsip.api.facts import Destination
from twsip.dns import Resolver
from twsip.engine import Engine
from twsip.handlers import Proxy
from twsip.transport import UDP, Transports, udp
from twsip.transport.batches import OneByOne, Together
from twsip.transport.icmp import MOST_ERRORS, errors
from twsip.transport.watch import Nested, Plain, best_watch

reactor: Any = the_reactor
REQUEST = b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n" + b"X: y\r\n" * 500 + b"\r\n"

nested = pytest.mark.skipif(not hasattr(select, "epoll"), reason="only Linux keeps an error queue")


def nobody(host: str = "127.0.0.1") -> int:
    """A port where nobody is."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind((host, 0))
        port: int = closed.getsockname()[1]
        return port


class NewsCases:
    """What holds both ways of reading and sending."""

    async def test_a_refused_datagram_is_told_with_its_flow_and_its_first_bytes(self) -> None:
        for host in ("127.0.0.1", "::1"):
            notes, transports = self.world(UDP(0, host))
            flow = transports.flow_to(Destination("UDP", host, nobody(host)))
            flow.send(REQUEST)
            transports.flush()
            await notes.until(lambda notes=notes: len(notes.broke) == 1)
            assert (notes.broke[0][0].id, notes.broke[0][1]) == (flow.id, os.strerror(errno.ECONNREFUSED))
            assert REQUEST.startswith(notes.quotes[0])
            assert len(notes.quotes[0]) > 100
            assert notes.story == ["turn ends", "broke", "turn ends"]

    async def test_it_stops_nothing_else(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, port = self.datagrams()
        dead = [transports.flow_to(Destination("UDP", "127.0.0.1", nobody())) for _ in range(3)]
        well = transports.flow_to(Destination("UDP", "127.0.0.1", port))
        for number in range(3):
            for flow in dead:
                flow.send(REQUEST)
                well.send(b"%d" % number)
            transports.flush()
        await peer.until(lambda: len(peer.got) == 9)
        notes.answer = lambda arrival: arrival.flow.send(b"again")
        peer.transport.write(b"hello", ("127.0.0.1", transports.listening[0][2]))
        await peer.until(lambda: peer.got == [b"0"] * 3 + [b"1"] * 3 + [b"2"] * 3 + [b"again"])
        await notes.until(lambda: len(notes.broke) == 9)
        assert {told.id for told, _ in notes.broke} == {flow.id for flow in dead}

    async def test_what_waits_leaves_when_the_kernel_takes_datagrams_again(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, port = self.datagrams()
        ours = transports._udp[0]
        way = ours._way
        ours._way = Full(way)
        for data in (b"one", b"two"):
            transports.flow_to(Destination("UDP", "127.0.0.1", port)).send(data)
        transports.flush()
        assert len(ours._waiting) == 2
        ours._way = way
        await peer.until(lambda: peer.got == [b"one", b"two"])
        assert ours._waiting == []
        notes.answer = lambda arrival: arrival.flow.send(b"three")
        peer.transport.write(b"x", ("127.0.0.1", transports.listening[0][2]))
        await peer.until(lambda: peer.got == [b"one", b"two", b"three"])

    async def test_a_request_to_a_dead_host_goes_to_its_twin_without_any_timer(self) -> None:
        clock = Clock()
        peer, port = self.datagrams()
        dead = nobody()
        for end, there in ((b"gone", [dead]), (b"fine", [dead, port])):
            engine = a_house(clock, there)
            transports = Transports([UDP(0, "127.0.0.1")], engine, reactor, tell_nobody, now=clock.seconds)
            engine.transports = transports
            transports.start()
            self.addCleanup(transports.stop)
            request = (
                b"MESSAGE sip:bob@%s.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s;rport\r\n"
                b"Max-Forwards: 70\r\nFrom: <sip:a@a.example>;tag=1\r\nTo: <sip:bob@bob.example>\r\nCall-ID: 1\r\n"
                b"CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n" % (end, port, end)
            )
            peer.transport.write(request, ("127.0.0.1", transports.listening[0][2]))
            await peer.until(lambda: bool(peer.got))
            assert peer.got.pop().startswith({b"gone": b"SIP/2.0 503 ", b"fine": b"MESSAGE sip:bob@fine"}[end])
            engine.stop()


@nested
class OneByOneNewsTest(NewsCases, WorldCase):
    def setUp(self) -> None:
        self.patch(udp, "fastest", lambda: OneByOne)


@nested
@pytest.mark.skipif(not NATIVE, reason=UNBUILT)
class TogetherNewsTest(NewsCases, WorldCase):
    def setUp(self) -> None:
        self.patch(udp, "fastest", lambda: Together)


class Full:
    """A way whose kernel takes nothing."""

    def __init__(self, way: Any) -> None:
        self.receive = way.receive
        self.address_of = way.address_of

    def send(self, queue: object, start: int) -> int:
        return -errno.EAGAIN


def a_house(clock: Clock, ports: list[int]) -> Engine:
    """An engine that relays everything to these ports, one after the other; its clock stands still."""

    class Everywhere(Resolver):
        def locate(self, target: Any) -> Any:
            return tuple(Destination("UDP", "127.0.0.1", port) for port in ports)

    class Nowhere:
        domains = ("a.example",)

        def is_local(self, host: str, port: int = 0) -> bool:
            return False

        def realm_for(self, host: str) -> str:
            return host

    return Engine(
        name="a.example",
        domains=Nowhere(),
        ingress=[],
        requests=[],
        handlers=[Proxy()],
        destinations=[],
        resolver=Everywhere(),
        bindings=None,
        tell=tell_nobody,
        clock=clock,
        now=clock.seconds,
        random=os.urandom,
        secret=b"s" * 32,
    )


class Played:
    """A socket whose error queue is what a test wants."""

    def __init__(self, *queue: Any) -> None:
        self.queue = list(queue)

    def recvmsg(self, size: int, control: int, flags: int) -> Any:
        assert flags == socket.MSG_ERRQUEUE
        if not self.queue:
            raise BlockingIOError
        entry = self.queue.pop(0)
        if isinstance(entry, OSError):
            raise entry
        return entry


def news(number: int, origin: int, kind: int, code: int, quoted: bytes = b"quoted", ipv6: bool = False) -> Any:
    """One entry of the queue."""
    level, option = (socket.IPPROTO_IPV6, 25) if ipv6 else (socket.IPPROTO_IP, 11)
    body = struct.pack("=IBBBxII", number, origin, kind, code, 0, 0) + bytes(16)
    return quoted, [(level, option, body)], socket.MSG_ERRQUEUE, ("192.0.2.1", 5060)


@pytest.mark.parametrize(
    ("entry", "counts"),
    [
        (news(errno.ENETUNREACH, 2, 3, 0), True),
        (news(errno.EHOSTUNREACH, 2, 3, 1), True),
        (news(errno.ECONNREFUSED, 2, 3, 3), True),
        (news(errno.EHOSTUNREACH, 2, 3, 13), True),
        (news(errno.EPROTO, 2, 12, 0), True),
        (news(errno.ECONNREFUSED, 3, 1, 4, ipv6=True), True),
        (news(errno.EPROTO, 3, 4, 1, ipv6=True), True),
        (news(errno.EMSGSIZE, 2, 3, 4), False),
        (news(errno.EMSGSIZE, 3, 2, 0, ipv6=True), False),
        (news(errno.EHOSTUNREACH, 2, 11, 0), False),
        (news(errno.EHOSTUNREACH, 3, 3, 0, ipv6=True), False),
        (news(errno.EMSGSIZE, 1, 0, 0), False),
        (news(0, 4, 0, 0), False),
        (news(errno.ECONNREFUSED, 2, 3, 3, quoted=b""), False),
        ((b"quoted", [], 0, ("192.0.2.1", 5060)), False),
        ((b"quoted", [(0, 11, b"\x6f\0\0\0\2\3")], 0, ("192.0.2.1", 5060)), False),
        ((b"quoted", [(0, 8, news(errno.ECONNREFUSED, 2, 3, 3)[1][0][2])], 0, ("192.0.2.1", 5060)), False),
        ((b"quoted", news(errno.ECONNREFUSED, 2, 3, 3)[1], 0, None), False),
    ],
)
def test_only_what_cannot_get_better_counts(entry: Any, counts: bool) -> None:
    bound: Any = Played(entry)
    assert list(errors(bound)) == ([(("192.0.2.1", 5060), b"quoted", os.strerror(error_of(entry)))] if counts else [])


def error_of(entry: Any) -> int:
    return int.from_bytes(entry[1][0][2][:4], "little" if struct.pack("=H", 1)[0] else "big") if entry[1] else 0


def test_a_queue_without_end_costs_a_bounded_part_of_a_turn() -> None:
    bound: Any = Played(*[news(errno.ECONNREFUSED, 2, 3, 3)] * 200)
    assert len(list(errors(bound))) == MOST_ERRORS
    bound = Played(*[OSError(errno.EIO, "no")] * 200, news(errno.ECONNREFUSED, 2, 3, 3))
    assert list(errors(bound)) == []
    assert len(bound.queue) == 201 - MOST_ERRORS


@nested
def test_the_socket_itself_is_watched_where_there_is_no_epoll_and_keeps_no_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        with monkeypatch.context() as patch:
            patch.delattr(select, "epoll")
            watch = best_watch(bound, None, None)
        assert isinstance(watch, Plain)
        assert watch.fileno() == bound.fileno()
        assert bound.getsockopt(socket.IPPROTO_IP, 11) == 0
        nested = best_watch(bound, None, None)
        assert isinstance(nested, Nested)
        assert bound.getsockopt(socket.IPPROTO_IP, 11) == 1
        nested.close()


@nested
def test_a_socket_that_epoll_does_not_take_is_watched_at_first_hand() -> None:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.close()
    assert isinstance(best_watch(bound, None, None), Plain)
