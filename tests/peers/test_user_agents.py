"""Two real user agents register and call each other, headless."""

import pytest

from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.peers.scene import Scene
from tests.peers.server import Server


@pytest.mark.parametrize(("transport", "certified"), [("UDP", True), ("TCP", True), ("TLS", True), ("TLS", False)])
def test_baresip_calls_baresip(scene: Scene, server: Server, transport: str, certified: bool) -> None:
    bob = Baresip(scene, server, "bob", "127.0.0.2", 7110, transport, answers=True, certified=certified)
    alice = Baresip(scene, server, "alice", "127.0.0.3", 7210, transport, certified=certified)
    for phone in (bob, alice):
        phone.registered()
    alice.tell("dial", "sip:bob@127.0.0.1")
    for phone in (alice, bob):
        phone.event("CALL_ESTABLISHED")
    alice.tell("hangup")
    for phone in (alice, bob):
        phone.event("CALL_CLOSED")


def test_linphone_calls_baresip(scene: Scene, server: Server) -> None:
    scene.cage.look_like_a_lan()
    bob = Baresip(scene, server, "bob", "127.0.0.2", 7110, answers=True)
    alice = Linphone(scene, "alice", 7300)
    for phone in (bob, alice):
        phone.registered()
    alice.tell("call sip:bob@127.0.0.1")
    bob.event("CALL_ESTABLISHED")
    alice.asked("calls", "StreamsRunning")
    alice.tell("terminate")
    bob.event("CALL_CLOSED")


def test_baresip_calls_linphone(scene: Scene, server: Server) -> None:
    scene.cage.look_like_a_lan()
    bob = Linphone(scene, "bob", 7300, answers=True)
    alice = Baresip(scene, server, "alice", "127.0.0.2", 7110)
    for phone in (bob, alice):
        phone.registered()
    alice.tell("dial", "sip:bob@127.0.0.1")
    alice.event("CALL_ESTABLISHED")
    bob.asked("calls", "StreamsRunning")
    alice.tell("hangup")
    alice.event("CALL_CLOSED")
