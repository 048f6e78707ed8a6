"""Sealed accounts in real processes: moving a site to sealed HA1s, a theft, a rotation under load, and kill -9 in the middle."""

import hashlib
import io
import itertools
import json
import re
import shutil
import signal
import socket
import sqlite3
import threading

import pytest

from tests.helpers import digest_answer
from tests.test_tap import exchange, running
from twsip.cred.seal import Seal
from twsip.guard.keyring import is_sealed
from twsip.ops import ctl
from twsip.stores import Subscribers
from twsip.stores.schema import SUBSCRIBER, URI, connect

DOMAIN = "127.0.0.1"
NUMBERS = itertools.count(1)

TAC = """\
from twsip.site import UDP, Site
from twsip.checks import Digest, NoOpenRelay, OwnIdentity
from twsip.cred import SQLAccounts
from twsip.handlers import Options, Registrar
from twsip.stores import Memory

site = Site(
    "127.0.0.1",
    listen=[UDP(0, "127.0.0.1")],
    requests=[Digest({{"127.0.0.1": SQLAccounts("twsip.db"{options})}}, remember={remember}), OwnIdentity(), NoOpenRelay()],
    handlers=[Registrar(), Options()],
    bindings=Memory(),
    subscribers="twsip.db",
    control="control.sock",
)
application = site.application()
"""
SEALED = ', seal="ha1.key"'
MOVING = SEALED + ", accept_unsealed=True"


def site(folder, options, remember=0):
    """twistd on a site with these options of SQLAccounts."""
    (folder / "site.tac").write_text(TAC.format(options=options, remember=remember))
    return running("-n", "twsip", "--site", "site.tac", cwd=folder)


