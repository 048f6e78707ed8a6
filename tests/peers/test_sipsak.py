"""sipsak: the quick look that operators take, and its return codes (0 well, 2 not let in)."""

import pytest

from tests.peers.scene import Scene
from tests.peers.server import Server

both_transports = pytest.mark.parametrize("transport", ["udp", "tcp"])


def sipsak(scene: Scene, transport: str, *arguments: str) -> int:
    return scene.start("sipsak", ["sipsak", "-E", transport, *arguments]).ends(10)


@both_transports
def test_options(scene: Scene, server: Server, transport: str) -> None:
    assert sipsak(scene, transport, "-s", "sip:127.0.0.1") == 0


@both_transports
@pytest.mark.parametrize(("password", "code"), [("wonderland", 0), ("nope", 2)])
def test_register(scene: Scene, server: Server, transport: str, password: str, code: int) -> None:
    who = ["-U", "-s", "sip:alice@127.0.0.1", "-u", "alice", "-a", password]
    assert sipsak(scene, transport, *who, "-C", "sip:alice@127.0.0.1:9999", "-x", "60", "-l", "7999") == code
