"""A whole twsip on a database that hangs, dies and comes back: 500 with Retry-After, never 401 and never a pass, and it goes on."""

import socket
from collections.abc import Iterator

import pytest

from tests.helpers import digest_answer
from tests.peers.databases import KINDS, MariaDB, PostgreSQL, kamailio_table, start_database
from tests.peers.program import wait_until
from tests.peers.scene import Scene
from tests.peers.server import start_twsip
from tests.peers.wire import Answer, call_id_of, options_over_udp, request

PASSWORD = "s3cr%et"
SITE = '''"""Accounts in a database server, none of them remembered."""

from twsip.checks import Digest, NoOpenRelay, OwnIdentity
from twsip.cred import SQLAccounts
from twsip.handlers import Options, Registrar
from twsip.site import UDP, Site
from twsip.stores import Memory

site = Site(
    "127.0.0.1",
    listen=[UDP(5060, "127.0.0.1")],
    requests=[Digest({{"127.0.0.1": SQLAccounts({url!r})}}, remember=0, timeout=1.0), OwnIdentity(), NoOpenRelay()],
    handlers=[Registrar(), Options()],
    bindings=Memory(),
)
application = site.application()
'''


@pytest.fixture(params=list(KINDS))
def database(request: pytest.FixtureRequest) -> Iterator[PostgreSQL | MariaDB]:
    """A server with Kamailio's table, alice in it, and a user with a password who may read it."""
    made = start_database(request.param)
    try:
        kamailio_table(made)
        create = "CREATE ROLE careful LOGIN PASSWORD" if made.kind == "postgresql" else "CREATE USER careful IDENTIFIED BY"
        made.execute(
            "INSERT INTO subscriber (username, domain, password) VALUES ('alice', '127.0.0.1', 'wonderland')",
            "UPDATE subscriber SET ha1 = MD5('alice:127.0.0.1:wonderland')",
            f"{create} '{PASSWORD}'",
            "GRANT SELECT ON subscriber TO careful",
        )
        yield made
    finally:
        made.close()


class Phone:
    """Sends REGISTERs that know the answer to the last challenge."""

    def __init__(self, scene: Scene) -> None:
        self.socket = scene.cage.open(socket.SOCK_DGRAM, "127.0.0.1", 5990)
        self.other = scene.cage.open(socket.SOCK_DGRAM, "127.0.0.1", 5991)
        self._count = 0
        self._answers: dict[str, Answer] = {}

    def ask(self, password: str = "", user: str = "alice", challenge: str = "") -> str:
        """Send one; its Call-ID."""
        extra = ["Contact: <sip:alice@127.0.0.1:5990>", "Expires: 60"]
        if challenge:
            self._count += 1
            extra.append("Authorization: " + digest_answer(challenge, user, password, "REGISTER", "sip:127.0.0.1", nc=self._count))
        who = f"sip:{user}@127.0.0.1"
        made = request("REGISTER", "sip:127.0.0.1", "127.0.0.1", 5990, from_=who, extra=tuple(extra))
        made = made.replace(b"To: <sip:127.0.0.1>", f"To: <{who}>".encode())
        self.socket.sendto(made, ("127.0.0.1", 5060))
        return call_id_of(made)

    def answer(self, call_id: str) -> Answer:
        """The final response to it."""
        while call_id not in self._answers:
            answer = Answer(self.socket.recv(65536))
            if answer.status >= 200:
                self._answers[answer.header("Call-ID")[0]] = answer
        return self._answers.pop(call_id)

    def register(self, password: str = "wonderland", user: str = "alice") -> Answer:
        """Ask, be challenged, answer."""
        challenge = self.answer(self.ask(user=user))
        assert challenge.status == 401
        return self.answer(self.ask(password, user, challenge.header("WWW-Authenticate")[0]))

    def is_in(self) -> bool:
        """Whether alice may register."""
        status = self.register().status
        assert status in (200, 500)
        return status == 200


def test_down_and_back(scene: Scene, database: PostgreSQL | MariaDB) -> None:
    site = scene.folder / "site.tac"
    site.write_text(SITE.format(url=database.url("careful", PASSWORD)))
    # It starts before its database does.
    database.stop()
    program = scene.add(start_twsip(scene, site, "twsip"))
    phone = Phone(scene)
    scene.bound(program, "UDP", "127.0.0.1", 5060)
    assert phone.register().status == 500
    database.start()
    wait_until(phone.is_in, 10, "alice is let in")
    for password, user in (("wrong", "alice"), ("wonderland", "nobody"), ("wonderland", "alice'--")):
        assert phone.register(password, user).status == 401

    for down, up in ((database.freeze, database.thaw), (database.kill, database.start)):
        told = program.text().count("event=backend_failed")
        down()
        challenge = phone.answer(phone.ask()).header("WWW-Authenticate")[0]
        waiting = [phone.ask("wonderland", challenge=challenge) for _ in range(3)]
        # Whoever needs no account is served meanwhile.
        assert options_over_udp(phone.other).status == 200
        for call_id in waiting:
            answer = phone.answer(call_id)
            assert (answer.status, answer.header("Retry-After")) == (500, ["5"])
        assert program.text().count("event=backend_failed") <= told + 1
        up()
        wait_until(phone.is_in, 10, "alice is let in again")
        assert phone.register("wrong").status == 401
    assert "Traceback" not in program.text(), program.tail()

    # Asked to end while the database hangs, it ends.
    database.freeze()
    for _ in range(40):
        phone.ask("wonderland", challenge=challenge)
    assert options_over_udp(phone.other).status == 200
    program.process.terminate()
    program.ends(15)
    said = program.text()
    assert "Server Shut Down" in said
    assert PASSWORD not in said and "s3cr" not in said
