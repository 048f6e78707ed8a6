"""twsipctl against a real socket that answers as the admin does."""

import io
import json
import socket
import threading

import pytest

from twsip.ops import Admin, ctl


@pytest.fixture
def server(tmp_path):
    """Answers any number of connections, each one line, by an Admin whose methods record what they were asked."""
    asked = []
    people = [{"username": "alice", "domain": "example.org"}, {"username": "bob", "domain": "example.org"}]

    def method(name, result):
        def run(*params):
            asked.append((name, list(params)))
            return result

        return run

    contact = {"contact": "sip:alice@192.0.2.5", "expires": 0, "q": 1.0, "user_agent": "phone\x1b[2J"}
    one = {"aor": "sip:alice@example.org", "contacts": [contact]}
    results = {
        "subscriber.add": "alice@example.org added",
        "subscriber.passwd": "changed",
        "subscriber.rm": "removed",
        "subscriber.list": people,
        "ul.dump": {"total": 3, "aors": [one]},
        "ul.lookup": one,
        "ul.rm": "gone",
        "core.uptime": {"uptime": 5},
        "auth.flush": "forgotten",
        "core.order": ["1 digest"],
        "core.sockets_list": [{"transport": "UDP", "host": "127.0.0.1", "port": 5060}],
        "stats.get_statistics": {"Refused": 2},
    }
    admin = Admin({name: method(name, result) for name, result in results.items()})
    path = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as file:
                line = file.readline()
                if line == b"stop\n":
                    return
                file.write(admin.answer(line) + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield path, asked
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
        last.connect(path)
        last.sendall(b"stop\n")
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("subscriber rm alice@example.org", ("subscriber.rm", ["alice", "example.org"])),
        ("rm sip:alice@example.org", ("subscriber.rm", ["alice", "example.org"])),
        ("subscriber list", ("subscriber.list", [])),
        ("show alice", ("subscriber.list", [])),
        ("ul show", ("ul.dump", [])),
        ("ul show sip:alice@example.org", ("ul.lookup", ["sip:alice@example.org"])),
        ("ul rm alice", ("ul.rm", ["alice"])),
        ("auth flush alice@example.org", ("auth.flush", ["alice", "example.org"])),
        ("auth flush alice", ("auth.flush", ["alice", ""])),
        ("stats", ("stats.get_statistics", [])),
        ("uptime", ("core.uptime", [])),
        ("order", ("core.order", [])),
        ("sockets", ("core.sockets_list", [])),
        ("rpc ul.lookup alice", ("ul.lookup", ["alice"])),
    ],
)
def test_verbs(server, capsys, line, asked):
    path, seen = server
    assert ctl.main(["--socket", path, *line.split()]) == 0
    assert seen == [asked]
    out = capsys.readouterr().out
    assert out.strip()
    assert "\x1b" not in out


@pytest.mark.parametrize("verb", ["subscriber add", "add", "subscriber passwd", "passwd"])
def test_a_password_from_standard_input(server, capsys, monkeypatch, verb):
    path, seen = server
    monkeypatch.setattr("sys.stdin", io.StringIO("wonder land\n"))
    assert ctl.main(["--socket", path, *verb.split(), "alice@example.org", "--password-stdin"]) == 0
    assert seen == [(f"subscriber.{verb.split()[-1]}", ["alice", "example.org", "wonder land"])]
    assert "wonder" not in capsys.readouterr().out


def test_a_password_asked_for_twice(server, monkeypatch):
    path, seen = server
    monkeypatch.setattr("getpass.getpass", lambda prompt: "wonderland")
    assert ctl.main(["--socket", path, "add", "alice@example.org"]) == 0
    assert seen[0][1][2] == "wonderland"


def test_two_different_passwords_change_nothing(server, monkeypatch, capsys):
    path, seen = server
    answers = iter(["one", "two"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert ctl.main(["--socket", path, "add", "alice@example.org"]) == 1
    assert seen == []
    assert "differ" in capsys.readouterr().err


def test_json(server, capsys):
    path, _ = server
    assert ctl.main(["--socket", path, "--json", "ul", "show"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 3


def batch(*, done, after, broken=0, who=()):
    """One answer of the server while it seals."""
    return {"subscribers": 100, "changed": 7, "unsealed": 1, "broken": broken, "who": list(who), "after": after, "done": done, "key": "aB"}


@pytest.mark.parametrize("deed", ["seal", "unseal", "rotate"])
def test_sealing_goes_on_until_it_is_done_and_counts(monkeypatch, capsys, deed):
    asked = []
    answers = [batch(done=False, after=100), batch(done=False, after=350), batch(done=True, after=351)]
    monkeypatch.setattr(ctl, "ask", lambda path, method, params: asked.append((method, params)) or answers.pop(0))
    assert ctl.main(["--json", "subscriber", deed]) == 0
    assert asked == [(f"subscriber.{deed}", []), (f"subscriber.{deed}", [100]), (f"subscriber.{deed}", [350])]
    assert json.loads(capsys.readouterr().out) == {"subscribers": 300, "changed": 21, "unsealed": 3, "broken": 0, "key": "aB"}


def test_who_cannot_be_opened_is_named_in_one_sentence(monkeypatch, capsys):
    who = [f"user{number}@example.org" for number in range(4)]
    answers = [batch(done=False, after=100, broken=9, who=who), batch(done=True, after=200, broken=4, who=who)]
    monkeypatch.setattr(ctl, "ask", lambda path, method, params: answers.pop(0))
    assert ctl.main(["subscriber", "rotate"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("twsipctl: 14 of 200 were changed, but 13 cannot be opened (user0@example.org, ")
    assert "and others" in err
    assert len(err.splitlines()) == 1


def test_what_was_left_out_is_said(server, capsys):
    path, _ = server
    ctl.main(["--socket", path, "ul", "show"])
    assert "and 2 more" in capsys.readouterr().out


def test_an_error_of_the_server_is_one_line(server, capsys):
    path, _ = server
    assert ctl.main(["--socket", path, "rpc", "no.such"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("twsipctl: there is no method")
    assert len(err.splitlines()) == 1


def test_no_socket_is_one_sentence_with_the_mend(tmp_path, capsys):
    assert ctl.main(["--socket", str(tmp_path / "none"), "uptime"]) == 1
    err = capsys.readouterr().err
    assert "start the server" in err
    assert len(err.splitlines()) == 1


def test_a_socket_that_nobody_reads_any_more(tmp_path, capsys):
    path = str(tmp_path / "dead")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    assert ctl.main(["--socket", path, "uptime"]) == 1
    assert "no twsip listens" in capsys.readouterr().err


def test_where_it_looks(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWSIP_SOCKET", raising=False)
    assert ctl.where("") == "/run/twsip/control.sock"
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "control.sock").touch()
    assert ctl.where("") == "var/control.sock"
    monkeypatch.setenv("TWSIP_SOCKET", "/env")
    assert ctl.where("") == "/env"
    assert ctl.where("/given") == "/given"
