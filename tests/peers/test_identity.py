"""Nobody is somebody else: a real twistd, real tables, real datagrams; bob's right password and alice's name."""

import socket
import sqlite3

import pytest

from tests.helpers import digest_answer
from tests.peers.program import wait_until
from tests.peers.scene import Scene
from tests.peers.server import add_subscribers, start_twsip
from tests.peers.wire import Answer, options_over_udp, request

SITE = '''"""A site whose subscribers are who the uri table says."""

from twsip.checks import AssertedIdentity, Digest, InDialog, NoOpenRelay, NoPrivate, OwnIdentity, Sanity
from twsip.cred import SQLAccounts, UriTable
from twsip.handlers import Options, Proxy, Registrar
from twsip.site import UDP, Site
from twsip.stores import SQLite

database = "{folder}/twsip.db"
site = Site(
    "127.0.0.1",
    listen=[UDP(5060, "127.0.0.1")],
    requests=[
        Sanity(),
        InDialog(),
        Digest({{"127.0.0.1": SQLAccounts(database)}}, anonymous=True),
        OwnIdentity({options}),
        AssertedIdentity("127.0.0.16"),
        NoOpenRelay(),
    ],
    handlers=[Registrar(), Options(), Proxy()],
    destinations=[NoPrivate(welcome=["127.0.0.0/8"])],
    bindings=SQLite(database),
    subscribers=database,
)

application = site.application()
'''
TABLE = "use_uri_table=UriTable(database), remember=0, anonymous=True"
PHONE = "127.0.0.7"


class Here:
    """The site, started, and one phone."""

    def __init__(self, scene: Scene, options: str = "") -> None:
        self.scene = scene
        self.folder = scene.folder
        self.database = self.folder / "twsip.db"
        add_subscribers(self.database, {"alice": "wonder", "bob": "build", "auth1": "one"})
        site = self.folder / "site.tac"
        site.write_text(SITE.format(folder=self.folder, options=options))
        self.phone = scene.cage.open(socket.SOCK_DGRAM, PHONE, 5070)
        program = scene.add(start_twsip(scene, site, "twsip"))
        self.program = program
        probe = scene.cage.open(socket.SOCK_DGRAM, PHONE, 5999)
        probe.settimeout(0.2)

        def answers() -> bool:
            assert program.process.poll() is None, program.tail()
            try:
                return options_over_udp(probe).status == 200
            except OSError:
                return False

        wait_until(answers, 15, "twsip answers OPTIONS", program.tail)

    def asks(self, data: bytes) -> Answer:
        """The first final answer."""
        self.phone.sendto(data, ("127.0.0.1", 5060))
        while True:
            found = Answer(self.phone.recv(65536))
            if found.status >= 200:
                return found

    def tries(self, auth_id: str, password: str, method: str, uri: str, from_: str, to: str = "", *more: str) -> Answer:
        """What comes of it when the challenge is answered with the right password."""
        status, header = (401, "WWW-Authenticate") if method == "REGISTER" else (407, "Proxy-Authenticate")

        def made(*extra: str) -> bytes:
            data = request(method, uri, PHONE, 5070, from_=f"sip:{from_}", extra=(*more, *extra))
            return data.replace(f"To: <{uri}>".encode(), f"To: <sip:{to}>".encode()) if to else data

        asked = self.asks(made())
        assert asked.status == status, asked
        proof = digest_answer(asked.header(header)[0], auth_id, password, method, uri)
        return self.asks(made(f"{header.replace('Authenticate', 'Authorization').replace('WWW-', '')}: {proof}"))

    def registers(self, auth_id: str, password: str, from_: str, to: str) -> int:
        contact = f"Contact: <sip:{auth_id}@{PHONE}:5070>"
        home = "127.0.0.1"
        return self.tries(
            auth_id, password, "REGISTER", f"sip:{home}", f"{from_}@{home}", f"{to}@{home}", contact
        ).status

    def rows(self, *rows: tuple[str, str, str]) -> None:
        """More rows for the table."""
        connection = sqlite3.connect(self.database)
        connection.executemany("INSERT INTO uri (username, domain, uri_user) VALUES (?, ?, ?)", rows)
        connection.commit()
        connection.close()


