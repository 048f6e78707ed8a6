"""What a site opens, what it cannot open, and how destinations find their flow."""

import errno
import socket
from typing import Any

import pytest

from tests.transport.papers import Authority
from tests.transport.recorder import Notes, Peer, WorldCase, message, reactor
from twsip.api.errors import ConfigError, TransportFailed
from twsip.api.facts import Destination
from twsip.transport import TCP, TLS, UDP, Transports
from twsip.transport.bind import bind
from twsip.transport.words import Listener


class StartTest(WorldCase):
    def refused(self, *listeners: Listener) -> str:
        notes = Notes()
        transports = Transports(listeners, notes, reactor, notes.tell, now=reactor.seconds)
        with pytest.raises(ConfigError) as caught:
            transports.start()
        assert transports.listening == []
        return str(caught.value)

    def test_what_listens_is_said_in_the_sites_order(self) -> None:
        _, transports = self.world(UDP(0, "127.0.0.1"), TCP(0, "::1"), UDP(0, "::1"))
        assert [entry[:2] for entry in transports.listening] == [("UDP", "127.0.0.1"), ("TCP", "::1"), ("UDP", "::1")]
        assert all(entry[2] > 0 for entry in transports.listening)

    def test_a_port_in_use_is_named_with_its_mend(self) -> None:
        _, first = self.world(UDP(0, "127.0.0.1"), TCP(0, "127.0.0.1"))
        for word, entry in ((UDP, first.listening[0]), (TCP, first.listening[1])):
            assert self.refused(word(entry[2], "127.0.0.1")) == (
                f"port {entry[2]} on 127.0.0.1 ({entry[0]}) is in use by another program; "
                f"stop that program, or give {entry[0]}(...) another port"
            )

    def test_when_one_fails_nothing_stays_open(self) -> None:
        _, first = self.world(TCP(0, "127.0.0.1"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        self.refused(UDP(free, "127.0.0.1"), TCP(first.listening[0][2], "127.0.0.1"))
        bind(UDP(free, "127.0.0.1")).close()

    def test_an_address_of_somebody_else(self) -> None:
        assert "192.0.2.1 is no address of this machine" in self.refused(UDP(0, "192.0.2.1"))

    def test_a_bad_certificate_stops_the_start(self) -> None:
        assert "nowhere.pem cannot be read" in self.refused(
            UDP(0, "127.0.0.1"), TLS(0, "127.0.0.1", certificate="nowhere.pem")
        )

    def test_every_other_failure_names_the_listener(self) -> None:
        for number, words in (
            (errno.EACCES, "take a port above 1023"),
            (errno.EAFNOSUPPORT, "does not speak IPv4"),
            (errno.ENOBUFS, "cannot be opened"),
        ):

            def fails(*arguments: Any, number: int = number) -> socket.socket:
                raise OSError(number, "no")

            self.patch(socket, "socket", fails)
            with pytest.raises(ConfigError) as caught:
                bind(UDP(80, "127.0.0.1"))
            why = str(caught.value)
            assert why.startswith("port 80 on 127.0.0.1 (UDP)")
            assert words in why


class WayTest(WorldCase):
    def test_via_names_the_listener(self) -> None:
        _, transports = self.world(UDP(0, "127.0.0.1"), UDP(0, "::1"))
        four: Any = transports.flow_to(Destination("UDP", "127.0.0.1", 5060))
        six: Any = transports.flow_to(Destination("UDP", "::1", 5060))
        assert (four.via_host, four.via_port) == ("127.0.0.1", transports.listening[0][2])
        assert (six.via_host, six.via_port) == ("[::1]", transports.listening[1][2])

    def test_via_of_a_wildcard_is_the_address_the_peer_sees(self) -> None:
        _, transports = self.world(UDP(0), UDP(0, "::"))
        four: Any = transports.flow_to(Destination("UDP", "127.0.0.1", 5060))
        six: Any = transports.flow_to(Destination("UDP", "::1", 5060))
        assert (four.via_host, four.local_host, six.via_host) == ("127.0.0.1", "127.0.0.1", "[::1]")
        assert four.id == f"UDP 127.0.0.1 5060 via 0.0.0.0 {transports.listening[0][2]}"

    def test_via_says_what_the_site_advertises(self) -> None:
        _, transports = self.world(UDP(0, advertise="sip.example.org"), UDP(0, "::1", advertise="2001:db8::1"))
        four: Any = transports.flow_to(Destination("UDP", "127.0.0.1", 5060))
        six: Any = transports.flow_to(Destination("UDP", "::1", 5060))
        assert (four.via_host, six.via_host) == ("sip.example.org", "[2001:db8::1]")

    def test_the_best_socket_is_taken_whatever_the_order(self) -> None:
        words = [UDP(0, "127.0.0.1"), UDP(0, "127.0.0.2"), UDP(0, "0.0.0.0")]
        for order in (words, words[::-1]):
            _, transports = self.world(*order)
            exact: Any = transports.flow_to(Destination("UDP", "127.0.0.1", 5060))
            outside: Any = transports.flow_to(Destination("UDP", "192.0.2.1", 5060))
            assert exact.id.split(" via ")[1].startswith("127.0.0.1 ")
            assert outside.id.split(" via ")[1].startswith("0.0.0.0 ")

    def test_there_is_no_way_to_a_name_or_a_family_or_a_transport_we_lack(self) -> None:
        _, transports = self.world(UDP(0, "127.0.0.1"))
        for transport, host, port in (
            ("UDP", "localhost", 5060),
            ("TCP", "example.org", 5060),
            ("UDP", "127.1", 5060),
            ("UDP", "0x7f000001", 5060),
            ("UDP", "127.0.0.1", 0),
            ("UDP", "127.0.0.1", 65536),
            ("UDP", "::1", 5060),
            ("SCTP", "127.0.0.1", 5060),
            ("UDP", "127.0.0.1\0", 5060),
        ):
            with pytest.raises(TransportFailed):
                transports.flow_to(Destination(transport, host, port))


class StopTest(WorldCase):
    async def test_what_was_written_still_arrives(self) -> None:
        notes, transports = self.world(UDP(0, "127.0.0.1"), TCP(0, "127.0.0.1"))
        peer = self.connect(transports, at=1)
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 1)
        flow: Any = notes.arrivals[0].flow
        flow.send(b"goodbye")
        await transports.stop()
        await peer.until(lambda: peer.ended)
        assert peer.data == b"goodbye"
        assert notes.broke == []
        with pytest.raises(TransportFailed):
            flow.send(b"x")
        for entry in transports.listening:
            bind((UDP if entry[0] == "UDP" else TCP)(entry[2], "127.0.0.1")).close()

    async def test_no_connection_is_opened_any_more_and_those_half_open_are_left(self) -> None:
        notes, transports = self.world(TCP(0, "127.0.0.1"))
        there = self.server(Peer())
        transports.flow_to(there)
        await transports.stop()
        with pytest.raises(TransportFailed):
            transports.flow_to(there)
        assert notes.broke == []

    async def test_stopping_twice_or_with_nothing_open_is_well(self) -> None:
        _, transports = self.world()
        await transports.stop()
        await transports.stop()

    async def test_a_handshake_under_way_does_not_hold_the_end(self) -> None:
        paper = Authority(self.folder()).paper("sip:example.org")
        _, transports = self.world(TLS(0, "127.0.0.1", certificate=paper))
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        await transports.stop()
        await peer.until(lambda: peer.ended)
