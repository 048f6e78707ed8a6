"""What PostgreSQL says of a value, and what it says of itself: only the first means that nobody has it."""

import pytest

from twsip.cred.sqlurl import where

psycopg = pytest.importorskip("psycopg")


@pytest.mark.parametrize(
    ("name", "cannot_hold"),
    [
        # A NUL, which psycopg itself refuses; letters that the encoding lacks; a text beside a column of numbers.
        ("DataError", True),
        ("CharacterNotInRepertoire", True),
        ("UntranslatableCharacter", True),
        ("InvalidTextRepresentation", True),
        ("NumericValueOutOfRange", True),
        # A view that cannot make a row says nothing of who is asked for.
        ("DivisionByZero", False),
        ("InvalidParameterValue", False),
        ("StringDataRightTruncation", False),
        ("UndefinedColumn", False),
        ("QueryCanceled", False),
    ],
)
def test_a_database_that_cannot_hold_a_name_is_not_one_that_fails(name: str, cannot_hold: bool) -> None:
    from twsip.cred.sqlpostgresql import driver

    error = getattr(psycopg.errors, name)("as it says")
    assert driver(where("postgres://twsip@db.example/twsip"), 2.0).cannot_hold(error) is cannot_hold
