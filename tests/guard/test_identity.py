"""Who may speak for whom, and what a request claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import make_request
from twsip.guard.identity import aors_of, claimed, is_anonymous, name_addr
from twsip.sip.fields.address import parse_address
from twsip.sip.uri import parse_uri


@pytest.mark.parametrize(
    ("auth_id", "realm", "aors"),
    [
        ("alice", "example.org", {"sip:alice@example.org"}),
        ("Alice", "EXAMPLE.org", {"sip:Alice@example.org"}),
        ("alice@example.org", "example.org", {"sip:alice@example.org"}),
        ("alice@EXAMPLE.ORG", "example.org", {"sip:alice@example.org"}),
        ("alice@partner.example", "example.org", set()),
        ("alice@evil@example.org", "example.org", set()),
        ("@example.org", "example.org", set()),
        ("", "example.org", set()),
        ("alice", "", set()),
    ],
)
def test_one_auth_id_one_aor(auth_id: str, realm: str, aors: set[str]) -> None:
    assert aors_of(auth_id, realm) == aors


def test_an_escaped_at_sign_gives_nobody_elses_aor() -> None:
    uri = parse_uri(b"sip:alice%40example.org@partner.example")
    assert uri is not None
    assert uri.aor not in aors_of("alice", "example.org") | aors_of("alice", "partner.example")


def test_a_call_claims_from_only_a_register_to_as_well() -> None:
    call = claimed(make_request("INVITE", from_="<sip:alice@example.org>;tag=1"))
    assert call is not None
    assert repr(call) == "[Claim('From', 'sip:alice@example.org')]"
    assert [(claim.header, claim.uri.aor) for claim in call] == [("From", "sip:alice@example.org")]
    register = claimed(make_request("REGISTER", "sip:example.org", to="<sip:carol@example.org>"))
    assert register is not None
    assert [claim.header for claim in register] == ["From", "To"]


def test_asserted_and_preferred_identities_are_claims() -> None:
    request = make_request(
        extra=(
            'P-Asserted-Identity: "A" <sip:a@example.org>, <tel:+491>',
            "P-Preferred-Identity: <sip:p@example.org>",
            "Remote-Party-ID: <sip:r@example.org>;party=calling",
        )
    )
    claims = claimed(request)
    assert claims is not None
    assert [claim.uri.aor for claim in claims[1:]] == [
        "sip:a@example.org",
        "tel:+491",
        "sip:p@example.org",
        "sip:r@example.org",
    ]


def test_a_malformed_identity_is_no_identity() -> None:
    assert claimed(make_request(extra=("P-Asserted-Identity: <sip:a@@>",))) is None


@pytest.mark.parametrize(
    ("uri", "hidden"),
    [
        (b"sip:anonymous@anonymous.invalid", True),
        (b"sip:Anonymous@example.org", True),
        (b"sip:%61nonymous@example.org", True),
        (b"sip:c8oqz84zk7z@anonymous.INVALID", True),
        (b"sip:x@invalid", True),
        (b"sip:alice@example.org", False),
        (b"sip:alice@notinvalid", False),
        (b"sip:anonymous1@example.org", False),
        (b"tel:+4930", False),
    ],
)
def test_anonymous(uri: bytes, hidden: bool) -> None:
    parsed = parse_uri(uri)
    assert parsed is not None
    assert is_anonymous(parsed) is hidden


@given(st.text(min_size=1, max_size=40))
def test_a_name_addr_means_the_aor_it_was_made_of(user: str) -> None:
    aor = f"sip:{user}@example.org"
    address = parse_address(name_addr(aor))
    assert address is not None
    assert (address.aor, address.display, address.params) == (aor, b"", {})


@pytest.mark.parametrize("aor", ["", "sip:", "sip:example.org", "sip:@example.org", "sip:bob@"])
def test_who_has_no_user_has_no_name_addr(aor: str) -> None:
    assert name_addr(aor) == b""


@given(st.text(alphabet="ab%4125@ '\u00e9", min_size=1, max_size=12))
def test_a_user_that_is_not_utf8_keeps_its_bytes(user: str) -> None:
    found = parse_address(name_addr(f"sip:{user}\udcff@example.org"))
    assert found is not None
    assert found.aor == f"sip:{user}\udcff@example.org"