def test_bobs_credentials_with_alices_to_end_in_403(scene: Scene) -> None:
    here = Here(scene)
    assert here.registers("bob", "build", "bob", "alice") == 403
    assert here.registers("bob", "build", "alice", "alice") == 403
    assert here.registers("bob", "build", "bob", "bob") == 200
    assert here.registers("alice", "wonder", "alice", "alice") == 200
    assert here.tries("bob", "build", "MESSAGE", "sip:alice@127.0.0.1", "alice@127.0.0.1").status == 403
    assert "Traceback" not in here.program.text()


def test_the_uri_table_allows_exactly_its_rows(scene: Scene) -> None:
    here = Here(scene, TABLE)
    assert here.registers("auth1", "one", "auth1", "auth1") == 403
    here.rows(
        ("auth1", "127.0.0.1", "sip1"),
        ("auth1", "127.0.0.1", "sip2"),
        ("bob", "127.0.0.1", "sip2"),
        ("bob", "sip.com", "sip3"),
    )
    # fmt: off
    for auth_id, password, from_, to, status in (
        ("auth1", "one",   "sip1",  "sip1",  200),
        ("auth1", "one",   "sip1",  "sip2",  200),
        ("bob",   "build", "sip2",  "sip2",  200),
        ("bob",   "build", "sip1",  "sip1",  403),
        ("bob",   "build", "sip3",  "sip3",  403),
        ("bob",   "build", "bob",   "bob",   403),
        ("auth1", "one",   "auth1", "auth1", 403),
    ):
        assert here.registers(auth_id, password, from_, to) == status, (auth_id, from_, to)
    # fmt: on
    connection = sqlite3.connect(here.database)
    connection.execute("ALTER TABLE uri RENAME TO gone")
    connection.commit()
    for from_ in ("sip1", "sip3"):
        assert here.registers("auth1", "one", from_, from_) == 500
    connection.execute("ALTER TABLE gone RENAME TO uri")
    connection.commit()
    connection.close()
    assert here.registers("auth1", "one", "sip1", "sip1") == 200
    said = here.program.text()
    assert "Traceback" not in said
    assert said.count("event=backend_failed") == said.count("event=backend_recovered") == 1, said


@pytest.mark.parametrize(("host", "known"), [("127.0.0.16", ["<sip:sip1@127.0.0.1>"]), ("127.0.0.17", [])])
def test_an_anonymous_caller_is_known_to_the_gateway_alone(scene: Scene, host: str, known: list[str]) -> None:
    here = Here(scene, TABLE)
    here.rows(("auth1", "127.0.0.1", "sip1"))
    callee = scene.cage.open(socket.SOCK_DGRAM, host, 5060)
    uri, hidden = f"sip:+49@{host}", "anonymous@anonymous.invalid"
    asked = here.asks(request("MESSAGE", uri, PHONE, 5070, from_=f"sip:{hidden}"))
    assert asked.status == 407
    proof = digest_answer(asked.header("Proxy-Authenticate")[0], "auth1", "one", "MESSAGE", uri)
    extra = ("Privacy: id", "P-Preferred-Identity: <sip:sip1@127.0.0.1>", f"Proxy-Authorization: {proof}")
    here.phone.sendto(request("MESSAGE", uri, PHONE, 5070, from_=f"sip:{hidden}", extra=extra), ("127.0.0.1", 5060))
    lines = callee.recv(65536).decode().split("\r\n")
    assert [line.partition(": ")[2] for line in lines if line.startswith("P-Asserted-Identity")] == known
    assert not [line for line in lines if line.startswith(("P-Preferred", "Proxy-Authorization"))]
    assert any(line.startswith(f"From: <sip:{hidden}>") for line in lines)
