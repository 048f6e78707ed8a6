"""SQLite: what was committed is there after any end of the process; what cannot be used is refused with a sentence."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from twsip.api import BackendDown, Binding, ConfigError
from twsip.stores import MemoryBindings, SQLiteBindings
from twsip.stores.schema import LOCATION, connect

NOW = 1_800_000_000.0
ALICE = "sip:alice@example.org"


def binding(contact: str = "sip:a@h", **changes: object) -> Binding:
    fields: dict[str, object] = {
        "contact": contact,
        "expires": NOW + 60,
        "q": 1.0,
        "call_id": "c",
        "cseq": 1,
        "received": "",
        "path": "",
        "user_agent": "",
        "instance": "",
    }
    return Binding(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "location.db")


def rows(path: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT username, domain, contact, expires FROM location ORDER BY id").fetchall()
    finally:
        connection.close()


def reopened(path: str) -> SQLiteBindings:
    return SQLiteBindings(path).open()


def test_everything_is_there_after_a_restart(path: str) -> None:
    full = binding(
        "sip:b@h",
        expires=NOW + 61.5,
        q=0.3,
        path="sip:p;lr",
        instance="<urn:x>",
        reg_id=2,
        call_id="\xff\x00",
        changed=NOW,
    )
    people = {
        ALICE: (binding("sip:z@h"), full, binding("sip:a@h")),
        "sip:a@b@example.org": (binding(),),
        "sip:example.org": (binding(),),
        "sip:\u00e4\n@example.org": (binding(user_agent="Ger\u00e4t"),),
        "sip:bob@[2001:db8::1]": (binding(),),
        "tel:+1555": (binding(),),
    }
    store = reopened(path)
    for aor, bindings in people.items():
        store.apply(aor, bindings, NOW)
    store.commit()
    store.close()
    again = reopened(path)
    assert {aor: again.get(aor, NOW) for aor in again.aors()} == people
    again.close()


def test_refreshing_keeps_the_order_and_reordering_is_kept_too(path: str) -> None:
    store = reopened(path)
    one, two, three = binding("sip:1@h"), binding("sip:2@h"), binding("sip:3@h")
    for bindings in [(one, two), (binding("sip:1@h", cseq=9), two), (two, three), (three, two), (three, two, one)]:
        store.apply(ALICE, bindings, NOW)
        store.commit()
        again = reopened(path)
        assert again.get(ALICE, NOW) == bindings
        again.close()
    store.close()


def test_a_row_that_somebody_else_took_out_comes_back(path: str) -> None:
    store = reopened(path)
    store.apply(ALICE, (binding(),), NOW)
    store.apply("sip:bob@h", (binding(),), NOW)
    store.commit()
    foreign(path, "DELETE FROM location WHERE username = 'alice'")
    store.apply(ALICE, (binding(cseq=2),), NOW)
    store.apply("sip:bob@h", (binding(cseq=2),), NOW)
    store.commit()
    assert sorted(row[0] for row in rows(path)) == ["alice", "bob"]
    store.close()


def test_several_changes_between_commits_become_one(path: str) -> None:
    store = reopened(path)
    store.apply(ALICE, (binding("sip:1@h"),), NOW)
    store.apply(ALICE, (), NOW)
    store.apply("sip:bob@h", (binding("sip:1@h"),), NOW)
    store.apply("sip:bob@h", (binding("sip:2@h"),), NOW)
    assert rows(path) == []
    store.commit()
    assert rows(path) == [("bob", "h", "sip:2@h", int(NOW) + 60)]
    store.apply("sip:bob@h", (), NOW)
    store.commit()
    assert rows(path) == []
    store.close()


def test_swept_is_swept_from_the_file_too(path: str) -> None:
    store = reopened(path)
    store.apply(ALICE, (binding("sip:1@h", expires=NOW + 1), binding("sip:2@h")), NOW)
    store.commit()
    store.sweep(NOW + 2, 10)
    store.commit()
    assert [row[2] for row in rows(path)] == ["sip:2@h"]
    store.close()


def test_a_commit_that_fails_undoes_memory_and_the_next_one_works(path: str) -> None:
    store = reopened(path)
    store._connection.execute("PRAGMA busy_timeout = 1")  # type: ignore[union-attr]
    store.apply(ALICE, (binding("sip:1@h"),), NOW)
    store.commit()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.apply(ALICE, (binding("sip:2@h"),), NOW)
    store.apply("sip:bob@h", (binding(),), NOW)
    with pytest.raises(BackendDown, match="locked"):
        store.commit()
    assert store.get(ALICE, NOW) == (binding("sip:1@h"),)
    assert list(store.aors()) == [ALICE]
    store.commit()
    other.execute("ROLLBACK")
    other.close()
    store.apply("sip:bob@h", (binding(),), NOW)
    store.commit()
    assert [row[0] for row in rows(path)] == ["alice", "bob"]
    store.close()


def test_half_a_transaction_leaves_nothing(path: str) -> None:
    store = reopened(path)
    other = sqlite3.connect(path)
    other.execute(
        "CREATE TRIGGER t BEFORE INSERT ON location WHEN new.contact = 'sip:bad@h' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    other.close()
    store.apply("sip:good@h", (binding("sip:good@h"),), NOW)
    store.apply("sip:bad@h", (binding("sip:bad@h"),), NOW)
    with pytest.raises(BackendDown):
        store.commit()
    assert rows(path) == []
    assert list(store.aors()) == []
    store.apply("sip:good@h", (binding("sip:good@h"),), NOW)
    store.commit()
    assert len(rows(path)) == 1
    store.close()


def test_text_that_is_no_unicode_is_refused_alone(path: str) -> None:
    store = reopened(path)
    store.apply(ALICE, (binding(),), NOW)
    with pytest.raises(BackendDown, match="Unicode"):
        store.apply("sip:\udcff@example.org", (binding(),), NOW)
    with pytest.raises(BackendDown, match="Unicode"):
        store.apply(ALICE, (binding(user_agent="\ud800"),), NOW)
    store.commit()
    assert store.get(ALICE, NOW) == (binding(),)
    store.close()


def test_not_opened_means_not_kept(path: str) -> None:
    store = SQLiteBindings(path)
    store.commit()
    store.apply(ALICE, (binding(),), NOW)
    with pytest.raises(BackendDown, match="not open"):
        store.commit()
    assert store.get(ALICE, NOW) == ()
    assert not os.path.exists(path)


def test_opened_twice_and_printed(path: str) -> None:
    store = reopened(path)
    assert store.open() is store
    assert repr(store) == f"SQLite({path!r})"
    assert len(store) == 0
    store.close()
    store.close()


def test_only_the_owner_may_read_the_file(path: str) -> None:
    reopened(path).close()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


KILLED = """
import sys
from twsip.api import Binding
from twsip.stores import SQLiteBindings
store = SQLiteBindings(sys.argv[1]).open()
number = 0
while True:
    aor = f"sip:{number}@example.org"
    store.apply(aor, (Binding(f"sip:{number}@h", 2e9, 1.0, "c", number, "", "", "", ""),), 0.0)
    if number % 3 == 2:
        store.commit()
        print(number, flush=True)
    number += 1
