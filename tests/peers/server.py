"""The server under test: a real `twistd -n twsip` on a site file of the test's own.

TWSIP_PEERS_AGAINST=kamailio puts Kamailio in its place, to find out whether a scenario or twsip is wrong.
"""

import os
import socket
import sys
from pathlib import Path

from . import kamailio
from .certificates import Authority
from .program import Program, wait_until
from .scene import Scene, need
from .sipp import PASSWORDS
from .wire import options_over_udp

ROOT = Path(__file__).parents[2]
AGAINST = os.environ.get("TWSIP_PEERS_AGAINST", "twsip")

SITE = '''"""A site on loopback for one test."""

from twsip.checks import Digest, InDialog, NoOpenRelay, NoPrivate, OwnIdentity, Sanity, Trusted
from twsip.cred import SQLAccounts
from twsip.handlers import Options, Proxy, Registrar
from twsip.site import TCP, TLS, UDP, Site
from twsip.stores import SQLite

site = Site(
    "127.0.0.1",
    listen=[
        UDP(5060, "127.0.0.1"),
        TCP(5060, "127.0.0.1"),
        TLS(
            5061, "127.0.0.1", certificate="{folder}/server.pem", key="{folder}/server.key", authorities="{folder}/ca.pem"
        ),
    ],
    requests=[
        Sanity(),
        InDialog({dialogs}),
        {trusted}Digest({{"127.0.0.1": SQLAccounts("{folder}/twsip.db")}}),
        OwnIdentity(),
        NoOpenRelay(),
    ],
    handlers=[Registrar(), Options(), Proxy()],
    destinations=[NoPrivate(welcome=["127.0.0.0/8", "10.99.0.0/24"])],
    bindings=SQLite("{folder}/twsip.db"),
    subscribers="{folder}/twsip.db",
    control="{folder}/control.sock",
)

application = site.application()
'''


class Server:
    """twsip at 127.0.0.1, ports 5060 (UDP, TCP) and 5061 (TLS), with alice, bob and carol as subscribers."""

    def __init__(self, scene: Scene, trusted: str = "", in_dialog_auth: str = "") -> None:
        self.scene = scene
        self.folder = scene.folder / "server"
        self.authority = Authority(self.folder)
        self.authority.issue("server", "127.0.0.1")
        self.site = self.folder / "site.tac"
        trust = f'Trusted("{trusted}", trust_udp=True),\n        ' if trusted else ""
        dialogs = f'in_dialog_auth="{in_dialog_auth}"' if in_dialog_auth else ""
        self.site.write_text(SITE.format(folder=self.folder, trusted=trust, dialogs=dialogs))
        self.probe = scene.cage.open(socket.SOCK_DGRAM, "127.0.0.1", 5999)
        self.program: Program | None = None
        self.starts = 0
        self.start()

    def start(self) -> Program:
        """Start it, the first time or again, and wait until it answers."""
        if AGAINST == "kamailio":
            need("kamailio")
            program = kamailio.start_registrar(self.scene.cage, self.folder, PASSWORDS)
        else:
            if not self.starts:
                add_subscribers(self.folder / "twsip.db", PASSWORDS)
            self.starts += 1
            program = start_twsip(self.scene, self.site, f"twsip-{self.starts}")
        self.program = self.scene.add(program)
        wait_until(self.answers, 15, f"{program.name} answers OPTIONS", program.tail)
        return program

    def kill(self) -> None:
        """End it as a power failure would."""
        assert self.program is not None
        self.program.kill()

    def stop(self) -> int:
        """Ask it to end; its return code."""
        assert self.program is not None
        return self.program.stop()

    def answers(self) -> bool:
        """Whether it answers an OPTIONS over UDP at once."""
        assert self.program is None or self.program.process.poll() is None, self.program.tail()
        self.probe.settimeout(0.2)
        try:
            return options_over_udp(self.probe).status == 200
        except OSError:
            return False


def start_twsip(scene: Scene, site: Path, name: str) -> Program:
    """`twistd -n twsip --site`, from the Python that runs the tests and this working copy."""
    twistd = Path(sys.executable).with_name("twistd")
    command = [sys.executable, str(twistd), "-n", "--pidfile=", "twsip", "--site", str(site)]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return Program(name, command, site.parent, environment, run=scene.cage.run)


def add_subscribers(database: Path, people: dict[str, str]) -> None:
    """Put the subscribers of the domain 127.0.0.1 into the site's database."""
    from twsip.stores import Subscribers

    table = Subscribers(str(database))
    for user, password in people.items():
        table.add(user, "127.0.0.1", password)
    table.close()
