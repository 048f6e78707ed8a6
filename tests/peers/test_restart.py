"""What is left after the process was killed or asked to end."""

import signal

from tests.peers.scene import Scene
from tests.peers.server import Server
from tests.peers.sipp import Phone


def call_bob(scene: Scene, bob: Phone) -> None:
    bob.waits()
    alice = Phone(scene, "alice", "127.0.0.3", 7010)
    alice.calls("sip:bob@127.0.0.1")
    alice.finishes()
    bob.finishes()


def test_bindings_survive_a_kill_9(scene: Scene, server: Server) -> None:
    bob = Phone(scene, "bob", "127.0.0.2", 7002)
    bob.register()
    server.kill()
    server.start()
    call_bob(scene, bob)


def test_asked_to_end_it_ends_well_and_bindings_are_there_again(scene: Scene, server: Server) -> None:
    bob = Phone(scene, "bob", "127.0.0.2", 7002)
    bob.register()
    # twistd ends by the signal that it was asked with, once all is closed.
    assert server.stop() in (0, -signal.SIGTERM)
    assert server.program is not None
    assert "Server Shut Down" in server.program.text()
    server.start()
    call_bob(scene, bob)
