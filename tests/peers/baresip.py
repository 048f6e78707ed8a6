"""baresip, a real user agent, without screen or sound card: driven and watched through its ctrl_tcp module."""

import json
import math
import socket
import struct
import time
import wave
from pathlib import Path
from typing import Any

from .certificates import Authority
from .program import NotInTime, Program
from .scene import Scene
from .server import Server
from .sipp import PASSWORDS

CONFIG = """poll_method epoll
sip_listen {host}:{port}
sip_certificate {certificates}/{user}-both.pem
sip_cafile {certificates}/ca.pem
audio_source aufile,{folder}/tone.wav
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_srate 8000-48000
audio_channels 1-2
rtp_ports 17000-17100
call_max_calls 4
ctrl_tcp_listen {host}:{control}
module_path {modules}
module g711.so
module aufile.so
module srtp.so
module account.so
module contact.so
module menu.so
module ctrl_tcp.so
"""

ACCOUNT = (
    "<sip:{user}@127.0.0.1;transport={transport}>;auth_pass={password};regint=60"
    ';outbound="sip:127.0.0.1:{port};transport={transport}"{answer}\n'
)


def write_tone(path: Path) -> None:
    """Two seconds of 440 Hz at 8 kHz, the only rate that aufile and G.711 agree on without a resampler."""
    with wave.open(str(path), "wb") as tone:
        tone.setnchannels(1)
        tone.setsampwidth(2)
        tone.setframerate(8000)
        values = (int(9000 * math.sin(2 * math.pi * 440 * at / 8000)) for at in range(16000))
        tone.writeframes(b"".join(struct.pack("<h", value) for value in values))


class Baresip:
    """One running baresip; it listens at host:port (TLS at port + 1) and is told what to do at port + 91.

    Its certificate is from the server's authority, or (not `certified`) from one that nobody else knows.
    """

    def __init__(
        self,
        scene: Scene,
        server: Server,
        user: str,
        host: str,
        port: int,
        transport: str = "UDP",
        *,
        answers: bool = False,
        certified: bool = True,
    ) -> None:
        self.user = user
        self.folder = scene.folder / f"baresip-{user}"
        self.folder.mkdir()
        # It only believes in addresses that an interface has by name, though all of 127/8 is ours.
        scene.cage.ip("addr", "add", f"{host}/8", "dev", "lo")
        control = port + 91
        modules = next(Path("/usr/lib").glob("**/baresip/modules"), Path("/usr/lib/baresip/modules"))
        authority = server.authority if certified else Authority(self.folder)
        authority.issue(user, host)
        config = CONFIG.format(
            host=host,
            port=port,
            control=control,
            folder=self.folder,
            certificates=authority.folder,
            modules=modules,
            user=user,
        )
        account = ACCOUNT.format(
            user=user,
            password=PASSWORDS[user],
            transport=transport.lower(),
            port=5061 if transport == "TLS" else 5060,
            answer=";answermode=auto" if answers else "",
        )
        (self.folder / "config").write_text(config)
        (self.folder / "accounts").write_text(account)
        (self.folder / "contacts").write_text("")
        write_tone(self.folder / "tone.wav")
        command = ["baresip", "-s", "-f", str(self.folder)]
        self.program: Program = scene.start(f"baresip-{user}", command, folder=self.folder)
        scene.bound(self.program, "TCP", host, control)
        self._control: socket.socket = scene.cage.connect(host, control)
        self._rest = b""
        self._seen: list[dict[str, Any]] = []

    def tell(self, command: str, parameters: str = "") -> None:
        """Give it a command of its menu."""
        words = json.dumps({"command": command, "params": parameters, "token": command})
        self._control.sendall(f"{len(words)}:{words},".encode())

    def event(self, kind: str, within: float = 10) -> dict[str, Any]:
        """Wait for an event of this type; those that came before it are passed over."""
        until = time.monotonic() + within
        while True:
            while (message := self._next()) is not None:
                self._seen.append(message)
                if message.get("event") and message.get("type") == kind:
                    return message
            left = until - time.monotonic()
            if left <= 0:
                raise NotInTime(f"{self.user} sees no {kind} within {within} seconds, but {self._seen}")
            self._control.settimeout(left)
            try:
                data = self._control.recv(65536)
            except TimeoutError:
                continue
            assert data, f"{self.user} closed its control connection\n{self.program.tail()}"
            self._rest += data

    def _next(self) -> dict[str, Any] | None:
        """The next whole netstring, decoded."""
        size, colon, rest = self._rest.partition(b":")
        if not colon or len(rest) <= int(size):
            return None
        self._rest = rest[int(size) + 1 :]
        message = json.loads(rest[: int(size)])
        assert isinstance(message, dict)
        return message

    def registered(self, within: float = 10) -> None:
        """Wait until the registrar let it in (from the log: the event may have passed before we listened)."""
        self.program.says("200 OK", within)