"""


def test_kill_9_loses_nothing_that_was_committed(path: str) -> None:
    """A process that commits and says so is killed in the middle of its work."""
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    said = -1
    for _ in range(200):
        said = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    # What it said before it died, but was not read yet, counts as well.
    for line in child.stdout.read().splitlines(keepends=True):
        if line.endswith("\n"):
            said = int(line)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    assert said >= 599
    store = reopened(path)
    for number in range(said + 1):
        (found,) = store.get(f"sip:{number}@example.org", 0.0)
        assert (found.contact, found.cseq) == (f"sip:{number}@h", number)
    store.apply(ALICE, (binding(),), NOW)
    store.commit()
    store.close()


def refusal(path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        SQLiteBindings(path).open()
    sentence = str(caught.value)
    assert path in sentence
    assert ";" in sentence, "the mend is missing"
    return sentence


def test_no_directory(tmp_path: Path) -> None:
    assert "make it" in refusal(str(tmp_path / "none" / "location.db"))


def test_a_directory(tmp_path: Path) -> None:
    assert "is a directory" in refusal(str(tmp_path))


def test_not_a_database(path: str) -> None:
    Path(path).write_bytes(b"# not SQLite\n" * 1000)
    assert "no SQLite database" in refusal(path)
    assert Path(path).read_bytes().startswith(b"# not SQLite")


def test_damaged(path: str) -> None:
    store = reopened(path)
    for number in range(500):
        store.apply(f"sip:{number}@h", (binding(f"sip:{number}@" + "h" * 100),), NOW)
    store.commit()
    store.close()
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    assert "damaged" in refusal(path)


def test_cut_short(path: str) -> None:
    store = reopened(path)
    for number in range(500):
        store.apply(f"sip:{number}@h", (binding(f"sip:{number}@" + "h" * 100),), NOW)
    store.commit()
    store.close()
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refusal(path)


def test_locked(path: str) -> None:
    reopened(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "locked" in refusal(path)
    other.close()


def test_not_writable() -> None:
    """Root may write everywhere, so root becomes somebody else for a moment."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "location.db")
        reopened(path).close()
        os.chmod(folder, 0o755)
        os.chmod(path, 0o444)
        if root:
            os.seteuid(65534)
        try:
            assert "write access" in refusal(path)
        finally:
            if root:
                os.seteuid(0)


