"""A subscriber table as the options describe it, held against the one that is there."""

from collections.abc import Sequence
from typing import Any, final

from ..api import ConfigError
from .sqldriver import Driver, told
from .sqlquery import CLEAR, Question
from .sqlurl import SQLITE, Where

SAMPLE = 8
MOST_NAMED = 30


@final
class Table:
    """Two questions, one for a user name and one for user@domain, and the options that named their columns."""

    def __init__(
        self,
        name: str,
        named: Sequence[tuple[str, str]],
        plain: Question,
        for_domain: Question,
        may_lack_second: bool,
    ) -> None:
        """`named` are options and the columns that they name."""
        self._plain = plain
        self._for_domain = for_domain
        self.has_second = bool(for_domain.kinds)
        self.is_known = False
        self._name = name
        self._named = named
        self._may_lack_second = may_lack_second

    def plain_question(self) -> Question:
        """What is asked for a user name."""
        return self._plain

    def domain_question(self) -> Question:
        """What is asked for user@domain; the other one if the table has nothing for such names."""
        return self._for_domain if self.has_second else self._plain

    def look(self, connection: Any, driver: Driver, where: Where) -> None:
        """Try both questions.  Raises ConfigError for what waiting does not mend, the driver's error for a database that is down."""
        for question in (self._plain, self._for_domain) if self.has_second else (self._plain,):
            self._try(question, connection, driver, where)
        if self._plain.kinds == (CLEAR,):
            self._refuse_hashes(connection, driver, where)
        self.is_known = True

    def _try(self, question: Question, connection: Any, driver: Driver, where: Where) -> None:
        try:
            ask(connection, question.text, ("",) * question.text.count(driver.mark))
        except driver.errors as error:
            if driver.cannot_hold(error):
                # A column of numbers, compared with no number.
                return
            if not driver.is_about_names(error):
                raise
            there = self._columns(connection, driver)
            missing = [(option, column) for option, column in self._named if column in question.uses and column.lower() not in there]
            if there and [option for option, _ in missing] == ["password_column_2"] and self._may_lack_second:
                # OpenSIPS's table has no ha1b: not missed unless it was asked for by name.
                self.has_second = False
                return
            if there and missing:
                option, column = missing[0]
                has = ", ".join(sorted(there)[:MOST_NAMED])
                raise ConfigError(f"the table {self._name} of {where} has no such column: {column} ({option}=); it has {has}") from error
            if where.kind == SQLITE:
                raise ConfigError(
                    f"the subscriber database {where} cannot be used: {told(error, where)}; "
                    f"mend the file's owner, or name table= and the column options as they are there"
                ) from error
            raise ConfigError(
                f"the table {self._name} of {where} cannot be read: {told(error, where)}; "
                f"let {where.user or 'its user'} SELECT from it, or name table= as it is there"
            ) from error

    def _columns(self, connection: Any, driver: Driver) -> set[str]:
        cursor = connection.cursor()
        try:
            # The name was held to a plain identifier.
            cursor.execute(f"SELECT * FROM {self._name} WHERE 1 = 0")  # noqa: S608
            return {str(column[0]).lower() for column in cursor.description or ()}
        except driver.errors:
            # No such table, or the right to read some of its columns only.
            return set()
        finally:
            cursor.close()

    def _refuse_hashes(self, connection: Any, driver: Driver, where: Where) -> None:
        # calculate_ha1=1 beside password_column="ha1" stands in many a copied configuration; nobody could log in.
        column = self._plain.columns[1]
        if not column.lower().startswith("ha1"):
            return
        text = f"SELECT s.{column} FROM {self._name} AS s WHERE s.{column} <> {driver.mark} LIMIT {SAMPLE}"  # noqa: S608
        found = [row[0] for row in ask(connection, text, ("",))]
        if found and all(isinstance(value, str) and _is_hash(value) for value in found):
            raise ConfigError(
                f"password_column={column!r} of {where} holds hashes, and calculate_ha1=1 takes them for passwords in clear text; "
                "leave calculate_ha1 out"
            )


def ask(connection: Any, text: str, parameters: Sequence[str]) -> Sequence[Any]:
    """All rows of one SELECT; blocks."""
    cursor = connection.cursor()
    try:
        cursor.execute(text, parameters)
        rows: Sequence[Any] = cursor.fetchall()
        return rows
    finally:
        cursor.close()


def _is_hash(value: str) -> bool:
    return len(value) in (32, 64) and all(letter in "0123456789abcdef" for letter in value.lower())
