"""Connections on real loopback sockets: framing, pings, bounds, and that one broken stream closes nothing but itself."""

import socket
from typing import Any

import pytest

from tests.transport.recorder import Peer, SplitClock, WorldCase, message, reactor
from twsip.api.errors import TransportFailed
from twsip.api.events import CheckBroke, ConnectionClosed, LimitReached
from twsip.api.facts import Destination
from twsip.transport import TCP


class InboundTest(WorldCase):
    async def test_messages_are_framed_across_chunks(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        notes.answer = lambda arrival: arrival.flow.send(b"re: " + arrival.data[-5:])
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        one, two = message(b"hello"), message(b"world")
        for piece in (one[:7], one[7:60], one[60:] + two[:-2]):
            peer.transport.write(piece)
            await notes.until(lambda: True)
        await notes.until(lambda: notes.data == [one])
        peer.transport.write(two[-2:])
        await peer.until(lambda: peer.data == b"re: hellore: world")
        assert notes.data == [one, two]
        flow: Any = notes.arrivals[0].flow
        assert flow is notes.arrivals[1].flow
        assert (flow.transport, flow.reliable, flow.secure, flow.peer_names) == ("TCP", True, False, ())
        assert (flow.local_host, flow.local_port) == ("127.0.0.1", transports.listening[0][2])
        assert flow.id.startswith(f"TCP 127.0.0.1 {flow.port} #")
        assert transports.flow_by_id(flow.id) is flow
        assert transports.flow_to(Destination("TCP", "127.0.0.1", flow.port)) is flow

    async def test_ipv6(self) -> None:
        notes, transports = self.world(TCP(0, "::1"))
        peer = self.connect(transports, "::1")
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await notes.until(lambda: notes.data == [message()])
        assert notes.arrivals[0].flow.host == "::1"

    async def test_a_ping_gets_its_pong_and_a_lone_line_end_nothing(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        notes.answer = lambda arrival: arrival.flow.send(b"done")
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        peer.transport.write(b"\r\n" + message() + b"\r\n\r\n")
        await peer.until(lambda: peer.data == b"done\r\n")
        assert notes.data == [message()]

    async def test_the_turn_ends_before_output_leaves_in_one_piece(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        notes.answer = lambda arrival: arrival.flow.send(b"answer ")
        written: list[bytes] = []

        def watch() -> None:
            flow: Any = notes.arrivals[0].flow
            assert written == []
            flow._wire.write, self.real = written.append, flow._wire.write

        notes.commit = watch
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        peer.transport.write(message() * 3)
        await notes.until(lambda: len(notes.arrivals) == 3)
        assert notes.story == ["received"] * 3 + ["turn ends"]
        assert written == [b"answer answer answer "]

    async def test_what_one_chunk_causes_is_one_write_and_what_one_round_causes_one_send(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        notes.answer = lambda arrival: arrival.flow.send(b"ok ")
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        await notes.until(lambda: len(transports._flows) == 1)
        flow: Any = next(iter(transports._flows.values()))
        wire = flow._wire
        written: list[bytes] = []
        sent: list[bytes] = []
        write, send = wire.write, wire.writeSomeData
        wire.write = lambda data: (written.append(data), write(data))
        wire.writeSomeData = lambda data: (sent.append(data), send(data))[1]
        peer.transport.write(message() * 3 + b"\r\n\r\n")
        await peer.until(lambda: peer.data == b"ok ok ok \r\n")
        assert written == sent == [b"ok ok ok \r\n"]
        for _ in range(3):
            flow.send(b"more ")
            flow.send(b"and ")
            transports.flush()
        assert written[1:] == [b"more and "] * 3
        await peer.until(lambda: peer.data.endswith(b"more and " * 3))
        assert sent[1:] == [b"more and " * 3]

    async def test_one_message_is_written_as_it_is(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        await notes.until(lambda: len(transports._flows) == 1)
        flow: Any = next(iter(transports._flows.values()))
        written: list[bytes] = []
        real = flow._wire.write
        flow._wire.write = lambda data: (written.append(data), real(data))
        one = message(b"x" * 1000)
        flow.send(one)
        transports.flush()
        assert written[0] is one
        await peer.until(lambda: peer.data == one)

    async def test_a_broken_stream_is_answered_and_closes_nothing_but_itself(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        notes.answer = lambda arrival: arrival.flow.send(b"400 " if b"bad" in arrival.data else b"200 ")
        good, bad = self.connect(transports), self.connect(transports)
        await good.until(lambda: good.open)
        await bad.until(lambda: bad.open)
        broken = b"bad sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n"
        bad.transport.write(message() + broken + message())
        await bad.until(lambda: bad.ended)
        assert bad.data == b"200 400 "
        assert notes.data == [message(), broken]
        good.transport.write(message())
        await good.until(lambda: good.data == b"200 ")
        await notes.until(lambda: len(notes.broke) == 1)
        assert notes.broke[0][0] is notes.arrivals[0].flow
        assert [event.why for event in notes.told(ConnectionClosed)] == ["Content-Length is malformed or over 65536"]
        with pytest.raises(TransportFailed):
            notes.arrivals[0].flow.send(b"x")
        assert transports.flow_by_id(notes.arrivals[0].flow.id) is None  # type: ignore[attr-defined]

    async def test_what_is_not_sip_is_closed_without_a_word(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        peer.transport.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
        await peer.until(lambda: peer.ended)
        assert peer.data == b""
        assert notes.arrivals == []

    async def test_a_receiver_that_raises_costs_its_own_message_only(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))

        def answer(arrival: Any) -> None:
            if arrival.data.endswith(b"bad"):
                raise RuntimeError("boom")
            arrival.flow.send(b"ok")

        notes.answer = answer
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        peer.transport.write(message(b"bad") + message())
        await peer.until(lambda: peer.data == b"ok")
        assert len(notes.told(CheckBroke)) == 1

    async def test_a_deaf_reader_is_closed_at_the_bound(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1", most_unsent=200000))
        deaf = socket.socket()
        self.addCleanup(deaf.close)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        deaf.connect_ex(("127.0.0.1", transports.listening[0][2]))
        healthy = self.connect(transports)
        await healthy.until(lambda: healthy.open)
        healthy.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 1)
        deaf.send(message())
        await notes.until(lambda: len(notes.arrivals) == 2)
        flow: Any = notes.arrivals[1].flow
        sent = 0
        while flow.alive:
            flow.send(b"x" * 60000)
            transports.flush()
            sent += 60000
            assert sent < 50_000_000, "nothing bounds the queue"
            await notes.until(lambda: True)
        await notes.until(lambda: len(notes.broke) == 1)
        assert notes.broke[0][0] is flow
        assert [e.why for e in notes.told(ConnectionClosed)] == ["its peer leaves more than 200000 bytes unread"]
        notes.arrivals[0].flow.send(b"still here")
        transports.flush()
        await healthy.until(lambda: healthy.data == b"still here")

    async def test_a_slow_reader_gets_everything_in_order(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1", most_unsent=2**24))
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 1)
        peer.transport.pauseProducing()
        pieces = [b"%05d" % number * 12000 for number in range(200)]
        for piece in pieces:
            notes.arrivals[0].flow.send(piece)
            transports.flush()
            await notes.until(lambda: True)
        flow: Any = notes.arrivals[0].flow
        assert len(flow._unsent) > 1, "the kernel took all of it: nothing was shown"
        peer.transport.resumeProducing()
        everything = b"".join(pieces)
        await peer.until(lambda: len(peer.data) == len(everything))
        assert peer.data == everything

    async def test_one_source_has_its_share_and_no_more(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1", most_per_source=2))
        inside = [self.connect(transports) for _ in range(2)]
        for peer in inside:
            await peer.until(lambda peer=peer: peer.open)  # type: ignore[misc]
            peer.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 2)
        third = self.connect(transports)
        await third.until(lambda: third.ended)
        assert [(event.bound, event.action) for event in notes.told(LimitReached)] == [(2, "a new one is refused")]
        inside[0].transport.loseConnection()
        await notes.until(lambda: len(notes.broke) == 1)
        fourth = self.connect(transports)
        await fourth.until(lambda: fourth.open)
        fourth.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 3)

    async def test_when_all_is_full_the_stranger_goes_first(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1", most_connections=2))
        known, stranger = self.connect(transports), self.connect(transports)
        await known.until(lambda: known.open)
        await stranger.until(lambda: stranger.open)
        known.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 1)
        newcomer = self.connect(transports)
        await stranger.until(lambda: stranger.ended)
        newcomer.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 2)
        assert not known.ended
        assert len(notes.told(LimitReached)) == 1


class DeadlineTest(WorldCase):
    async def setting(self) -> tuple[Any, Any, SplitClock, Peer]:
        clock = SplitClock(reactor)
        notes, transports = self.world(TCP(0, "127.0.0.1", message_deadline=30.0, idle=100.0), clock=clock)
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        await notes.until(lambda: len(transports._flows) == 1)
        return notes, transports, clock, peer

    async def feed(self, notes: Any, transports: Any, peer: Peer, data: bytes) -> None:
        """Write, and wait until the bytes have been taken, whole message or not."""
        flow = next(iter(transports._flows.values()))
        taken: list[bytes] = []
        real = flow._framer
        before = flow.took

        def took(chunk: bytes) -> None:
            before(chunk)
            taken.append(chunk)
            notes.look()

        assert real is not None
        flow.took = took
        peer.transport.write(data)
        await notes.until(lambda: b"".join(taken) == data)
        flow.took = before

    async def closed(self, notes: Any, peer: Peer, why: str) -> None:
        await peer.until(lambda: peer.ended)
        assert [event.why for event in notes.told(ConnectionClosed)] == [why]

    async def test_a_connection_without_a_byte(self) -> None:
        notes, _, clock, peer = await self.setting()
        clock.pump([1.0] * 9)
        assert notes.events == []
        clock.pump([1.0] * 2)
        await self.closed(notes, peer, "no byte within 10 seconds")

    async def test_a_message_that_dribbles_does_not_move_its_deadline(self) -> None:
        notes, transports, clock, peer = await self.setting()
        for _ in range(3):
            await self.feed(notes, transports, peer, b"M")
            clock.pump([1.0] * 9)
        assert notes.events == []
        clock.pump([1.0] * 4)
        await self.closed(notes, peer, "a message not whole after 30 seconds")

    async def test_each_message_has_its_own_deadline(self) -> None:
        notes, transports, clock, peer = await self.setting()
        one = message()
        await self.feed(notes, transports, peer, one[:10])
        clock.pump([1.0] * 25)
        await self.feed(notes, transports, peer, one[10:] + one[:10])
        clock.pump([1.0] * 25)
        await self.feed(notes, transports, peer, one[10:])
        clock.pump([1.0] * 99)
        assert notes.events == []
        assert len(notes.arrivals) == 2

    async def test_pings_keep_a_connection_alive(self) -> None:
        notes, transports, clock, peer = await self.setting()
        for _ in range(3):
            await self.feed(notes, transports, peer, b"\r\n\r\n")
            clock.pump([1.0] * 90)
        await peer.until(lambda: peer.data == b"\r\n" * 3)
        assert notes.events == []
        clock.pump([1.0] * 11)
        await self.closed(notes, peer, "silent for 100 seconds")


class OutboundTest(WorldCase):
    async def test_a_message_waits_for_its_connection_and_the_next_one_uses_it(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        peer = Peer()
        there = self.server(peer)
        flow = transports.flow_to(there)
        written: list[bytes] = []
        opened = flow.connected  # type: ignore[attr-defined]

        def connected(wire: Any, side: object) -> None:
            real = wire.write
            wire.write = lambda data: (written.append(data), real(data))
            opened(wire, side)

        flow.connected = connected  # type: ignore[attr-defined]
        for part in (message(b"first")[:30], message(b"first")[30:]):
            flow.send(part)
            transports.flush()
        assert transports.flow_to(there) is flow
        await peer.until(lambda: peer.data == message(b"first"))
        assert written == [message(b"first")], "what waited leaves in one piece"
        again = transports.flow_to(there)
        assert again is flow
        again.send(message(b"second"))
        transports.flush()
        await peer.until(lambda: peer.data.endswith(message(b"second")))
        peer.transport.write(message(b"back"))
        await notes.until(lambda: notes.data == [message(b"back")])
        assert notes.arrivals[0].flow is flow
        assert (flow.via_host, flow.via_port) == ("127.0.0.1", transports.listening[0][2])  # type: ignore[attr-defined]

    async def test_a_refused_connection_is_told(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        flow: Any = transports.flow_to(Destination("TCP", "127.0.0.1", port))
        flow.send(message())
        transports.flush()
        await notes.until(lambda: len(notes.broke) == 1)
        assert notes.broke[0][0] is flow
        assert "refused" in notes.broke[0][1]
        assert not flow.alive
        assert notes.story[-2:] == ["broke", "turn ends"]

    async def test_what_the_engine_sends_when_a_flow_broke_leaves_too(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        second = Peer()
        there = self.server(second)

        def over(flow: Any, why: str, quoted: bytes) -> None:
            transports.flow_to(there).send(message(b"second try"))

        notes.flow_broke = over  # type: ignore[method-assign]
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        transports.flow_to(Destination("TCP", "127.0.0.1", port)).send(message())
        transports.flush()
        await second.until(lambda: second.data == message(b"second try"))
        notes.flow_broke = lambda flow, why, quoted: None  # type: ignore[method-assign]

    async def test_the_queue_of_a_connection_not_yet_open_is_bounded(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1", most_unsent=100000))
        there = self.server(Peer())
        flow: Any = transports.flow_to(there)
        for _ in range(3):
            flow.send(b"x" * 40000)
            transports.flush()
        assert not flow.alive
        with pytest.raises(TransportFailed):
            flow.send(b"x")
        await notes.until(lambda: len(notes.broke) == 1)
        assert "unread" in notes.broke[0][1]

    async def test_a_peer_that_hangs_up_is_told_and_called_again(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        first, second = Peer(), Peer()
        there = self.server(first, second)
        flow = transports.flow_to(there)
        await first.until(lambda: first.open)
        first.transport.loseConnection()
        await notes.until(lambda: len(notes.broke) == 1)
        again = transports.flow_to(there)
        assert again is not flow
        again.send(message())
        transports.flush()
        await second.until(lambda: second.data == message())

    async def test_a_site_without_a_listener_may_still_call(self) -> None:
        _, transports = self.world()
        peer = Peer()
        flow: Any = transports.flow_to(self.server(peer))
        assert (flow.via_host, flow.via_port) == ("127.0.0.1", 5060)
        flow.send(message())
        transports.flush()
        await peer.until(lambda: peer.data == message())
