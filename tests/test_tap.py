"""Both doors of twistd, as real processes: what starts, and how each mistake ends in one sentence."""

import hashlib
import importlib.util
import io
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace

import pytest

import twisted
from twsip import __version__, build
from twsip.ops import ctl
from twsip.sip.parser import parse
from twsip.stores import Subscribers

ROOT = Path(__file__).parent.parent
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--pidfile="]
DOORS = [["-n", "twsip", "--site"], ["-ny"]]
NAMES = ["twsip", "-y"]
NATIVE = {"scan": "twsip.sip._scan", "mmsg": "twsip.transport._mmsg"}

TAC = """\
from twsip.site import TCP, TLS, UDP, Site, plugin
from twsip.checks import Digest, NoOpenRelay, OwnIdentity
from twsip.cred import SQLAccounts
from twsip.handlers import Options, Proxy, Registrar
from twsip.stores import Memory, SQLite

site = Site(
    "127.0.0.1",
    listen=[UDP(0, "127.0.0.1"), TCP(0, "127.0.0.1")],
    requests=[Digest({"127.0.0.1": SQLAccounts("twsip.db")}), OwnIdentity(), NoOpenRelay()],
    handlers=[Registrar(), Options(), Proxy()],
    bindings=SQLite("twsip.db"),
    subscribers="twsip.db",
    control="control.sock",
)
application = site.application()
"""