def register(port, user, password):
    """The status of a registration with this password."""
    number = next(NUMBERS)

    def message(cseq, answer=""):
        return lambda own: (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKs{number}-{cseq};rport\r\n"
            f"From: <sip:{user}@{DOMAIN}>;tag=1\r\nTo: <sip:{user}@{DOMAIN}>\r\nCall-ID: seal-{number}\r\n"
            f"CSeq: {cseq} REGISTER\r\nContact: <sip:{user}@127.0.0.1:9999>\r\nExpires: 600\r\nMax-Forwards: 70\r\n"
            f"{answer}Content-Length: 0\r\n\r\n"
        )

    challenge = re.search(r"WWW-Authenticate: (.+)\r\n", exchange(port, message(1))).group(1)
    answer = digest_answer(challenge, user, password, "REGISTER", f"sip:{DOMAIN}")
    return int(exchange(port, message(2, f"Authorization: {answer}\r\n")).split()[1])


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """twsipctl: its answer, or its sentence."""

    def run(*words, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = ctl.main(["--socket", str(tmp_path / "control.sock"), "--json", *words])
        out, err = capsys.readouterr()
        return json.loads(out) if code == 0 else err

    return run


def fill(path, many):
    """So many clear subscribers, user0 with the password pw0 and so on."""
    connection = connect(str(path), SUBSCRIBER, URI)
    connection.execute("BEGIN")
    for number in range(many):
        user = f"user{number}"
        hashed = [hashlib.md5(f"{name}:{DOMAIN}:pw{number}".encode()).hexdigest() for name in (user, f"{user}@{DOMAIN}")]
        connection.execute("INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES (?, ?, ?, ?)", (user, DOMAIN, *hashed))
    connection.execute("COMMIT")
    connection.close()


def hashes(path, key):
    """HA1s by user, opened if sealed; and how many are sealed."""
    seal = Seal(str(key))
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT username, ha1 FROM subscriber").fetchall()
    connection.close()
    return {user: seal.open(text, user, DOMAIN, "ha1") if is_sealed(text) else text for user, text in rows}, sum(
        is_sealed(text) for _, text in rows
    )


def test_a_site_is_moved_to_sealed_accounts_and_robbed(tmp_path, ask):
    fill(tmp_path / "twsip.db", 120)
    with site(tmp_path, "") as (_, places):
        assert register(places[0][2], "user1", "pw1") == 200
        assert "seals nothing; give its SQLAccounts(...) seal=" in ask("subscriber", "seal")
    made = ask("key", "new", str(tmp_path / "ha1.key"))
    with site(tmp_path, SEALED) as (_, places):
        assert register(places[0][2], "user1", "pw1") == 500
        assert "accept_unsealed=True" in ask("subscriber", "seal")
    with site(tmp_path, MOVING) as (_, places):
        assert register(places[0][2], "user1", "pw1") == 200
        counted = {"subscribers": 120, "changed": 120, "unsealed": 0, "broken": 0, "key": made["newest"]}
        assert ask("subscriber", "seal") == counted
        assert register(places[0][2], "user1", "pw1") == 200
        ask("add", f"alice@{DOMAIN}", "--password-stdin", stdin="wonderland\n")
    with site(tmp_path, SEALED, remember=60) as (_, places):
        port = places[0][2]
        assert [register(port, *who) for who in (("user1", "pw1"), ("alice", "wonderland"), ("alice", "x"), ("eve", "x"))] == [
            200,
            200,
            401,
            401,
        ]
        # A new password works on the next request, and the remembered old one no more.
        ask("passwd", f"alice@{DOMAIN}", "--password-stdin", stdin="rabbit\n")
        assert [register(port, "alice", "wonderland"), register(port, "alice", "rabbit")] == [401, 200]
        # One that was changed by somebody else works when the operator says so.
        seal = Seal(str(tmp_path / "ha1.key"))
        other = Subscribers(str(tmp_path / "twsip.db"))
        other.seal_with(seal)
        other.passwd("alice", DOMAIN, "hatter")
        other.close()
        assert register(port, "alice", "rabbit") == 200, "remembered"
        assert "forgotten" in ask("auth", "flush", f"alice@{DOMAIN}")
        assert [register(port, "alice", "rabbit"), register(port, "alice", "hatter")] == [401, 200]
        # The thief comes while it runs, and takes all that belongs to the database.
        thief = tmp_path / "thief"
        thief.mkdir()
        for path in tmp_path.glob("twsip.db*"):
            shutil.copy(path, thief / path.name)
    loot = b"".join(path.read_bytes() for path in thief.iterdir())
    for number in range(120):
        assert hashlib.md5(f"user{number}:{DOMAIN}:pw{number}".encode()).hexdigest().encode() not in loot
    ask("key", "new", str(thief / "own.key"))
    connection = sqlite3.connect(thief / "twsip.db")
    sealed = connection.execute("SELECT ha1 FROM subscriber WHERE username = 'user1'").fetchone()[0]
    connection.close()
    for options, mend in (("", "give it seal="), (', seal="own.key"', "put that key back into it")):
        with site(thief, options) as (process, places):
            for password in ("pw1", sealed, sealed.lower()):
                assert register(places[0][2], "user1", password) == 500
            assert register(places[0][2], "eve", "x") == 401
            assert register(places[0][2], "user2", "pw2") == 500
            process.terminate()
            told = [line for line in process.communicate()[0].splitlines() if "event=backend_" in line]
        assert len(told) == 1
        assert "event=backend_failed" in told[0]
        assert mend in told[0]


def test_a_rotation_goes_on_while_phones_register(tmp_path, ask, monkeypatch):
    fill(tmp_path / "twsip.db", 450)
    ask("key", "new", str(tmp_path / "ha1.key"))
    with site(tmp_path, MOVING) as (_, places):
        ask("subscriber", "seal")
    with site(tmp_path, SEALED) as (_, places):
        port = places[0][2]
        statuses, done = [], threading.Event()

        def phone(first):
            for number in itertools.cycle(range(first, 450, 7)):
                statuses.append(register(port, f"user{number}", f"pw{number}"))
                if done.is_set():
                    return

        phones = [threading.Thread(target=phone, args=(first,)) for first in (0, 3)]
        for one in phones:
            one.start()
        try:
            before = ask("key", "show", str(tmp_path / "ha1.key"))["newest"]
            newest = ask("key", "add", str(tmp_path / "ha1.key"))["newest"]
            assert newest != before
            plain = ctl.ask

            def between(path, method, params):
                # Each batch is followed by registrations from both halves.
                statuses.extend(register(port, f"user{number}", f"pw{number}") for number in (0, 449))
                return plain(path, method, params)

            monkeypatch.setattr(ctl, "ask", between)
            counted = ask("subscriber", "rotate")
        finally:
            done.set()
            for one in phones:
                one.join()
        assert (counted["subscribers"], counted["changed"], counted["key"]) == (450, 450, newest)
        assert len(statuses) > 10
        assert set(statuses) == {200}
        # The old key is not needed any more.
        kept = [line for line in (tmp_path / "ha1.key").read_text().splitlines(True) if not line.startswith(before + ":")]
        (tmp_path / "ha1.key").write_text("".join(kept))
    with site(tmp_path, SEALED) as (_, places):
        assert register(places[0][2], "user7", "pw7") == 200


def test_kill_9_in_the_middle_of_sealing_loses_nobody(tmp_path, ask):
    fill(tmp_path / "twsip.db", 4000)
    key = tmp_path / "ha1.key"
    ask("key", "new", str(key))
    before, sealed = hashes(tmp_path / "twsip.db", key)
    assert sealed == 0
    after = 0
    for _ in range(3):
        with site(tmp_path, MOVING) as (process, places):
            for number in (0, 3999):
                assert register(places[0][2], f"user{number}", f"pw{number}") == 200
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as operator:
                operator.connect(str(tmp_path / "control.sock"))
                requests = [
                    {"jsonrpc": "2.0", "id": 1, "method": "subscriber.seal", "params": [after + 100 * ahead]} for ahead in range(13)
                ]
                operator.sendall(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
                # It is at one of them now: some are done, and no answer is awaited.
                while hashes(tmp_path / "twsip.db", key)[1] <= sealed:
                    assert process.poll() is None
                process.send_signal(signal.SIGKILL)
                process.wait()
        found, now = hashes(tmp_path / "twsip.db", key)
        assert found == before
        assert sealed < now < 4000
        sealed = after = now
    with site(tmp_path, MOVING) as (_, places):
        counted = ask("subscriber", "seal")
        assert (counted["subscribers"], counted["changed"], counted["unsealed"], counted["broken"]) == (4000, 4000 - sealed, 0, 0)
    assert hashes(tmp_path / "twsip.db", key) == (before, 4000)
    with site(tmp_path, SEALED) as (_, places):
        for number in (0, 2000, 3999):
            assert register(places[0][2], f"user{number}", f"pw{number}") == 200


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda key: None, "cannot be read: No such file"),
        (lambda key: (key.touch(), key.chmod(0o644)), "chmod it to 0600"),
        (lambda key: (key.touch(0o600), key.chmod(0o600)), "is damaged: it holds no key"),
    ],
)
def test_a_bad_key_file_stops_the_start_with_a_sentence(tmp_path, prepare, says):
    Subscribers(str(tmp_path / "twsip.db")).close()
    prepare(tmp_path / "ha1.key")
    (tmp_path / "site.tac").write_text(TAC.format(options=SEALED, remember=0))
    with pytest.raises(pytest.fail.Exception) as failed, running("-n", "twsip", "--site", "site.tac", cwd=tmp_path):
        pass
    assert says in str(failed.value)


def test_one_table_has_one_key_file(tmp_path):
    Subscribers(str(tmp_path / "twsip.db")).close()
    text = TAC.format(options="", remember=0).replace(
        '{"127.0.0.1": SQLAccounts("twsip.db")}', '{"*": [SQLAccounts("twsip.db"), SQLAccounts("twsip.db", seal="ha1.key")]}'
    )
    assert "[SQLAccounts" in text
    (tmp_path / "site.tac").write_text(text)
    ctl.main(["key", "new", str(tmp_path / "ha1.key")])
    with pytest.raises(pytest.fail.Exception) as failed, running("-n", "twsip", "--site", "site.tac", cwd=tmp_path):
        pass
    assert "give all their SQLAccounts(...) the same seal=" in str(failed.value)
