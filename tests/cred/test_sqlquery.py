"""The parts of a query: `load_credentials`, identifiers, attributes."""

import pytest

from twsip.api import ConfigError
from twsip.cred.sqlquery import attribute, can_be_asked, credentials_to_load, identifier, secret, table_name

# fmt: off
LOADED = [
    ("$avp(i:12)=rpid; $avp(i:14)=email_address", (("i:12", "rpid"), ("i:14", "email_address"))),
    ("rpid",                                      (("rpid", "rpid"),)),
    ("rpid;email_address;",                       (("rpid", "rpid"), ("email_address", "email_address"))),
    ("$avp(s:mail)=email_address",                (("mail", "email_address"),)),
    (" $avp(mail) = email_address ",              (("mail", "email_address"),)),
    ("",                                          ()),
    (" ; ",                                       ()),
]
NOT_LOADED = [
    "$avp(i:12)", "$avp(i:12)=", "=rpid", "$avp(i:)=rpid", "$avp(12)=rpid", "$avp(i:12)=rpid,x", "rpid; DROP TABLE x", "r pid",
    "$avp()=rpid", "$avp(i:1)=a;$avp(i:1)=b", "rpid;rpid", "1a", "ü", ";".join(f"a{n}" for n in range(33)),
]
# fmt: on


@pytest.mark.parametrize(("text", "found"), LOADED)
def test_load_credentials(text: str, found: tuple[tuple[str, str], ...]) -> None:
    assert credentials_to_load(text) == found


@pytest.mark.parametrize("text", NOT_LOADED)
def test_what_load_credentials_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError, match="load_credentials="):
        credentials_to_load(text)
    with pytest.raises(ConfigError, match="load_credentials="):
        credentials_to_load(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a"b', "a`", "a;b", "ä", "a.b.c", ".a", "a.", "a" * 65, "a\n", None, "a--"])
def test_names_that_would_need_quotes(name: str) -> None:
    with pytest.raises(ConfigError, match="table="):
        table_name("table", name)
    with pytest.raises(ConfigError, match="user_column="):
        identifier("user_column", "a.b")


def test_values() -> None:
    assert [attribute(value) for value in ("x", "", None, 7, True, 1.5, b"x", "a\r\nb", "x" * 1025)] == ["x", "", "", "7", *[""] * 5]
    assert [secret(value) for value in ("x", None, b"x", 1)] == ["x", "", "", ""]
    assert [can_be_asked(name) for name in ("", "é", "a\0", "\udcff")] == [True, True, False, False]
