"""Every message of RFC 4475 and RFC 5118, sent to a running server over UDP and over TCP; table.py says what must come back."""

import socket
from pathlib import Path

import pytest

from tests.peers.wire import Answer, Stream, call_id_of, options_over_udp, request
from tests.torture.table import CLOSED, GARBLED, RELAYED, RFC_4475, RFC_5118, SILENCE, WAITS, Row
from tests.torture.town import IPV4, IPV6, Town

DATA = Path(__file__).with_name("data")
ROWS = [("rfc4475", row) for row in RFC_4475] + [("rfc5118", row) for row in RFC_5118]

every_row = pytest.mark.parametrize(("rfc", "row"), ROWS, ids=[row.name for _, row in ROWS])


def message_of(rfc: str, row: Row) -> bytes:
    return (DATA / rfc / row.name).read_bytes()


def test_no_message_is_without_a_row() -> None:
    for rfc in ("rfc4475", "rfc5118"):
        assert sorted(path.name for path in (DATA / rfc).iterdir()) == sorted(row.name for of, row in ROWS if of == rfc)
    assert (len(RFC_4475), len(RFC_5118)) == (49, 12)


def is_as_expected(answer: Answer, status: int, row: Row) -> None:
    assert answer.status == (488 if status == RELAYED else status), f"{row.why}\n{answer}"
    assert row.has in answer.head, answer


def is_relayed(town: Town, message: bytes) -> None:
    """The neighbour gets it with its body untouched, and answers."""
    there = town.neighbours.answer(call_id_of(message))
    assert there.partition(b"\r\n\r\n")[2] == message.partition(b"\r\n\r\n")[2]
    assert there.split(b" ")[0] == message.split(b" ")[0]


@every_row
def test_over_udp(town: Town, rfc: str, row: Row) -> None:
    message = message_of(rfc, row)
    town.ready_for(message)
    server = (IPV6 if row.ipv6 else IPV4, 5060)
    source = town.new_source(ipv6=row.ipv6, stranger=row.stranger)
    sock = town.scene.cage.open(socket.SOCK_DGRAM, source, row.port)
    sock.settimeout(5)
    sock.sendto(message, server)
    if row.udp == RELAYED:
        is_relayed(town, message)
    first = b""
    while row.udp != SILENCE:
        first = sock.recv(65536)
        answer = Answer(first)
        town.answered(message, answer.status)
        if answer.status >= 200:
            is_as_expected(answer, row.udp, row)
            break
    # Silence, or that nothing else comes: what follows is the answer to our next question, or the same again.
    asked = request("OPTIONS", "sip:example.com", source, row.port)
    sock.sendto(asked, server)
    while call_id_of(data := sock.recv(65536)) != call_id_of(asked):
        assert data == first, f"{row.why}\n{data!r}"
    assert Answer(data).status == 200
    assert options_over_udp(sock, server).status == 200
    assert "Traceback" not in town.text()


@every_row
def test_over_tcp(town: Town, rfc: str, row: Row) -> None:
    message = message_of(rfc, row)
    town.ready_for(message)
    source = town.new_source(ipv6=row.ipv6, stranger=row.stranger)
    stream = Stream(town.scene.cage.connect(IPV6 if row.ipv6 else IPV4, 5060, source))
    stream.connection.settimeout(5)
    stream.send(message)
    answers = []
    for outcome in row.tcp:
        if outcome == WAITS:
            head, _, body = message.partition(b"\r\n\r\n")
            assert b"Content-Length: 9999" in head
            stream.send(b"x" * (9999 - len(body)))
        elif outcome == CLOSED:
            assert stream.next() == b"", row.why
        elif outcome not in (SILENCE, GARBLED):
            if outcome == RELAYED:
                is_relayed(town, message)
            answers.append(stream.answer())
            town.answered(message, answers[-1].status)
    answers.sort(key=lambda answer: answer.status)
    for answer, outcome in zip(answers, [one for one in row.tcp if one in (RELAYED, *range(200, 700))], strict=True):
        is_as_expected(answer, outcome, row)
    if CLOSED in row.tcp or GARBLED in row.tcp:
        stream.close()
        stream = Stream(town.scene.cage.connect(IPV6 if row.ipv6 else IPV4, 5060, source))
    host, port = stream.connection.getsockname()[:2]
    asked = request("OPTIONS", "sip:example.com", host, port, "TCP")
    stream.send(asked)
    data = stream.next()
    assert call_id_of(data) == call_id_of(asked), f"{row.why}\n{data!r}"
    assert Answer(data).status == 200
    stream.close()
    assert "Traceback" not in town.text()
