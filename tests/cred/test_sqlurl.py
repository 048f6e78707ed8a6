"""Database URLs, and that no password of theirs is ever told."""

from pathlib import Path

import pytest

from twsip.api import ConfigError
from twsip.cred import SQLAccounts
from twsip.cred.sqldriver import told
from twsip.cred.sqlurl import Where, password_in, where

# fmt: off
GOOD = [
    # url                                                     kind          user       password   host             port   database
    ("postgres://openser:pw@db.example.org/sip",              "postgresql", "openser", "pw",      "db.example.org", 0,    "sip"),
    ("postgresql://u:p%40s%2Fs%25@10.0.0.1:5433/sip",         "postgresql", "u",       "p@s/s%",  "10.0.0.1",      5433,  "sip"),
    ("PostgreSQL://u@[2001:db8::1]:5433/sip",                 "postgresql", "u",       "",        "2001:db8::1",   5433,  "sip"),
    ("postgres:///sip",                                       "postgresql", "",        "",        "",              0,     "sip"),
    ("postgres://u:a:b@c@%2Frun%2Fpostgresql/sip",            "postgresql", "u",       "a:b@c",   "/run/postgresql", 0,   "sip"),
    ("postgres://u:pw@/sip?host=/run/postgresql&sslmode=disable", "postgresql", "u",   "pw",      "",              0,     "sip"),
    ("mysql://openser:pw@localhost/openser",                  "mysql",      "openser", "pw",      "localhost",     0,     "openser"),
    ("mariadb://u:p%C3%A9@h:3307/d?unix_socket=/x.sock",      "mysql",      "u",       "pé",      "h",             3307,  "d"),
]
FILES = [
    ("var/twsip.db", "var/twsip.db"),
    ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
    ("sqlite:////var/lib/x.db?mode=ro", "/var/lib/x.db"),
    ("sqlite://x.db", "x.db"),
    ("file:x.db?mode=ro", "x.db"),
]
BAD = [
    "",
    "postgres://u:s3cret@host",
    "postgres://u:s3cret@host/",
    "postgres://u:s3/cret@host/db",
    "postgres://u:12/s3cret@host/db",
    "postgres://u:s3cret@host:0/db",
    "postgres://u:s3cret@host:99999/db",
    "postgres://u:s3cret@[::1/db",
    "postgres://u:s3cret@[::1]x/db",
    "postgres://u:s3cret%00@host/db",
    "postgres://u:s3cret@host/a%20b",
    "postgres://host/db?password=s3cret",
    "postgres://host/db?s3cret",
    "mysql://host/db?host=s3cret",
    "redis://u:s3cret@host/db",
    "sqlite://",
    "x\0y",
]
# fmt: on


@pytest.mark.parametrize(("url", "kind", "user", "password", "host", "port", "database"), GOOD)
def test_a_url(url: str, kind: str, user: str, password: str, host: str, port: int, database: str) -> None:
    found = where(url)
    assert (found.kind, found.user, found.password, found.host, found.port, found.database) == (
        kind, user, password, host, port, database,
    )  # fmt: skip
    if password:
        assert password not in str(found)
    assert repr(found) == f"Where({str(found)!r})"


def test_it_is_shown_without_the_password() -> None:
    assert str(where(GOOD[5][0])) == "postgresql://u@/sip at /run/postgresql"
    assert str(where(GOOD[2][0])) == "postgresql://u@[2001:db8::1]:5433/sip"
    accounts = SQLAccounts("mysql://openser:openserrw@localhost/openser")
    assert accounts.name == "sql:mysql://openser@localhost/openser"
    for text in (repr(accounts), accounts.name, repr(accounts._database.driver)):
        assert "openserrw" not in text


@pytest.mark.parametrize(("url", "path"), FILES)
def test_a_file(url: str, path: str) -> None:
    found = where(url)
    assert (found.kind, found.path, str(found)) == ("sqlite", path, path)


@pytest.mark.parametrize("url", BAD)
def test_what_is_refused_is_not_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        where(url)
    assert "s3" not in str(refused.value) and "cret" not in str(refused.value).replace("secret", "").replace("s3cret", "cret")


def test_a_password_may_come_by_path(tmp_path: Path) -> None:
    file = tmp_path / "password"
    for content, reason in (("", "is empty"), ("\nx", "is empty"), (b"\xff\xfe", "it is no text")):
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ConfigError, match=reason):
            password_in(str(file))
    with pytest.raises(ConfigError, match="No such file"):
        password_in(str(tmp_path / "none"))
    file.write_text("open sesame\n# a comment\n")
    assert password_in(str(file)) == "open sesame"


def test_an_error_is_told_in_one_line_without_the_password() -> None:
    place = Where("mysql")
    place.password = "s3cret"
    assert told(ValueError("it said\n\ts3cret\x1b[1m" + "x" * 400), place).startswith("it said ...?[1mxxx")
    assert len(told(ValueError("x" * 400), place)) == 300
    assert told(ValueError(1045, "Access denied"), place) == "Access denied"
    assert told(ValueError(), place) == "ValueError"
