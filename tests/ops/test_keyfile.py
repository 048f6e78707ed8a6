"""Key files as twsipctl makes them: private, never overwritten, and every mistake is one sentence."""

import json
import os
import stat
from pathlib import Path

import pytest

from twsip.guard.keyring import MOST_KEYS, parse_keys
from twsip.ops import Failed, ctl, keyfile


def said(capsys, *words):
    """What twsipctl answers as JSON, or its one sentence."""
    code = ctl.main(["--json", *words])
    out, err = capsys.readouterr()
    if code == 0:
        return json.loads(out)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    return err


def test_a_new_one_is_the_owners_alone_and_shows_no_key(tmp_path, capsys):
    path = tmp_path / "ha1.key"
    mask = os.umask(0)
    try:
        made = said(capsys, "key", "new", str(path))
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (name,) = keys = parse_keys(path.read_text())
    assert made == {"file": str(path), "newest": name, "keys": [name]}
    before = path.read_bytes()
    assert "exists already; add a key to it with twsipctl key add" in said(capsys, "key", "new", str(path))
    assert path.read_bytes() == before
    assert ctl.main(["key", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    secret = before.decode().split(":")[-1].strip()
    assert name in shown
    assert secret not in shown
    assert len(keys[name]) == 32


def test_one_more_is_the_newest_and_the_others_stay(tmp_path, capsys):
    path = tmp_path / "ha1.key"
    said(capsys, "key", "new", str(path))
    old = parse_keys(path.read_text())
    os.symlink(path, tmp_path / "link")
    added = said(capsys, "key", "add", str(tmp_path / "link"))
    keys = parse_keys(path.read_text())
    assert list(keys)[:-1] == list(old)
    assert added["newest"] == list(keys)[-1]
    assert added["keys"] == list(keys)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ha1.key", "link"]
    assert (tmp_path / "link").is_symlink()


def test_a_full_one(tmp_path):
    path = str(tmp_path / "ha1.key")
    keyfile.make(path)
    while len(keyfile.show(path)["keys"]) < MOST_KEYS:
        keyfile.add(path)
    with pytest.raises(Failed, match="holds 100 keys already; remove old ones"):
        keyfile.add(path)


@pytest.mark.parametrize("deed", ["add", "show"])
def test_one_that_cannot_be_used_is_said_in_a_sentence(tmp_path, capsys, deed):
    path = tmp_path / "ha1.key"
    assert "cannot be read: No such file or directory; make one with twsipctl key new" in said(capsys, "key", deed, str(path))
    assert "cannot be made" in said(capsys, "key", "new", str(tmp_path / "none" / "ha1.key"))
    said(capsys, "key", "new", str(path))
    path.chmod(0o640)
    assert "may be read or written by others (mode 0640); chmod it to 0600" in said(capsys, "key", deed, str(path))
    path.chmod(0o600)
    for content in (b"aB:cut off", b"\xff", b"", b"#" * 70_000):
        path.write_bytes(content)
        assert "is damaged" in said(capsys, "key", deed, str(path))
        assert path.read_bytes() == content
    assert said(capsys, "key", deed, str(tmp_path))


def test_a_full_disk_leaves_the_old_one(tmp_path, capsys, monkeypatch):
    path = tmp_path / "ha1.key"
    keyfile.make(str(path))
    before = path.read_bytes()

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "cannot be replaced: No space left" in said(capsys, "key", "add", str(path))
    assert "cannot be written: No space left" in said(capsys, "key", "new", str(tmp_path / "other.key"))
    assert [one.name for one in tmp_path.iterdir()] == ["ha1.key"]
    assert path.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_may_add_to_what_is_the_servers(tmp_path):
    path = Path(tmp_path / "ha1.key")
    keyfile.make(str(path))
    os.chown(path, 4711, 4711)
    keyfile.add(str(path))
    assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4711)
