"""Kamailio as the next hop and as the previous hop of one call."""

import socket

from tests.peers import kamailio
from tests.peers.program import Program, wait_until
from tests.peers.scene import Scene, need
from tests.peers.server import Server
from tests.peers.sipp import Phone
from tests.peers.wire import Answer, options_over_udp, request

HOP = "127.0.0.5"


def start_hop(scene: Scene, to: str) -> Program:
    need("kamailio")
    hop = scene.add(kamailio.start_hop(scene.cage, scene.folder / "hop", HOP, to))
    probe = scene.cage.open(socket.SOCK_DGRAM, "127.0.0.9", 5998)
    probe.settimeout(0.2)

    def answers() -> bool:
        try:
            return options_over_udp(probe, (HOP, 5060)).status == 200
        except OSError:
            return False

    wait_until(answers, 10, "Kamailio answers OPTIONS", hop.tail)
    return hop


def test_kamailio_is_the_next_hop(scene: Scene, server: Server) -> None:
    start_hop(scene, "sip:dora@127.0.0.6:7006")
    dora = Phone(scene, "dora", "127.0.0.6", 7006)
    dora.waits()
    alice = Phone(scene, "alice", "127.0.0.3", 7010)
    alice.calls(f"sip:dora@{HOP}")
    alice.finishes()
    dora.finishes()
    assert dora.messages.count("Record-Route: <sip:127.0.0.1") >= 1
    assert dora.messages.count(f"Record-Route: <sip:{HOP}") >= 1


def test_kamailio_is_the_previous_hop(scene: Scene) -> None:
    Server(scene, trusted=HOP)
    start_hop(scene, "sip:bob@127.0.0.1")
    bob = Phone(scene, "bob", "127.0.0.2", 7002)
    bob.register()
    bob.waits()
    eve = Phone(scene, "eve", "127.0.0.6", 7006, server=HOP)
    eve.calls("sip:bob@127.0.0.1", "caller_unchallenged")
    eve.finishes()
    bob.finishes()


def test_a_hop_that_is_not_trusted_vouches_for_nobody(scene: Scene, server: Server) -> None:
    start_hop(scene, "sip:bob@127.0.0.1")
    sock = scene.cage.open(socket.SOCK_DGRAM, "127.0.0.6", 7006)
    asked = request("MESSAGE", "sip:bob@127.0.0.1", "127.0.0.6", 7006, from_="sip:alice@127.0.0.1")
    sock.sendto(asked, (HOP, 5060))
    answer = Answer(sock.recv(65536))
    assert answer.status == 407
    assert answer.header("Proxy-Authenticate")
