"""The torture site and its neighbourhood: twsip for example.com, and neighbours that answer whatever is relayed to them."""

import re
import selectors
import socket
from pathlib import Path

from tests.peers.program import Program, wait_until
from tests.peers.scene import Scene
from tests.peers.server import add_subscribers, start_twsip
from tests.peers.wire import Stream, call_id_of, options_over_udp

IPV4, IPV6 = "127.0.0.3", "2001:db8::10"
NEIGHBOURS = [("127.0.0.9", 5060), ("127.0.0.1", 5080), ("2001:db8::c000:201", 5060), ("2001:db8::10:5070", 5060)]
SECONDS = 5

SITE = '''"""The torture site."""

from twsip.checks import Digest, InDialog, NoOpenRelay, Sanity, Trusted
from twsip.cred import SQLAccounts
from twsip.dns import FixedResolver
from twsip.handlers import Options, Proxy, Registrar
from twsip.site import TCP, UDP, Site
from twsip.stores import Memory

neighbour = "127.0.0.9"
names = ["example.org", "example.net", "host.example.net", "services.example.com", "registrar.example.com", "company.com"]

site = Site(
    "example.com",
    listen=[
        UDP(5060, "127.0.0.3"), TCP(5060, "127.0.0.3"),
        UDP(5060, "2001:db8::10"), TCP(5060, "2001:db8::10"),
        UDP(5070, "2001:db8::10"), TCP(5070, "2001:db8::10"),
    ],
    requests=[
        Sanity(),
        Trusted(["127.1.0.0/16", "2001:db8::/32"], trust_udp=True),
        InDialog(),
        Digest({{"example.com": SQLAccounts("{folder}/twsip.db")}}),
        NoOpenRelay(),
    ],
    handlers=[Registrar(), Options(), Proxy()],
    bindings=Memory(),
    resolver=FixedResolver(dict.fromkeys(names, neighbour)),
)

application = site.application()
'''


class Neighbours:
    """Sockets at the places that messages are relayed to; each request there is answered with 488."""

    def __init__(self, scene: Scene) -> None:
        self._selector = selectors.DefaultSelector()
        for host, port in NEIGHBOURS:
            self._selector.register(scene.cage.open(socket.SOCK_DGRAM, host, port), selectors.EVENT_READ)
            door = scene.cage.open(socket.SOCK_STREAM, host, port)
            door.listen()
            self._selector.register(door, selectors.EVENT_READ)

    def answer(self, call_id: str) -> bytes:
        """Wait for the request with this Call-ID, answer it, and return it; others (repeats of old ones) get nothing."""
        while True:
            ready = self._selector.select(SECONDS)
            assert ready, f"no neighbour got the request {call_id}"
            for key, _ in ready:
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock.type == socket.SOCK_STREAM:
                    connection, _ = sock.accept()
                    with connection:
                        connection.settimeout(SECONDS)
                        stream = Stream(connection)
                        data = stream.next()
                        if call_id_of(data) == call_id:
                            stream.send(refusal(data))
                            return data
                else:
                    data, source = sock.recvfrom(65536)
                    if call_id_of(data) == call_id:
                        sock.sendto(refusal(data), source)
                        return data

    def close(self) -> None:
        """Look no more."""
        self._selector.close()


def refusal(request: bytes) -> bytes:
    """488 to this request."""
    lines = [b"SIP/2.0 488 Not Acceptable Here"]
    for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name = line.partition(b":")[0].strip().lower()
        if name in (b"via", b"v", b"from", b"f", b"call-id", b"i", b"cseq"):
            lines.append(line)
        elif name in (b"to", b"t"):
            lines.append(line if b"tag" in line else line + b";tag=neighbour")
    return b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])


class Town:
    """The running site.  It starts anew when a row could notice an earlier one: by a repeated transaction or a binding."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene(folder)
        self.scene.cage.add_ipv6("2001:db8::/32", IPV6)
        self.neighbours = Neighbours(self.scene)
        self.folder = folder / "server"
        self.folder.mkdir()
        self._site = self.folder / "site.tac"
        self._site.write_text(SITE.format(folder=self.folder))
        add_subscribers(self.folder / "twsip.db", {"watson": "holmes"})
        self._probe = self.scene.cage.open(socket.SOCK_DGRAM, "127.1.0.1", 5999)
        self._program: Program | None = None
        self._seen: set[bytes] = set()
        self._has_bindings = False
        self._sources = 1

    def ready_for(self, message: bytes) -> None:
        """See that the site runs and has not seen a message with this branch, sent-by and method (section 17.2.3)."""
        via = re.search(rb"(?im)^(?:via|v)\s*:(.*)$", message)
        key = message.split(b" ")[0] + (via.group(1) if via else b"")
        if self._program is None or self._has_bindings or key in self._seen:
            if self._program is not None:
                self._program.kill()
            self._seen.clear()
            self._has_bindings = False
            self._program = self.scene.add(start_twsip(self.scene, self._site, f"twsip-{self._sources}"))
            self._probe.settimeout(0.2)
            wait_until(self._answers, 15, "the torture site answers OPTIONS", self._program.tail)
        self._seen.add(key)

    def answered(self, message: bytes, status: int) -> None:
        """Take note of an answer: after a registration the next row wants a site where nobody is registered again."""
        if message.startswith(b"REGISTER") and status == 200:
            self._has_bindings = True

    def _answers(self) -> bool:
        assert self._program is not None
        assert self._program.process.poll() is None, self._program.tail()
        try:
            return options_over_udp(self._probe, (IPV4, 5060)).status == 200
        except OSError:
            return False

    def new_source(self, *, ipv6: bool, stranger: bool) -> str:
        """An address that nobody sent from yet."""
        self._sources += 1
        if ipv6:
            return f"2001:db8::9:{self._sources:x}"
        return f"127.{2 if stranger else 1}.0.{self._sources}"

    def text(self) -> str:
        """All that the site said since it was last started."""
        return "" if self._program is None else self._program.text()

    def close(self) -> None:
        """End everything."""
        self.neighbours.close()
        self.scene.close()
