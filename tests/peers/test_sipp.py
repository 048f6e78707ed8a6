"""SIPp as phones: registering, calling, changing, cancelling, forking, over UDP and TCP."""

import re
import socket

import pytest

from tests.peers.scene import Scene
from tests.peers.server import Server
from tests.peers.sipp import Phone
from tests.peers.wire import Answer

BOB = "sip:bob@127.0.0.1"

both_transports = pytest.mark.parametrize("transport", ["UDP", "TCP"])


@both_transports
def test_register_with_digest(scene: Scene, server: Server, transport: str) -> None:
    Phone(scene, "bob", "127.0.0.2", 7002, transport).register()


@both_transports
def test_a_wrong_password_is_challenged_again(scene: Scene, server: Server, transport: str) -> None:
    Phone(scene, "bob", "127.0.0.2", 7002, transport).register(password="nope", scenario="register_refused")


@both_transports
@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        ("caller", "callee"),
        ("caller_reinvites", "callee_reinvited"),
        ("caller_hung_up_on", "callee_hangs_up"),
        ("caller_cancels", "callee_cancelled"),
    ],
)
def test_a_call(scene: Scene, server: Server, transport: str, caller: str, callee: str) -> None:
    alice = Phone(scene, "alice", "127.0.0.3", 7010, transport)
    bob = Phone(scene, "bob", "127.0.0.2", 7002, transport)
    bob.register()
    bob.waits(callee)
    alice.calls(BOB, caller)
    alice.finishes()
    bob.finishes()


@pytest.mark.parametrize(("alices", "bobs"), [("UDP", "TCP"), ("TCP", "UDP")])
def test_a_call_from_one_transport_to_the_other(scene: Scene, server: Server, alices: str, bobs: str) -> None:
    bob = Phone(scene, "bob", "127.0.0.2", 7002, bobs)
    bob.register()
    bob.waits()
    alice = Phone(scene, "alice", "127.0.0.3", 7010, alices)
    alice.calls(BOB)
    alice.finishes()
    bob.finishes()


@both_transports
def test_two_phones_ring_at_once_and_the_slower_one_is_cancelled(scene: Scene, server: Server, transport: str) -> None:
    slow = Phone(scene, "bob", "127.0.0.2", 7002, transport)
    quick = Phone(scene, "bob", "127.0.0.4", 7004, transport)
    for phone in (slow, quick):
        phone.register()
    slow.waits("callee_cancelled")
    quick.waits("callee_after_ringing")
    alice = Phone(scene, "alice", "127.0.0.3", 7010, transport)
    alice.calls(BOB, "caller_forked")
    for phone in (alice, quick, slow):
        phone.finishes()


@both_transports
def test_a_lower_q_rings_only_when_the_higher_one_turned_away(scene: Scene, server: Server, transport: str) -> None:
    last = Phone(scene, "bob", "127.0.0.2", 7002, transport)
    first = Phone(scene, "bob", "127.0.0.4", 7004, transport)
    last.register(q="0.3")
    first.register(q="0.9")
    last.waits()
    first.waits("callee_busy")
    alice = Phone(scene, "alice", "127.0.0.3", 7010, transport)
    alice.calls(BOB, "caller_forked")
    for phone in (alice, first, last):
        phone.finishes()
    assert first.moment_of("SIP/2.0 486") < last.moment_of("INVITE sip:")


@both_transports
def test_in_mode_always_a_reinvite_and_a_bye_are_challenged_and_answer(scene: Scene, transport: str) -> None:
    Server(scene, in_dialog_auth="always")
    bob = Phone(scene, "bob", "127.0.0.2", 7002, transport)
    bob.waits("callee_reinvited")
    alice = Phone(scene, "alice", "127.0.0.3", 7010, transport)
    # SIPp signs one URI in all its requests: where bob is called must be what his Contact says.
    alice.calls(f"sip:127.0.0.2:7002;transport={transport}", "caller_challenged")
    alice.finishes()
    bob.finishes()
    assert alice.messages.count("SIP/2.0 407") == 3


@both_transports
def test_in_mode_always_the_callee_is_challenged_too(scene: Scene, transport: str) -> None:
    Server(scene, in_dialog_auth="always")
    alice = Phone(scene, "alice", "127.0.0.3", 7010, transport)
    bob = Phone(scene, "bob", "127.0.0.2", 7002, transport)
    bob.register()
    bob.waits("callee_hangs_up_challenged", signs=f"sip:alice@127.0.0.3:7010;transport={transport}")
    alice.calls(BOB, "caller_hung_up_on")
    alice.finishes()
    bob.finishes()
    assert bob.messages.count("SIP/2.0 407") == 1


def test_what_somebody_saw_of_a_call_is_worth_nothing_elsewhere(scene: Scene, server: Server) -> None:
    alice = Phone(scene, "alice", "127.0.0.3", 7010)
    bob = Phone(scene, "bob", "127.0.0.2", 7002)
    bob.register()
    bob.waits("callee_reinvited")
    alice.calls(BOB, "caller_reinvites")
    alice.finishes()
    bob.finishes()
    assert alice.messages.count("SIP/2.0 407") == 1
    seen = re.search(r"\n(BYE sip:.*?\n)\n", alice.messages.replace("\r", ""), re.DOTALL)
    assert seen is not None
    assert ";lr;m=" in seen.group(1)
    bye = seen.group(1).replace("branch=z9hG4bK", "branch=z9hG4bKagain").replace("127.0.0.3:7010", "127.0.0.9:7099")
    sock = scene.cage.open(socket.SOCK_DGRAM, "127.0.0.9", 7099)
    sock.settimeout(5)
    sock.sendto(bye.replace("\n", "\r\n").encode() + b"\r\n", ("127.0.0.1", 5060))
    assert Answer(sock.recv(65536)).status == 407


def test_in_mode_never_the_log_says_so_once(scene: Scene) -> None:
    server = Server(scene, in_dialog_auth="never")
    assert server.program is not None
    assert server.program.text().count("event=unsafe") == 1
    assert 'option="in_dialog_auth=never"' in server.program.text()