def test_a_full_or_read_only_file_system_is_explained(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*args: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", no)
    assert "write access" in refusal(path)


def foreign(path: str, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


VERSION = "CREATE TABLE version (table_name VARCHAR(32) NOT NULL UNIQUE, table_version INTEGER DEFAULT 0 NOT NULL)"


def test_somebody_elses_location_table(path: str) -> None:
    foreign(
        path, "CREATE TABLE location (id INTEGER, username TEXT)", VERSION, "INSERT INTO version VALUES ('location', 9)"
    )
    assert "version 9" in refusal(path)


def test_a_newer_table(path: str) -> None:
    reopened(path).close()
    foreign(path, "UPDATE version SET table_version = 2002")
    assert "version 2002" in refusal(path)


def test_a_table_without_version_or_columns(path: str, tmp_path: Path) -> None:
    foreign(path, "CREATE TABLE location (id INTEGER)")
    assert "lacks the column username" in refusal(path)
    second = str(tmp_path / "second.db")
    reopened(second).close()
    foreign(second, "DELETE FROM version")
    assert "has no version" in refusal(second)


@pytest.mark.parametrize("change", ["expires = 'soon'", "contact = 'a' || char(10) || 'b'"])
def test_a_row_without_sense(path: str, change: str) -> None:
    store = reopened(path)
    store.apply(ALICE, (binding(),), NOW)
    store.commit()
    store.close()
    foreign(path, f"UPDATE location SET {change}")
    assert "makes no sense" in refusal(path)


def test_memory_has_no_file() -> None:
    store = MemoryBindings()
    store.apply(ALICE, (binding(),), NOW)
    store.commit()
    assert len(store) == 1


def test_another_program_that_looks_in_takes_no_log_away_from_us(tmp_path: Path) -> None:
    # Whoever closes a file that SQLite has open in this process gives up SQLite's locks on it: then the next program that
    # ends takes itself for the last one and deletes the log that we go on writing.
    path = str(tmp_path / "twsip.db")
    ours = [connect(path, LOCATION) for _ in range(3)]
    look = "import sqlite3, sys; one = sqlite3.connect(sys.argv[1]); print(one.execute('SELECT count(*) FROM location').fetchall())"
    for _ in range(2):
        seen = subprocess.run([sys.executable, "-c", look, path], capture_output=True, text=True, check=True).stdout
        assert os.path.exists(path + "-wal")
    assert seen == "[(0,)]\n"
    for one in ours:
        one.close()
