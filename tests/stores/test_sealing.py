"""Sealing the table: any batch may be the last, nothing is lost, and nothing of what was there before stays in the file."""

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from twsip.api import ConfigError
from twsip.cred.seal import Seal
from twsip.guard.keyring import is_sealed, key_id, new_file, with_key
from twsip.stores import Subscribers
from twsip.stores.schema import SUBSCRIBER, URI, connect
from twsip.stores.sealing import BATCH

ONE, TWO = b"1" * 32, b"2" * 32
COLUMNS = ("ha1", "ha1b", "password")


def h(text: str, kind: str = "md5") -> str:
    return hashlib.new(kind, text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "twsip.db")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "ha1.key"
    made.touch(0o600)
    made.write_text(new_file(ONE))
    return made


@pytest.fixture
def fill(path: str) -> Any:
    """Puts so many clear subscribers into the table, each with a clear-text password; gives the rows back."""

    def run(many: int) -> list[tuple[str, ...]]:
        connection = connect(path, SUBSCRIBER, URI)
        people = [(f"user{number}", "Example.org" if number % 2 else "example.com") for number in range(many)]
        rows = [(u, d, h(f"{u}:{d}:pw").upper(), h(f"{u}@{d}:{d}:pw"), f"clear text {u}") for u, d in people]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO subscriber (username, domain, ha1, ha1b, password) VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        connection.close()
        return [(u, d, first.lower(), second, clear) for u, d, first, second, clear in rows]

    return run


