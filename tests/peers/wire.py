"""Bare SIP over bare sockets: requests as text, answers as status and headers; nothing of twsip is used here."""

import itertools
import socket
import ssl
from typing import final

_numbers = itertools.count(1)


@final
class Answer:
    """One response as it came."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.head = head.decode("utf-8", "replace")
        first = self.head.split("\r\n", 1)[0]
        if not first.startswith("SIP/2.0 "):
            raise ValueError(f"not a response: {first!r}")
        self.status = int(first.split(" ")[1])

    def header(self, name: str) -> list[str]:
        """All values of the header with exactly this name in any case."""
        lines = [line.partition(":") for line in self.head.split("\r\n")[1:]]
        return [value.strip() for found, _, value in lines if found.strip().lower() == name.lower()]

    def __repr__(self) -> str:
        return f"<{self.head}>"


def request(
    method: str,
    uri: str,
    host: str,
    port: int,
    transport: str = "UDP",
    *,
    from_: str = "sip:probe@somewhere.invalid",
    extra: tuple[str, ...] = (),
    body: str = "",
    call_id: str = "",
) -> bytes:
    """A sound request with a new branch and Call-ID, from host:port, which `rport` makes the address of the answer."""
    number = next(_numbers)
    where = f"[{host}]" if ":" in host else host
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} {where}:{port};branch=z9hG4bKwire{number};rport",
        "Max-Forwards: 70",
        f"From: <{from_}>;tag=wire{number}",
        f"To: <{uri}>",
        f"Call-ID: {call_id or f'wire{number}@{host}'}",
        f"CSeq: {number} {method}",
        *extra,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def call_id_of(message: bytes) -> str:
    """The Call-ID of a message in its full spelling."""
    for line in message.split(b"\r\n"):
        if line.lower().startswith(b"call-id:"):
            return line[8:].strip().decode()
    return ""


class Stream:
    """Messages from a TCP or TLS connection, one at a time."""

    def __init__(self, connection: socket.socket | ssl.SSLSocket) -> None:
        self.connection = connection
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def next(self) -> bytes:
        """The next whole message, b"" when the peer has closed; TimeoutError after the socket's time."""
        while True:
            self._rest = self._rest.lstrip(b"\r\n")
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if end:
                size = 0
                for line in head.split(b"\r\n")[1:]:
                    name, _, value = line.partition(b":")
                    if name.strip().lower() in (b"content-length", b"l"):
                        size = int(value)
                if len(rest) >= size:
                    self._rest = rest[size:]
                    return head + end + rest[:size]
            try:
                data = self.connection.recv(65536)
            except ConnectionResetError:
                return b""
            if not data:
                return b""
            self._rest += data

    def answer(self) -> Answer:
        """The next final response."""
        while True:
            data = self.next()
            if not data:
                raise ConnectionError("the connection was closed before the answer")
            answer = Answer(data)
            if answer.status >= 200:
                return answer

    def close(self) -> None:
        """Hang up."""
        self.connection.close()


def options_over_udp(sock: socket.socket, to: tuple[str, int] = ("127.0.0.1", 5060)) -> Answer:
    """Ask for OPTIONS with this socket; the final answer to exactly this request, whatever else comes in between."""
    host, port = sock.getsockname()[:2]
    where = f"[{to[0]}]" if ":" in to[0] else to[0]
    asked = request("OPTIONS", f"sip:{where}", host, port)
    sock.sendto(asked, to)
    wanted = call_id_of(asked)
    while True:
        data = sock.recv(65536)
        if data.startswith(b"SIP/2.0 ") and Answer(data).header("Call-ID") == [wanted]:
            return Answer(data)
