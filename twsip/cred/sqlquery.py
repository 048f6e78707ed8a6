"""What is asked of a subscriber table and how a row is read: OpenSER's column names and `load_credentials` (auth_db)."""

import re
from collections.abc import Sequence
from typing import Any, Final, final

from ..api import Account, ConfigError
from .seal import Seal, opened

HA1B: Final = "ha1b"
CLEAR: Final = ""
"""Stands where the name of a hash would, for a column with clear text."""
MOST_ATTRIBUTES: Final = 32
LONGEST_ATTRIBUTE: Final = 1024
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CREDENTIAL: Final = re.compile(
    r"(?:\$avp\((?:(?P<number>i:[0-9]{1,9})|(?:s:)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]{0,63}))\)\s*=\s*)?(?P<column>\w+)"
)


def identifier(option: str, name: str) -> str:
    """The name of a column.  Raises ConfigError: such names cannot be parameters of a query, so they are held to what needs no quoting."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{option}={name!r} is no name of a table or column; use letters, digits and underscores")
    return name


def table_name(option: str, name: str) -> str:
    """The name of a table, with its schema in front if it has one."""
    if isinstance(name, str) and name.count(".") == 1:
        schema, _, table = name.partition(".")
        return f"{identifier(option, schema)}.{identifier(option, table)}"
    return identifier(option, name)


def credentials_to_load(text: str) -> tuple[tuple[str, str], ...]:
    """Attribute and column for each `$avp(i:12)=rpid` or `rpid` of a `load_credentials`.  Raises ConfigError.

    `$avp(i:12)` is the attribute "i:12", `$avp(s:email)` and `$avp(email)` are "email", a column alone is named as it is.
    """
    found: dict[str, str] = {}
    for piece in text.split(";") if isinstance(text, str) else ("?",):
        if not piece.strip():
            continue
        credential = _CREDENTIAL.fullmatch(piece.strip())
        if credential is None:
            raise ConfigError(
                f'load_credentials={text!r} cannot be read at {piece.strip()!r}; write "$avp(i:12)=rpid; $avp(email)=email_address; timezone"'
            )
        column = identifier("load_credentials", credential["column"])
        attribute = credential["number"] or credential["name"] or column
        if attribute in found:
            raise ConfigError(f"load_credentials={text!r} names {attribute!r} twice; give each attribute one column")
        found[attribute] = column
    if len(found) > MOST_ATTRIBUTES:
        raise ConfigError(f"load_credentials= names {len(found)} attributes; {MOST_ATTRIBUTES} is the most")
    return tuple(found.items())


def secret(text: Any) -> str:
    """A hash or password as it is used, "" for none."""
    return text if isinstance(text, str) else ""


def attribute(value: Any) -> str:
    """The value of an attribute, "" for what is not loaded: NULL, empty, neither text nor whole number, not printable, or too long."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return text if len(text) <= LONGEST_ATTRIBUTE and text.isprintable() else ""


@final
class Question:
    """One SELECT and what its row means: user name, secrets (`kinds`), attributes.  A question without secrets has no answer."""

    __slots__ = ("attributes", "columns", "kinds", "text", "uses")

    def __init__(
        self,
        table: str,
        user: str,
        domain: str,
        secrets: Sequence[tuple[str, str]],
        attributes: Sequence[tuple[str, str]],
        mark: str,
        bound: str = "",
    ) -> None:
        """`domain` is "" if it is not asked for, `secrets` and `attributes` are names and their columns, `mark` stands for a parameter.

        `bound` is the column with the row's own domain, read as the last one where secrets are sealed, else "".
        """
        self.kinds = tuple(kind for kind, _ in secrets)
        self.attributes = tuple(name for name, _ in attributes)
        self.columns = (user, *(column for _, column in secrets), *(column for _, column in attributes))
        if bound:
            self.columns += (bound,)
        self.uses = frozenset((*self.columns, domain))
        # Who is not there gets nobody's row, so that both answers are one row, fetched in the same time.  The names were
        # held to plain identifiers (behind a dot the servers take a reserved word, too); what came from the wire are parameters.
        names = ", ".join(f"s.{column}" for column in self.columns)
        on = f"s.{user} = {mark}" + (f" AND s.{domain} = {mark}" if domain else "")
        self.text = f"SELECT {names} FROM (SELECT 1 AS one) AS nobody LEFT JOIN {table} AS s ON {on} LIMIT 1"  # noqa: S608

    def read(self, row: Sequence[Any], realm: str, username: str, seal: Seal | None = None) -> Account | None:
        """The account in a row, or None for a row without any secret.  SealBroken for a secret that cannot be opened.

        The one place where a secret that was read from the table passes.
        """
        last = 1 + len(self.kinds)
        is_clear = self.kinds == (CLEAR,)
        # A sealed value belongs to the names that the row itself has.
        texts = [
            opened(seal, text, row[0], row[-1], column, is_clear)
            for text, column in zip(row[1:last], self.columns[1:last], strict=True)
        ]
        secrets = [secret(text) for text in texts]
        attributes = row[last : last + len(self.attributes)]
        loaded = {name: text for name, text in zip(self.attributes, map(attribute, attributes), strict=True) if text}
        if is_clear:
            return Account(username, realm, {}, secrets[0], loaded) if secrets[0] else None
        ha1 = {kind: text.lower() for kind, text in zip(self.kinds, secrets, strict=True) if text}
        return Account(username, realm, ha1, None, loaded) if ha1 else None


def can_be_asked(username: str) -> bool:
    """Whether the name can stand in a database at all: text without NUL, which PostgreSQL takes from nobody."""
    try:
        username.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in username