def twistd(*arguments, cwd, **more):
    """Run twistd to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    return subprocess.run(
        [*TWISTD, *arguments], env=environment, cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def running(*arguments, cwd, **more):
    """twistd while it runs, and where it listens: [("UDP", "127.0.0.1", port), ...]."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}
    with subprocess.Popen(
        [*TWISTD, *arguments], env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if "event=started" in line:
                    break
            else:
                pytest.fail(f"it did not start: {''.join(said)}{process.stderr.read()}")
            places = re.findall(r"(UDP|TCP|TLS) (\S+):(\d+)", line)
            yield process, [(scheme, host, int(port)) for scheme, host, port in places]
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate()


def exchange(port, message):
    """Send one datagram, return the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(20)
        phone.bind(("127.0.0.1", 0))
        phone.connect(("127.0.0.1", port))
        phone.send(message(phone.getsockname()[1]).encode())
        return phone.recv(65535).decode()


def options(port):
    def message(own):
        return (
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK1;rport\r\n"
            f"From: <sip:probe@192.0.2.1>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: a{own}\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )

    return exchange(port, message)


def register(port, password, contact="sip:alice@127.0.0.1:9999"):
    """Register alice with digest; the last answer."""
    uri = "sip:127.0.0.1"

    def message(number, authorization=""):
        def text(own):
            return (
                f"REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKr{number};rport\r\n"
                f"From: <sip:alice@127.0.0.1>;tag=1\r\nTo: <sip:alice@127.0.0.1>\r\nCall-ID: reg-{password}\r\n"
                f"CSeq: {number} REGISTER\r\nContact: <{contact}>\r\nExpires: 600\r\nMax-Forwards: 70\r\n"
                f"{authorization}Content-Length: 0\r\n\r\n"
            )

        return text

    def md5(text):
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    challenge = exchange(port, message(1))
    assert challenge.startswith("SIP/2.0 401"), challenge
    nonce = re.search(r'nonce="([^"]+)"', challenge).group(1)
    realm = re.search(r'realm="([^"]+)"', challenge).group(1)
    ha1, ha2 = md5(f"alice:{realm}:{password}"), md5(f"REGISTER:{uri}")
    response = md5(f"{ha1}:{nonce}:00000001:c:auth:{ha2}")
    return exchange(
        port,
        message(
            2,
            f'Authorization: Digest username="alice", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, cnonce="c", nc=00000001, qop=auth\r\n',
        ),
    )


@pytest.mark.parametrize("door", DOORS, ids=NAMES)
def test_both_doors_start_the_same_site(tmp_path, door):
    (tmp_path / "site.tac").write_text(TAC)
    with running(*door, "site.tac", cwd=tmp_path) as (process, places):
        assert [scheme for scheme, _, _ in places] == ["UDP", "TCP"]
        assert options(places[0][2]).startswith("SIP/2.0 200")
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o660
        process.terminate()
        _, err = process.communicate()
    assert process.returncode == -signal.SIGTERM
    assert err == ""
    assert not (tmp_path / "control.sock").exists()


def test_subscribers_and_registrations_over_the_socket(tmp_path, capsys, monkeypatch):
    (tmp_path / "site.tac").write_text(TAC)
    control = str(tmp_path / "control.sock")

    def ask(*words, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = ctl.main(["--socket", control, "--json", *words])
        said = capsys.readouterr()
        return json.loads(said.out) if code == 0 else said.err

    with running("-n", "twsip", "--site", "site.tac", cwd=tmp_path) as (process, places):
        port = places[0][2]
        assert ask("subscriber", "list") == []
        ask("subscriber", "add", "alice@127.0.0.1", "--password-stdin", stdin="wonderland\n")
        assert ask("subscriber", "list") == [{"username": "alice", "domain": "127.0.0.1"}]
        assert "exists already" in ask("add", "alice@127.0.0.1", "--password-stdin", stdin="x\n")
        assert register(port, "wonder").startswith("SIP/2.0 401")
        assert register(port, "wonderland").startswith("SIP/2.0 200")
        shown = ask("ul", "show", "alice")
        assert [contact["contact"] for contact in shown["contacts"]] == ["sip:alice@127.0.0.1:9999"]
        assert ask("stats")["Registered.kind=added"] == 1
        assert ask("sockets")[0] == {"transport": "UDP", "host": "127.0.0.1", "port": port}
        assert "   1 digest" in ask("order")
        assert ask("uptime")["uptime"] >= 0
        # A remembered login does not outlive its password.
        ask("passwd", "alice@127.0.0.1", "--password-stdin", stdin="rabbit\n")
        assert register(port, "wonderland").startswith("SIP/2.0 401")
        assert register(port, "rabbit").startswith("SIP/2.0 200")
        # Nothing is lost when the process has no time to say goodbye ..
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running("-ny", "site.tac", cwd=tmp_path):
        # .. and the socket that it left behind is no obstacle.
        assert ask("ul", "show")["total"] == 1
        assert "removed" in ask("ul", "rm", "sip:alice@127.0.0.1")
        assert ask("ul", "show")["total"] == 0
        ask("subscriber", "rm", "alice@127.0.0.1")
        assert ask("subscriber", "list") == []
        assert "alice@127.0.0.1" in ask("passwd", "alice@127.0.0.1", "--password-stdin", stdin="x\n")


def test_it_tells_the_service_manager(tmp_path):
    (tmp_path / "site.tac").write_text(TAC)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        with running("-ny", "site.tac", cwd=tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")):
            assert manager.recv(100) == b"READY=1"
        assert manager.recv(100) == b"STOPPING=1"


@contextmanager
def busy_port(kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        yield taken.getsockname()[1]


UDP_LISTEN = 'UDP(0, "127.0.0.1"), TCP(0, "127.0.0.1")'
MISTAKES = [
    ("OwnIdentity()", "OwnIdentity(strict=True)", "line 10: OwnIdentity has no option 'strict'; the options of OwnIdentity are: check_to, "),
    ("OwnIdentity()", "OwnIdentity(1)", r"line 10: OwnIdentity takes (.* given\)?|no positional arguments); the options of OwnIdentity are: check_to, "),
    ("import SQLAccounts\n", "import SQLAccounts; Own = lambda: 0; Own(x=1)\n", "line 3: Own has no option 'x'; the options of Own are: none"),
    ("import SQLAccounts\n", "import SQLAccounts; Own = lambda: 0; Own(1)\n", r"line 3: .* takes .* given\)?; the options of Own are: none"),
    ("OwnIdentity()", "OwnIdentity(use_uri_table=1)", r"line 10: use_uri_table=1 of OwnIdentity names no table; write use_uri_table=UriTable"),
    ("Digest({", 'Digest(qopp="auth", accounts={', "line 10: Digest has no option 'qopp'; the options of Digest are: accounts, algorithms, "),
    ("UDP(0,", "UDP(prot=0, host=", r"line 9: UDP has no option 'prot'; the options of UDP are: port, host, advertise"),
    ("bindings=", "binding=", r"line 7: Site has no option 'binding'; the options of Site are: name, listen, "),
    ('"127.0.0.1",\n', '"sip:me",\n', r"line \d+: 'sip:me' is no domain"),
    (", NoOpenRelay()]", "]", r"line \d+: handlers= has a Proxy"),
    ("OwnIdentity()", 'plugin("ofice-hours")', r"line 10: no check is called 'ofice-hours'; plugins found: "),
    ("OwnIdentity()", "OwnIdentitty()", r"line 10: NameError: name 'OwnIdentitty' is not defined"),
    ("import Memory", "import Redis, Memory", r"line 5: ImportError: cannot import name 'Redis'"),
    ("OwnIdentity()", "1 // 0", r"line 10: ZeroDivisionError"),
    ("application =", "app =", r"makes no application; end it with: application = site.application\(\)"),
    (UDP_LISTEN, 'TLS(0, "127.0.0.1", certificate="none.pem")', "none.pem"),
    ('SQLite("twsip.db")', 'SQLite("nowhere/twsip.db")', "nowhere/twsip.db"),
    ('subscribers="twsip.db"', 'subscribers="/proc/twsip.db"', "/proc/twsip.db"),
    ('control="control.sock"', 'control="nowhere/control.sock"', "the control socket nowhere/control.sock cannot be made"),
    ('control="control.sock"', 'control="x" * 200', "the control socket x+ cannot be made"),
    ('SQLAccounts("twsip.db")', 'SQLAccounts("other.db")', "other.db"),
    ('Digest({"127.0.0.1"', 'Digest({"example.org"', r"127\.0\.0\.1"),
]


@pytest.mark.parametrize("door", DOORS, ids=NAMES)
@pytest.mark.parametrize(("right", "wrong", "sentence"), MISTAKES, ids=[wrong for _, wrong, _ in MISTAKES])
def test_a_mistake_stops_the_start_with_one_sentence(tmp_path, door, right, wrong, sentence):
    assert right in TAC
    (tmp_path / "site.tac").write_text(TAC.replace(right, wrong, 1))
    _expect_one_sentence(twistd(*door, "site.tac", cwd=tmp_path), sentence)


def _expect_one_sentence(ran, sentence):
    assert ran.returncode == 1, ran.stderr
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    assert ran.stderr.startswith("twsip: ")
    assert re.search(sentence, ran.stderr), ran.stderr
    assert "Traceback" not in ran.stdout


@pytest.mark.parametrize("door", DOORS, ids=NAMES)
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["UDP", "TCP"])
def test_a_port_in_use_is_named(tmp_path, door, kind):
    with busy_port(kind) as port:
        listen = f'{"UDP" if kind == socket.SOCK_DGRAM else "TCP"}({port}, "127.0.0.1")'
        (tmp_path / "site.tac").write_text(TAC.replace(UDP_LISTEN, listen))
        _expect_one_sentence(twistd(*door, "site.tac", cwd=tmp_path), rf"{port}.* in use")


@pytest.mark.parametrize("door", DOORS, ids=NAMES)
def test_a_certificate_that_is_none_is_named(tmp_path, door):
    (tmp_path / "bad.pem").write_text("this is no certificate\n")
    (tmp_path / "site.tac").write_text(TAC.replace(UDP_LISTEN, 'TLS(0, "127.0.0.1", certificate="bad.pem")'))
    _expect_one_sentence(twistd(*door, "site.tac", cwd=tmp_path), r"bad\.pem")


@pytest.mark.parametrize("door", DOORS, ids=NAMES)
def test_a_database_that_is_none_is_named(tmp_path, door):
    (tmp_path / "twsip.db").write_text("this is no database, however long it may be\n" * 100)
    (tmp_path / "site.tac").write_text(TAC)
    _expect_one_sentence(twistd(*door, "site.tac", cwd=tmp_path), r"twsip\.db")


def test_a_tac_file_that_is_not_there(tmp_path):
    _expect_one_sentence(twistd("-n", "twsip", "--site", "none.tac", cwd=tmp_path), "there is no site file none.tac")
    _expect_one_sentence(twistd("-n", "twsip", cwd=tmp_path), r"there is no site file /etc/twsip/twsip\.tac")


@pytest.mark.parametrize("text", ["def", "\0", "x = (", '"""'])
def test_a_tac_file_that_is_no_python(tmp_path, text):
    (tmp_path / "site.tac").write_text(text)
    _expect_one_sentence(twistd("-n", "twsip", "--site", "site.tac", cwd=tmp_path), r"site\.tac")


def test_a_tac_file_without_a_site(tmp_path):
    (tmp_path / "site.tac").write_text("from twisted.application.service import Application\napplication = Application('x')\n")
    _expect_one_sentence(twistd("-n", "twsip", "--site", "site.tac", cwd=tmp_path), "holds no site")


def test_what_twistd_cannot_leave_to_us_still_names_the_file(tmp_path):
    """Before the tac file imports us there is nobody of ours to speak; twistd's last line has to do."""
    (tmp_path / "site.tac").write_text("x = (")
    ran = twistd("-ny", "site.tac", cwd=tmp_path)
    assert ran.returncode == 1
    assert "site.tac" in ran.stderr.strip().splitlines()[-1]


def test_order_and_version(tmp_path):
    (tmp_path / "site.tac").write_text(TAC)
    ran = twistd("twsip", "--site", "site.tac", "--order", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[2:6] == [
        "requests (every new request):",
        "   1 digest",
        "   2 own-identity",
        "   3 no-open-relay",
    ]
    assert not (tmp_path / "twsip.db").exists()
    assert twistd("twsip", "--order", "--site", "none.tac", cwd=tmp_path).returncode == 1


def test_the_version_says_which_build_runs(tmp_path):
    ran = twistd("twsip", "--version", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    compiled = not isinstance(parse, FunctionType)
    built = [name for name, module in NATIVE.items() if importlib.util.find_spec(module) is not None]
    inside = "; ".join([*(["mypyc"] if compiled else []), *([", ".join(built)] if built else [])])
    word = "compiled" if compiled else "plain Python"
    assert ran.stdout == (
        f"twsip {__version__} {word}{f' ({inside})' if inside else ''}, Twisted {twisted.__version__}, "
        f"{platform.python_implementation()} {platform.python_version()}\n"
    )


@pytest.mark.parametrize(
    ("file", "there", "kind"),
    [
        ("parser.py", [], "plain Python"),
        ("parser.py", ["scan"], "plain Python (scan)"),
        ("parser.cpython-311-x86_64-linux-gnu.so", ["scan", "mmsg"], "compiled (mypyc; scan, mmsg)"),
        ("parser.cpython-311-x86_64-linux-gnu.so", [], "compiled (mypyc)"),
    ],
)
def test_every_kind_of_build_has_its_words(file, there, kind, monkeypatch):
    monkeypatch.setattr(build, "parser", SimpleNamespace(__file__=f"/site-packages/twsip/sip/{file}"))
    for name, module in NATIVE.items():
        monkeypatch.setitem(sys.modules, module, ModuleType(module) if name in there else None)
    assert build.kind() == kind


def test_twistd_lists_us(tmp_path):
    assert re.search(r"^\s+twsip\s+A SIP registrar and proxy\.$", twistd("--help", cwd=tmp_path).stdout, re.MULTILINE)


def test_a_daemon_that_cannot_start_fails_for_its_parent_too(tmp_path):
    with busy_port(socket.SOCK_DGRAM) as port:
        (tmp_path / "site.tac").write_text(TAC.replace(UDP_LISTEN, f'UDP({port}, "127.0.0.1")'))
        ran = twistd("twsip", "--site", "site.tac", cwd=tmp_path)
    assert ran.returncode == 1
    assert str(port) in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_subscriber_table_is_there_before_accounts_look_at_it(tmp_path):
    (tmp_path / "site.tac").write_text(TAC)
    with running("-ny", "site.tac", cwd=tmp_path):
        people = Subscribers(str(tmp_path / "twsip.db"))
        assert people.list() == []
        people.close()
