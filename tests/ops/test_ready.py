"""sd_notify(3): a datagram to $NOTIFY_SOCKET."""

import socket

from twsip.ops import systemd


def test_nobody_asked(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert systemd("READY=1") is False


def test_it_is_told(monkeypatch, tmp_path):
    path = str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        assert systemd("READY=1") is True
        assert manager.recv(100) == b"READY=1"


def test_nobody_listens(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert systemd("READY=1") is False


def test_an_abstract_socket(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        # An empty name lets the kernel choose a free abstract one.
        manager.bind("")
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + manager.getsockname()[1:].decode())
        assert systemd("STOPPING=1") is True
        assert manager.recv(100) == b"STOPPING=1"
