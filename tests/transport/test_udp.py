"""Datagrams on real loopback sockets."""

import errno
import importlib.util
import os
import socket
import time
from typing import Any

import pytest
from twisted.internet import reactor as the_reactor

from tests.transport.recorder import Notes, WorldCase
from twsip.api.context import Arrival
from twsip.api.errors import TransportFailed
from twsip.api.events import CheckBroke, LimitReached, tell_nobody
from twsip.api.facts import Destination
from twsip.transport import UDP, udp
from twsip.transport.batches import BATCH, OneByOne, Together
from twsip.transport.local import LocalAddresses
from twsip.transport.turns import Turns
from twsip.transport.udp import MOST_WAITING, UDPPort
from twsip.transport.watch import Plain

reactor: Any = the_reactor


NATIVE = importlib.util.find_spec("twsip.transport._mmsg") is not None
UNBUILT = "twsip.transport._mmsg is not built (TWSIP_COMPILE=1 python setup.py build_ext --inplace)"


class DatagramCases:
    """What holds both ways."""

    async def echo(self, host: str) -> None:
        notes, transports = self.world(UDP(0, host))
        notes.answer = lambda arrival: arrival.flow.send(b"re: " + arrival.data)
        peer, port = self.datagrams(host)
        peer.transport.write(b"hello", (host, transports.listening[0][2]))
        await peer.until(lambda: peer.got == [b"re: hello"])
        flow = notes.arrivals[0].flow
        assert (flow.transport, flow.reliable, flow.secure) == ("UDP", False, False)
        assert (flow.host, flow.port, flow.local_host) == (host, port, host)
        assert flow.local_port == transports.listening[0][2]
        assert abs(notes.arrivals[0].at - time.time()) < 60

    async def test_ipv4_there_and_back(self) -> None:
        await self.echo("127.0.0.1")

    async def test_ipv6_there_and_back(self) -> None:
        await self.echo("::1")

    async def test_both_families_share_a_port_number(self) -> None:
        _, first = self.world(UDP(0, "0.0.0.0"))
        notes, both = self.world(UDP(first.listening[0][2], "::"))
        assert both.listening[0][2] == first.listening[0][2]
        assert notes.events == []

    async def test_the_turn_ends_before_output_leaves(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, _ = self.datagrams()
        outlets = transports._udp[0]
        notes.answer = lambda arrival: arrival.flow.send(arrival.data)
        notes.commit = lambda: notes.story.append(f"{len(outlets.queue)} queued")
        peer.transport.write(b"a", ("127.0.0.1", transports.listening[0][2]))
        await peer.until(lambda: peer.got == [b"a"])
        assert notes.story == ["received", "turn ends", "1 queued"]
        assert outlets.queue == []

    async def test_what_could_not_be_kept_is_not_answered(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, _ = self.datagrams()
        notes.answer = lambda arrival: arrival.flow.send(arrival.data)

        def fails() -> None:
            if notes.arrivals[-1].data == b"lost":
                raise OSError("disk full")

        notes.commit = fails
        there = ("127.0.0.1", transports.listening[0][2])
        peer.transport.write(b"lost", there)
        await notes.until(lambda: len(notes.told(CheckBroke)) == 1)
        peer.transport.write(b"kept", there)
        await peer.until(lambda: bool(peer.got))
        assert peer.got == [b"kept"]
        assert "disk full" in notes.told(CheckBroke)[0].error

    async def test_a_receiver_that_raises_costs_its_own_datagram_only(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, _ = self.datagrams()

        def answer(arrival: Any) -> None:
            if arrival.data == b"bad":
                raise RuntimeError("boom")
            arrival.flow.send(arrival.data)

        notes.answer = answer
        for data in (b"bad", b"good", b"bad", b"fine"):
            peer.transport.write(data, ("127.0.0.1", transports.listening[0][2]))
        await peer.until(lambda: peer.got == [b"good", b"fine"])
        assert [event.check for event in notes.told(CheckBroke)] == ["engine received"] * 2

    async def test_a_refused_answer_harms_nobody_else(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        dead.bind(("127.0.0.1", 0))
        nobody = dead.getsockname()[1]
        dead.close()
        for _ in range(3):
            transports.flow_to(Destination("UDP", "127.0.0.1", nobody)).send(b"x")
        transports.flush()
        peer, _ = self.datagrams()
        notes.answer = lambda arrival: arrival.flow.send(arrival.data)
        peer.transport.write(b"still here", ("127.0.0.1", transports.listening[0][2]))
        await peer.until(lambda: peer.got == [b"still here"])

    async def test_no_way_there_is_told(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        # A socket on the loopback address cannot reach the outside: the kernel says so at once.
        flow = transports.flow_to(Destination("UDP", "192.0.2.1", 5060))
        flow.send(b"x")
        transports.flush()
        await notes.until(lambda: len(notes.broke) == 1)
        assert notes.broke[0][0].id == flow.id

    async def test_a_flow_is_found_again_by_its_id(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, port = self.datagrams()
        peer.transport.write(b"x", ("127.0.0.1", transports.listening[0][2]))
        await notes.until(lambda: len(notes.arrivals) == 1)
        flow: Any = notes.arrivals[0].flow
        assert flow.id == f"UDP 127.0.0.1 {port} via 127.0.0.1 {transports.listening[0][2]}"
        found = transports.flow_by_id(flow.id)
        assert found is not None
        found.send(b"again")
        transports.flush()
        await peer.until(lambda: peer.got == [b"again"])
        ours = f"via 127.0.0.1 {transports.listening[0][2]}"
        for strange in (
            "UDP 127.0.0.1 5060 via 127.0.0.1 1",
            f"UDP x 5060 {ours}",
            f"UDP ::1 5060 {ours}",
            f"UDP 127.0.0.1 65536 {ours}",
            f"UDP 127.0.0.1 0 {ours}",
            f"UDP 127.0.0.1 \u0665 {ours}",
            "UDP",
            "",
            "TCP x 1 #1",
        ):
            assert transports.flow_by_id(strange) is None

    async def test_what_a_closed_or_small_pipe_cannot_take_is_refused(self) -> None:
        _, transports = self.world(UDP(0, "127.0.0.1"))
        flow: Any = transports.flow_to(Destination("UDP", "127.0.0.1", 5060))
        with pytest.raises(TransportFailed):
            flow.send(b"x" * 65508)
        assert flow.alive
        await transports.stop()
        assert not flow.alive
        with pytest.raises(TransportFailed):
            flow.send(b"x")

    async def test_a_port_may_be_closed_in_the_middle_of_its_own_turn(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        notes.answer = lambda arrival: transports._udp[0].close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(3):
                sender.sendto(b"x", ("127.0.0.1", transports.listening[0][2]))
            await notes.until(lambda: bool(notes.arrivals))
        assert len(notes.arrivals) == 1
        assert self.flushLoggedErrors() == []

    async def test_a_flood_is_read_in_batches_of_one_turn_each(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        for _ in range(BATCH + 6):
            sender.sendto(b"x", ("127.0.0.1", transports.listening[0][2]))
        await notes.until(lambda: len(notes.arrivals) == BATCH + 6)
        assert notes.story[: BATCH + 1] == ["received"] * BATCH + ["turn ends"]
        assert len({arrival.at for arrival in notes.arrivals[:BATCH]}) == 1

    async def test_a_datagram_without_a_byte_is_one(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, _ = self.datagrams()
        for data in (b"", b"x"):
            peer.transport.write(data, ("127.0.0.1", transports.listening[0][2]))
        await notes.until(lambda: notes.data == [b"", b"x"])

    async def test_the_longest_datagram_comes_and_goes_whole(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        notes.answer = lambda arrival: arrival.flow.send(arrival.data[::-1])
        data = b"a" * 65000 + b"b" * 507
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1000000)
            sender.bind(("127.0.0.1", 0))
            sender.sendto(data, ("127.0.0.1", transports.listening[0][2]))
            await notes.until(lambda: notes.data == [data])
            sender.settimeout(5)
            assert sender.recv(70000) == data[::-1]

    async def test_who_sends_again_and_who_is_asked_for_is_the_same_flow(self) -> None:
        for host in ("127.0.0.1", "::1"):
            notes, transports = self.world(UDP(0, host))
            peer, port = self.datagrams(host)
            asked = transports.flow_to(Destination("UDP", host, port))
            for _ in range(2):
                peer.transport.write(b"x", (host, transports.listening[0][2]))
            await notes.until(lambda notes=notes: len(notes.arrivals) == 2)
            assert {arrival.flow for arrival in notes.arrivals} == {asked}
            full = "0:0:0:0:0:0:0:1" if ":" in host else host
            assert transports.flow_to(Destination("UDP", full, port)) is asked

    async def test_an_arrival_is_complete(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        peer, sender = self.datagrams()
        peer.transport.write(b"x", ("127.0.0.1", transports.listening[0][2]))
        await notes.until(lambda: len(notes.arrivals) == 1)
        assert type(notes.arrivals[0]) is Arrival
        arrival = notes.arrivals[0]
        assert (arrival.data, arrival.flow.host, arrival.flow.port) == (b"x", "127.0.0.1", sender)
        assert arrival.at > 0

    async def test_what_comes_during_a_turn_needs_no_other_round_but_two_batches_are_never_full(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        there = ("127.0.0.1", transports.listening[0][2])
        rounds: list[int] = []
        port = transports._udp[0]
        real = port.doRead

        def read() -> None:
            before = len(notes.arrivals)
            real()
            rounds.append(len(notes.arrivals) - before)

        port.doRead = read  # type: ignore[method-assign]

        def another(arrival: Arrival) -> None:
            if len(notes.arrivals) < 200:
                sender.sendto(b"x", there)

        notes.answer = another
        sender.sendto(b"x", there)
        await notes.until(lambda: len(notes.arrivals) == 200)
        assert notes.story[:4] == ["received", "turn ends"] * 2
        assert rounds[:2] == [BATCH, BATCH]

    async def test_a_flood_of_strangers_forgets_flows_and_nothing_else(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"))
        transports._udp[0]._flows.most = 3
        notes.answer = lambda arrival: arrival.flow.send(arrival.data)
        peers = [self.datagrams()[0] for _ in range(10)]
        for number, peer in enumerate(peers):
            peer.transport.write(b"%d" % number, ("127.0.0.1", transports.listening[0][2]))
            transports.flow_to(Destination("UDP", "127.0.0.1", 1024 + number))
        for number, peer in enumerate(peers):
            await peer.until(lambda peer=peer, number=number: peer.got == [b"%d" % number])
        flows = transports._udp[0]._flows
        assert len(flows.known) <= 3
        assert len(flows.asked) <= 3


class OneByOneTest(DatagramCases, WorldCase):
    def setUp(self) -> None:
        self.patch(udp, "fastest", lambda: OneByOne)


@pytest.mark.skipif(not NATIVE, reason=UNBUILT)
class TogetherTest(DatagramCases, WorldCase):
    def setUp(self) -> None:
        self.patch(udp, "fastest", lambda: Together)


class StubbornSocket:
    """A socket that takes only so many datagrams."""

    def __init__(self) -> None:
        self.room = 0
        self.sent: list[bytes] = []
        self.refuses: dict[bytes, list[int]] = {}
        self.coming: list[bytes] = []

    def fileno(self) -> int:
        return -1

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 5060)

    def setblocking(self, flag: bool) -> None:
        pass

    def close(self) -> None:
        pass

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.coming:
            raise BlockingIOError
        data = self.coming.pop(0)
        if not data:
            raise ConnectionRefusedError
        return data, ("192.0.2.1", 5060)

    def sendto(self, data: bytes, address: object) -> None:
        if self.refuses.get(data):
            raise OSError(self.refuses[data].pop(0), "no")
        if self.room == 0:
            raise BlockingIOError
        self.room -= 1
        self.sent.append(data)


class StubbornBatch:
    """The same socket as the extension would see it."""

    def __init__(self, wire: StubbornSocket) -> None:
        self.wire = wire

    def receive(self, fileno: int, flows: Any, meet: Any, kind: Any, at: float, into: list[Any]) -> int:
        while self.wire.coming:
            try:
                data, (host, port) = self.wire.recvfrom(65536)
            except ConnectionRefusedError:
                return 0 if into else errno.ECONNREFUSED
            key = Together.key_of(host, port)
            into.append(kind(data, flows.get(key) or meet(key), at))
        return 0 if into else errno.EAGAIN

    def send(self, fileno: int, queue: list[tuple[bytes, Any]], start: int) -> int:
        count = 0
        for data, key in queue[start:]:
            try:
                self.wire.sendto(data, key)
            except BlockingIOError:
                return count or -errno.EAGAIN
            except OSError as error:
                return count or -(error.errno or 0)
            count += 1
        return count


class StubReactor:
    """Notes who wants to write."""

    def __init__(self) -> None:
        self.writers: set[object] = set()
        self.calls: list[Any] = []

    def callLater(self, delay: float, call: Any) -> None:
        self.calls.append(call)

    def addReader(self, reader: object) -> None:
        pass

    removeReader = addReader

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)


@pytest.fixture(params=[OneByOne, Together])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def stubborn(way: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a port over a stubborn socket, one way and the other; the kernel's part of the batches is played."""
    return lambda events: make_stubborn(events, way, monkeypatch)


def make_stubborn(
    events: list[Any], way: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[UDPPort, Turns, StubbornSocket, StubReactor]:
    turns = Turns(Notes(), tell_nobody)
    wire, stub = StubbornSocket(), StubReactor()
    monkeypatch.setattr(Together, "_shared", StubbornBatch(wire))
    bound: Any = wire
    local = LocalAddresses(lambda: 0.0)
    return (
        UDPPort(UDP(5060, "127.0.0.1"), bound, turns, stub, local, events.append, lambda: 0.0, way, Plain),
        turns,
        wire,
        stub,
    )


def test_nothing_overtakes_what_waits(stubborn: Any) -> None:
    port, turns, wire, _ = stubborn([])
    flow = port.flow_to("192.0.2.1", 5060)
    flow.send(b"first")
    turns.end()
    wire.room = 1
    flow.send(b"second")
    turns.end()
    assert wire.sent == []
    port.doWrite()
    assert wire.sent == [b"first"]


def test_a_full_kernel_makes_datagrams_wait_in_order_and_then_drops_the_newest(stubborn: Any) -> None:
    events: list[Any] = []
    port, turns, wire, stub = stubborn(events)
    flow = port.flow_to("192.0.2.1", 5060)
    for number in range(MOST_WAITING + 10):
        flow.send(b"%d" % number)
    turns.end()
    flow.send(b"one more")
    turns.end()
    assert [(event.what, event.bound) for event in events if isinstance(event, LimitReached)] == [
        ("datagrams waiting on UDP 127.0.0.1:5060", MOST_WAITING)
    ]
    assert port in stub.writers
    wire.room = 5
    port.doWrite()
    assert wire.sent == [b"0", b"1", b"2", b"3", b"4"]
    assert port in stub.writers
    wire.room = 9999
    port.doWrite()
    assert wire.sent == [b"%d" % number for number in range(MOST_WAITING)]
    assert port not in stub.writers


def test_bad_news_about_an_earlier_datagram_does_not_end_the_batch(stubborn: Any) -> None:
    port, turns, wire, _ = stubborn([])
    wire.coming = [b"one", b"", b"two"]
    port.doRead()
    notes: Any = turns.receiver
    assert notes.data == [b"one", b"two"]
    # The batches hand over what came before the bad news, then ask again.
    assert notes.story in (["received", "received", "turn ends"], ["received", "turn ends"] * 2)


def test_bad_news_of_an_earlier_datagram_costs_the_one_being_sent_nothing(stubborn: Any) -> None:
    port, turns, wire, stub = stubborn([])
    wire.room = 9
    wire.refuses = {b"second": [errno.ECONNREFUSED, errno.EHOSTUNREACH]}
    for data in (b"first", b"second", b"third"):
        port.flow_to("192.0.2.1", 5060).send(data)
    turns.end()
    assert wire.sent == [b"first", b"second", b"third"]
    assert stub.calls == []


def test_what_the_kernel_refuses_again_and_again_is_told_with_the_datagram_in_hand(stubborn: Any) -> None:
    port, turns, wire, stub = stubborn([])
    wire.room = 9
    wire.refuses = {b"second": [errno.ENETUNREACH] * 9, b"third": [errno.ENOBUFS] * 9}
    for data in (b"first", b"second", b"third", b"fourth"):
        port.flow_to("192.0.2.1", 5060).send(data)
    turns.end()
    assert wire.sent == [b"first", b"fourth"]
    notes: Any = turns.receiver
    assert notes.broke == []
    for call in stub.calls:
        call()
    assert [(flow.id, why) for flow, why in notes.broke] == [
        ("UDP 192.0.2.1 5060 via 127.0.0.1 5060", os.strerror(errno.ENETUNREACH))
    ]
    assert notes.quotes == [b"second"]


def test_a_port_that_was_closed_tells_nothing_more(stubborn: Any) -> None:
    port, turns, wire, stub = stubborn([])
    wire.refuses = {b"x": [errno.ENETUNREACH] * 9}
    port.flow_to("192.0.2.1", 5060).send(b"x")
    turns.end()
    port.close()
    for call in stub.calls:
        call()
    assert turns.receiver.broke == []
