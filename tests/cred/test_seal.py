"""Sealed HA1s: they open in their place with their key, and nowhere else; the key file is held to be private."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from twsip.api import BackendDown, ConfigError, SealBroken
from twsip.cred.seal import Seal, opened
from twsip.guard.keyring import is_hash, is_sealed, key_id, new_file, with_key

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))
HA1 = hashlib.md5(b"alice:example.org:wonder", usedforsecurity=False).hexdigest()
SHA = hashlib.sha256(b"alice:example.org:wonder").hexdigest()
PLACE = ("alice", "example.org", "ha1")


def key_file(path: Path, *keys: bytes) -> str:
    """A key file as twsipctl makes it."""
    text = new_file(keys[0])
    for key in keys[1:]:
        text = with_key(text, key)
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.write_text(text)
    return str(path)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return key_file(tmp_path / "ha1.key", ONE)


def loaded(path: str, **options: Any) -> Seal:
    seal = Seal(path, **options)
    seal.load()
    return seal


@pytest.mark.parametrize(("text", "size"), [(HA1, 64), (SHA, 85), ("wonder", 85), ("w\u00f6nder" * 12, 171), ("~1habc", 85)])
def test_what_is_sealed_opens_again_and_has_its_size(file: str, text: str, size: int) -> None:
    seal = loaded(file)
    sealed = seal.seal(text, *PLACE)
    assert seal.open(sealed, *PLACE) == text
    assert len(sealed) == size
    assert sealed[3:5] == key_id(ONE)
    assert is_sealed(sealed)
    assert not is_hash(sealed.lower())
    assert not set(sealed) & set("'\"\\%, \n")
    assert seal.seal(text, *PLACE) != sealed
    assert text not in sealed


@pytest.mark.parametrize(
    "elsewhere",
    [("bob", "example.org", "ha1"), ("alice", "example.com", "ha1"), ("alice", "example.org", "ha1b"), ("Alice", "example.org", "ha1")],
)
def test_it_opens_in_its_place_only(file: str, elsewhere: tuple[str, str, str]) -> None:
    seal = loaded(file)
    with pytest.raises(SealBroken, match=r"twsipctl passwd") as error:
        seal.open(seal.seal(HA1, *PLACE), *elsewhere)
    assert isinstance(error.value, BackendDown)
    assert f"the {elsewhere[2]} of {elsewhere[0]}@{elsewhere[1]}" in str(error.value)


def test_no_altered_or_shortened_value_opens(file: str) -> None:
    seal = loaded(file)
    sealed = seal.seal(HA1, *PLACE)
    others = [sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :] for at in range(len(sealed))]
    # The last letter has two bits that say nothing: there, too, only the one way to write it counts.
    others += [sealed[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" if letter != sealed[-1]]
    others += [sealed[:at] for at in range(2, len(sealed))]
    others += [sealed + extra for extra in ("A", "=", " ", "\0", "\u00e4")]
    others += ["~2" + sealed[2:], sealed.replace("~1h", "~1t"), sealed.upper(), sealed.lower()]
    for other in others:
        for strict in (False, True):
            with pytest.raises(SealBroken):
                loaded(file, accept_unsealed=strict).opened(other, *PLACE)


def test_another_key_does_not_open_it_and_its_absence_is_named(file: str, tmp_path: Path) -> None:
    sealed = loaded(file).seal(HA1, *PLACE)
    thief = loaded(key_file(tmp_path / "other.key", TWO))
    with pytest.raises(SealBroken, match=f"key '{key_id(ONE)}', which .*other.key does not hold; put that key back"):
        thief.open(sealed, *PLACE)
    # Nor does one of the same name.
    thief._ciphers[key_id(ONE)] = thief._ciphers[key_id(TWO)]
    with pytest.raises(SealBroken, match="altered"):
        thief.open(sealed, *PLACE)
    with pytest.raises(SealBroken, match=r"give it seal= and the path"):
        opened(None, sealed, *PLACE)
    with pytest.raises(SealBroken):
        opened(None, sealed[:9], *PLACE)
    assert opened(None, HA1, *PLACE) == HA1
    assert opened(None, None, *PLACE) is None


def test_the_newest_key_seals_and_all_open(file: str) -> None:
    seal = loaded(file)
    old = seal.seal(HA1, *PLACE)
    assert seal.is_newest(old)
    key_file(Path(file), ONE, TWO)
    seal.load()
    new = seal.seal(HA1, *PLACE)
    assert new[3:5] == key_id(TWO)
    assert not seal.is_newest(old)
    assert seal.open(old, *PLACE) == seal.open(new, *PLACE) == HA1


def test_a_key_that_was_added_meanwhile_is_found_when_a_value_names_it(file: str) -> None:
    server = loaded(file)
    with pytest.raises(SealBroken, match="does not hold"):
        server.open("~1hzz" + "A" * 59, *PLACE)
    key_file(Path(file), ONE, TWO)
    sealed = loaded(file).seal(HA1, *PLACE)
    assert server.open(sealed, *PLACE) == HA1
    # A file that went bad costs what it alone could open.
    os.chmod(file, 0o644)
    with pytest.raises(SealBroken, match="chmod it to 0600"):
        server.open("~1hzz" + "A" * 59, *PLACE)
    assert server.open(sealed, *PLACE) == HA1


def test_what_is_not_sealed_is_refused_unless_an_option_says_otherwise(file: str) -> None:
    strict, lenient = loaded(file), loaded(file, accept_unsealed=True)
    for empty in (None, "", 7):
        assert strict.opened(empty, *PLACE) == empty
    with pytest.raises(SealBroken, match="is not sealed"):
        strict.opened(HA1, *PLACE)
    assert lenient.opened(HA1.upper(), *PLACE) == HA1.upper()
    assert lenient.opened("wonder", *PLACE, is_clear=True) == "wonder"
    for damaged in (HA1[:-1], "x" + strict.seal(HA1, *PLACE)[1:], " " + HA1):
        with pytest.raises(SealBroken, match="no hash"):
            lenient.opened(damaged, *PLACE)


def test_nobodys_row_costs_the_same_and_is_nobodys(file: str) -> None:
    assert loaded(file).opened("x", None, "x", "ha1") == "x"


@pytest.mark.parametrize("path", ["", None, 7])
def test_a_key_file_needs_a_name(path: Any) -> None:
    with pytest.raises(ConfigError, match="no path"):
        Seal(path)


def test_a_key_file_is_there_private_and_whole(file: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.key cannot be read: No such file.*twsipctl key new"):
        loaded(str(tmp_path / "none.key"))
    with pytest.raises(ConfigError, match="is no file"):
        loaded(str(tmp_path))
    for mode in (0o640, 0o604, 0o620, 0o601):
        os.chmod(file, mode)
        with pytest.raises(ConfigError, match=rf"{mode:04o}\); chmod it to 0600"):
            loaded(file)
    os.chmod(file, 0o400)
    assert "hidden" in repr(loaded(file))
    os.chmod(file, 0o600)
    for content in (b"", b"\xff\xfe", b"aB:nonsense\n", b"#" * 100_000):
        Path(file).write_bytes(content)
        with pytest.raises(ConfigError, match="is damaged"):
            loaded(file)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    with pytest.raises(ConfigError, match="is no file"):
        loaded(str(fifo))


def test_a_credential_of_systemd_is_read_by_its_access_list(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key_file(credentials / "ha1.key", ONE)
    os.chmod(credentials / "ha1.key", 0o440)
    with pytest.raises(ConfigError, match="chmod"):
        loaded(str(credentials / "ha1.key"))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert loaded("$CREDENTIALS_DIRECTORY/ha1.key").newest == key_id(ONE)
    os.chmod(file, 0o440)
    with pytest.raises(ConfigError, match="chmod"):
        loaded(file)


def test_a_file_that_did_not_change_is_not_read_again(file: str) -> None:
    seal = loaded(file)
    ciphers = seal._ciphers
    seal.load()
    assert seal._ciphers is ciphers


def test_each_column_takes_one_opening_whoever_it_belongs_to_and_whatever_it_holds(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal(file, accept_unsealed=True)
    seal.load()
    hashed = "0a" * 16
    openings: list[str] = []
    opens = Seal.open
    monkeypatch.setattr(Seal, "open", lambda self, *words: openings.append(words[1]) or opens(self, *words))
    for username, text in (
        (None, None),
        ("alice", None),
        ("alice", ""),
        ("alice", hashed),
        ("alice", seal.seal(hashed, "alice", "example.org", "ha1")),
    ):
        openings.clear()
        assert seal.opened(text, username, "example.org", "ha1") in (text, hashed)
        assert len(openings) == 1, (username, text)