def rows(path: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT username, domain, ha1, ha1b, password FROM subscriber ORDER BY rowid").fetchall()
    finally:
        connection.close()


def execute(path: str, sql: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql, values)
    connection.commit()
    connection.close()


def opened(path: str, file: Path, accept_unsealed: bool = True, also: tuple[str, ...] = ()) -> Subscribers:
    people = Subscribers(path)
    people.seal_with(Seal(str(file), accept_unsealed), also)
    return people


def all_of(people: Subscribers, deed: str) -> dict[str, Any]:
    total: dict[str, Any] = {}
    after = None
    while not total.get("done"):
        part = people.reseal(deed, after)
        after = part["after"]
        total = {name: total.get(name, type(value)()) + value if name in ("subscribers", "changed", "unsealed", "broken", "who") else value
                 for name, value in part.items()}  # fmt: skip
    return total


def read(path: str, file: Path) -> list[tuple[Any, ...]]:
    """The rows, with what is sealed in them opened."""
    seal = Seal(str(file))
    out = []
    for username, domain, *texts in rows(path):
        plain = [
            seal.open(text, username, domain, column) if is_sealed(text) else text if column == "password" else text.lower()
            for column, text in zip(COLUMNS, texts, strict=True)
        ]
        out.append((username, domain, *plain))
    return out


def stolen(path: str) -> bytes:
    """What a thief has who copies every file of the database while it is used."""
    return b"".join(one.read_bytes() for one in sorted(Path(path).parent.glob(Path(path).name + "*")))


def test_whoever_is_added_or_has_a_new_password_is_sealed_at_once(path: str, file: Path) -> None:
    people = opened(path, file, accept_unsealed=False)
    people.add("alice", "example.org", "wonder")
    first = rows(path)
    people.passwd("alice", "example.org", "rabbit")
    for found, password in ((first, "wonder"), (rows(path), "rabbit")):
        assert all(is_sealed(text) for text in found[0][2:4])
        assert found[0][4] == ""
        for text in (h(f"alice:example.org:{password}"), password):
            assert text.encode() not in stolen(path)
    assert read(path, file)[0][2:] == (h("alice:example.org:rabbit"), h("alice@example.org:example.org:rabbit"), "")
    # With a newer key in the file, that one.
    file.write_text(with_key(new_file(ONE), TWO))
    people.passwd("alice", "example.org", "hatter")
    assert rows(path)[0][2][3:5] == key_id(TWO)
    os.chmod(file, 0o644)
    with pytest.raises(ConfigError, match="chmod it to 0600"):
        people.add("bob", "example.org", "build")
    assert len(rows(path)) == 1
    people.close()


def test_the_whole_table_is_sealed_and_unsealed_and_its_files_keep_nothing(path: str, file: Path, fill: Any) -> None:
    before = fill(2 * BATCH + 7)
    execute(path, "UPDATE subscriber SET ha1 = '', password = '' WHERE username = 'user3'")
    before[3] = (*before[3][:2], "", before[3][3], "")
    people = opened(path, file)
    secrets = [text.encode() for row in before for text in row[2:] if text]
    assert all(secret in stolen(path).lower() for secret in secrets), "or the test below says nothing"
    done = all_of(people, "seal")
    assert {name: done[name] for name in ("subscribers", "changed", "unsealed", "broken", "key")} == {
        "subscribers": 207,
        "changed": 207,
        "unsealed": 0,
        "broken": 0,
        "key": key_id(ONE),
    }
    assert all(is_sealed(text) for row in rows(path) for text in row[2:] if text)
    left = stolen(path).lower()
    assert [secret for secret in secrets if secret in left] == []
    assert read(path, file) == before
    again = all_of(people, "seal")
    assert (again["subscribers"], again["changed"]) == (207, 0)
    assert all_of(people, "unseal")["changed"] == 207
    assert rows(path) == before
    people.close()


@pytest.mark.parametrize("many", [0, 1, BATCH, BATCH + 1])
def test_a_batch_is_whole_and_any_may_be_the_last(path: str, file: Path, fill: Any, many: int) -> None:
    before = fill(many)
    people = opened(path, file)
    first = people.reseal("seal")
    assert first["subscribers"] == min(many, BATCH)
    assert first["done"] == (many < BATCH)
    people.close()
    # Both kinds are readable meanwhile.
    assert read(path, file) == before
    people = opened(path, file)
    assert all_of(people, "seal")["changed"] == many - min(many, BATCH)
    assert read(path, file) == before
    people.close()


def test_rotation_seals_with_the_newest_key_only_what_was_sealed(path: str, file: Path, fill: Any) -> None:
    before = fill(3)
    people = opened(path, file)
    all_of(people, "seal")
    people.close()
    execute(path, "INSERT INTO subscriber (username, domain, ha1) VALUES ('intruder', 'example.org', ?)", h("x"))
    old = rows(path)
    file.write_text(with_key(new_file(ONE), TWO))
    people = opened(path, file, accept_unsealed=False)
    done = all_of(people, "rotate")
    assert (done["subscribers"], done["changed"], done["unsealed"], done["broken"], done["key"]) == (4, 3, 1, 0, key_id(TWO))
    assert {text[3:5] for row in rows(path)[:3] for text in row[2:]} == {key_id(TWO)}
    assert rows(path)[3] == old[3], "what nobody sealed is not made good by it"
    assert read(path, file)[:3] == before
    left = stolen(path)
    assert not [text for row in old[:3] for text in row[2:] if text.encode() in left]
    assert all_of(people, "rotate")["changed"] == 0
    people.close()


def test_what_does_not_open_stays_and_is_named(path: str, file: Path, fill: Any) -> None:
    fill(8)
    people = opened(path, file)
    all_of(people, "seal")
    for number in range(1, 8):
        execute(path, "UPDATE subscriber SET ha1 = substr(ha1, 1, 40) WHERE username = ?", f"user{number}")
    broken = rows(path)
    for deed in ("seal", "rotate", "unseal"):
        done = all_of(people, deed)
        assert (done["broken"], len(done["who"]), done["who"][0]) == (7, 5, "user1@Example.org")
        assert rows(path)[1:] == broken[1:]
    people.close()


def test_a_batch_that_fails_changes_nothing(path: str, file: Path, fill: Any) -> None:
    before = fill(5)
    execute(path, "CREATE TRIGGER no BEFORE UPDATE ON subscriber WHEN OLD.username = 'user3' BEGIN SELECT RAISE(ABORT, 'no room'); END")
    people = opened(path, file)
    with pytest.raises(ConfigError, match="no room"):
        people.reseal("seal")
    assert read(path, file) == before
    assert not any(is_sealed(row[2]) for row in rows(path))
    people.add("new", "example.org", "pw")
    people.close()


def test_what_cannot_be_done_is_said(path: str, file: Path, fill: Any) -> None:
    fill(1)
    people = Subscribers(path)
    with pytest.raises(ConfigError, match=r"seals nothing; give its SQLAccounts\(...\) seal="):
        people.reseal("seal")
    people.seal_with(Seal(str(file)))
    for deed in ("seal", "unseal"):
        with pytest.raises(ConfigError, match=f"to {deed} the table, give .*accept_unsealed=True"):
            people.reseal(deed)
    for deed, after in (("melt", None), ("rotate", "1"), ("rotate", {})):
        with pytest.raises(ConfigError, match="cannot be done"):
            people.reseal(deed, after)  # type: ignore[arg-type]
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        people.reseal("rotate")
    people.close()


def test_whoever_reads_old_pages_is_in_the_way_and_that_is_said(path: str, file: Path, fill: Any) -> None:
    fill(1)
    people = opened(path, file)
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM subscriber").fetchall()
    with pytest.raises(ConfigError, match="run this again"):
        people.reseal("seal")
    reader.close()
    assert people.reseal("seal")["changed"] == 0
    assert h("user0@example.com:example.com:pw").encode() not in stolen(path)
    people.close()


def test_without_a_key_nothing_clear_is_put_among_sealed_ones(path: str, file: Path) -> None:
    people = opened(path, file)
    people.add("alice", "example.org", "wonder")
    people.close()
    people = Subscribers(path)
    for change in (people.add, people.passwd):
        with pytest.raises(ConfigError, match="are sealed and this site has no key"):
            change("alice", "example.org", "x")
    people.remove("alice", "example.org")
    people.add("bob", "example.org", "build")
    people.close()


def test_stronger_hashes_and_columns_of_ones_own(path: str, file: Path) -> None:
    Subscribers(path).close()
    for column in ("ha1_sha256", "ha1_sha512t256", "pin"):
        execute(path, f"ALTER TABLE subscriber ADD COLUMN {column} TEXT DEFAULT ''")
    people = Subscribers(path)
    people.add("alice", "example.org", "wonder")
    people.passwd("alice", "example.org", "rabbit")
    execute(path, "UPDATE subscriber SET pin = '1234'")
    people.seal_with(Seal(str(file), True), ("PIN", "ha1", "nowhere"))
    assert people.reseal("seal")["changed"] == 1
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT ha1, ha1_sha256, ha1_sha512t256, pin FROM subscriber").fetchone()
    connection.close()
    people.close()
    seal = Seal(str(file))
    names = ("ha1", "ha1_sha256", "ha1_sha512t256", "pin")
    plain = [seal.open(text, "alice", "example.org", name) for name, text in zip(names, found, strict=True)]
    kinds = ("md5", "sha256", "sha512_256")
    assert plain == [*(h("alice:example.org:rabbit", kind) for kind in kinds), "1234"]


def test_what_was_removed_long_before_is_gone_too(path: str, file: Path, fill: Any) -> None:
    gone = [row[3].encode() for row in fill(1000)[10:]]
    connection = sqlite3.connect(path)
    # SQLite only unlinks what it deletes unless it is told otherwise: these pages are free, and full.
    connection.execute("PRAGMA secure_delete = OFF").fetchall()
    connection.execute("DELETE FROM subscriber WHERE rowid > 10")
    connection.commit()
    connection.close()
    left = stolen(path)
    assert sum(secret in left for secret in gone) > 100, "or the test below says nothing"
    people = opened(path, file)
    assert all_of(people, "seal")["changed"] == 10
    left = stolen(path)
    assert not any(secret in left for secret in gone)
    people.close()


def test_the_value_before_a_new_password_does_not_stay_in_the_file(path: str, file: Path) -> None:
    people = opened(path, file, accept_unsealed=False)
    for number in range(20):
        people.add(f"user{number}", "example.org", "first")
    old = [row[2].encode() for row in rows(path)]
    for number in range(20):
        people.remove(f"user{number}", "example.org") if number % 2 else people.passwd(f"user{number}", "example.org", "second")
    people.close()
    left = stolen(path)
    assert not any(text in left for text in old)
