"""docs/modparams.md: every parameter, function and number of the others has its row, every option it names exists, its examples run."""

import hashlib
import re
import sqlite3
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import FakeDomains, FakeHouse, ThreadReactor, digest_answer, make_context, make_request
from twsip import checks, cred
from twsip.api import Caller, Challenge, Pass, Reply
from twsip.checks.causes import FAMILIES, NUMBERS
from twsip.site import Site

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "modparams.md").read_text(encoding="utf-8")
PARTS: dict[str, type[object]] = {
    part.__name__: part
    for part in (checks.Digest, checks.OwnIdentity, checks.AssertedIdentity, checks.InDialog, cred.SQLAccounts, cred.UriTable, Site)
}
# fmt: off
PARAMETERS = {
    "auth": """
        secret nonce_expire realm_prefix rpid_prefix rpid_suffix rpid_avp username_spec password_spec calculate_ha1
        disable_nonce_check nonce_reuse
        nonce_auth_max_drift qop nonce_count one_time_nonce nid_pool_no nc_array_size nc_array_order otn_in_flight_no
        otn_in_flight_order auth_checks_register auth_checks_no_dlg auth_checks_in_dlg algorithm add_authinfo_hdr
        force_stateless_reply use_domain protect_contacts challenge_attr proxy_challenge_header www_challenge_header""",
    "auth_db": """
        db_url user_column domain_column password_column password_column_2 calculate_ha1 use_domain load_credentials
        hash_column_sha256 hash_column_sha512t256 skip_version_check force_generate_avps uri_user_column uri_domain_column
        uri_uriuser_column
        version_table""",
    "uri_db": """
        db_url db_table user_column domain_column uriuser_column use_uri_table use_domain
        uri_table subscriber_table subscriber_user_column subscriber_domain_column""",
}
FUNCTIONS = """
    www_challenge proxy_challenge auth_challenge www_authorize www_authenticate proxy_authorize proxy_authenticate auth_check
    has_credentials consume_credentials auth_get_www_authenticate auth_algorithm is_rpid_user_e164 append_rpid_hf
    pv_www_authorize pv_www_authenticate pv_proxy_authorize pv_proxy_authenticate pv_auth_check
    is_subscriber check_to check_from check_uri does_uri_exist is_user
    db_is_to_authorized db_is_from_authorized db_does_uri_exist db_get_auth_id"""
# fmt: on
NEEDED = "needed"
"""What the page says instead of a default that is none."""


def section(title: str) -> str:
    return re.split(r"^## ", TEXT, flags=re.MULTILINE)[[*re.findall(r"^## (.+)$", TEXT, re.MULTILINE)].index(title) + 1]


def rows(title: str) -> list[list[str]]:
    found = [line.strip("|").split("|") for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in found]


def options(text: str) -> list[tuple[str, str]]:
    """Each `Part(option=...)` in a text."""
    found = []
    for part, inside in re.findall(r"`([A-Z]\w*)\(([^`]*)\)`", text):
        found += [(part, option) for option in re.findall(r"\b(\w+)=", inside)]
    return found


def default(part: str, option: str) -> str:
    value = signature(PARTS[part]).parameters[option].default
    if value is Parameter.empty:
        return NEEDED
    return f'`"{value}"`' if isinstance(value, str) else f"`{value!r}`"


@pytest.mark.parametrize("module", PARAMETERS)
def test_every_parameter_has_a_row_and_every_row_an_answer(module: str) -> None:
    head, *found = rows(module)
    assert head == ["parameter", "in", "default there", "here", "default here", "what is different"]
    assert sorted(cells[0].strip("`") for cells in found) == sorted(PARAMETERS[module].split())
    for name, families, _, here, default_here, different in found:
        assert families and set(families.split()) <= {"O", "S", "K"}, name
        if here == "none":
            assert not default_here and different, f"{name}: there is none, and the page does not say what one does instead"
            continue
        ((part, option),) = options(here)
        assert default_here == default(part, option), name


def test_every_option_that_is_named_exists() -> None:
    named = options(TEXT)
    assert {part for part, _ in named} == set(PARTS)
    for part, option in named:
        assert option in signature(PARTS[part]).parameters, f"{part} has no option {option}"


def test_every_function_has_a_row() -> None:
    there = [cells[0] for cells in rows("Functions")]
    named = re.findall(r"`(\w+)`", " ".join(cell for cell in there if "flags" not in cell))
    assert sorted(named) == sorted(FUNCTIONS.split())


def test_the_numbers_are_those_that_events_carry() -> None:
    causes = [cells for cells in rows("Return codes") if len(cells) == 5]
    assert causes[0][1:3] == [f'`"{family}"`' for family in FAMILIES]
    assert {cells[0].strip("`"): (int(cells[1]), int(cells[2])) for cells in causes[1:]} == NUMBERS
    for cells in causes[1:]:
        on = f"on_{cells[0].strip('`').removeprefix('AUTH_').lower()}"
        if on in signature(checks.Digest).parameters:
            assert options(cells[4]) == [("Digest", on)]


@pytest.mark.parametrize("page", ["README.md", "docs/checks/digest.md", "docs/checks/own-identity.md", "docs/accounts/sql.md"])
def test_others_lead_to_it(page: str) -> None:
    assert "docs/modparams.md" in (ROOT / page).read_text(encoding="utf-8")


class Asked:
    """The request checks of one example, at home in a folder with the database that it names, and a phone that talks to them."""

    def __init__(self, example: dict[str, Any], domain: str, reactor: ThreadReactor) -> None:
        self.parts = example["site"].requests if "site" in example else example["requests"]
        self.domain = domain
        self.reactor = reactor
        self.house = FakeHouse(FakeDomains((domain,)), reactor)
        for part in self.parts:
            if hasattr(part, "attach"):
                part.attach(self.house)
        self.facts: Any = None

    def _one(self, method: str, user: str, *more: str) -> Any:
        me = f"<sip:{user}@{self.domain}>"
        to = me if method == "REGISTER" else ""
        request = make_request(method, f"sip:{self.domain}", from_=f"{me};tag=1", to=to, extra=more)
        context = make_context(request, site=self.house.domains)
        self.facts = context.facts
        for part in self.parts:
            verdict = part.check(context)
            if hasattr(verdict, "__await__"):
                verdict = self.reactor.until(verdict)
            if not isinstance(verdict, Pass):
                return verdict
            for fact in verdict.facts:
                context.facts.add(fact)
        return "passed"

    def says(self, auth_id: str, password: str, user: str, method: str = "REGISTER") -> Any:
        """What becomes of a request in the name of this user, once its challenge was answered."""
        challenge = self._one(method, user)
        assert isinstance(challenge, Challenge)
        proof = digest_answer(challenge.values[0], auth_id, password, method, f"sip:{self.domain}")
        return self._one(method, user, f"Authorization: {proof}")


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each example leaves, in order, in a folder with an OpenSER database."""
    monkeypatch.chdir(tmp_path)
    database = sqlite3.connect("openser.db")
    database.executescript((ROOT / "etc" / "subscriber.sql").read_text(encoding="utf-8"))
    for column in ("rpid", "email_address"):
        database.execute(f"ALTER TABLE subscriber ADD COLUMN {column} VARCHAR(64)")
    for name, domain in (("alice", "siphub.net"), ("bob", "siphub.net"), ("auth1", "sip.com")):
        ha1 = hashlib.md5(f"{name}:{domain}:secret".encode()).hexdigest()
        row = (name, domain, ha1, "+4930", f"{name}@mail.example")
        database.execute("INSERT INTO subscriber (username, domain, ha1, rpid, email_address) VALUES (?, ?, ?, ?, ?)", row)
    rows = [("auth1", "sip.com", "sip1"), ("auth1", "sip.com", "sip2")]
    database.executemany("INSERT INTO uri (username, domain, uri_user) VALUES (?, ?, ?)", rows)
    database.commit()
    database.close()
    found = []
    for code in re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        room: dict[str, Any] = {}
        exec(compile(code, "modparams.md", "exec"), room)
        found.append(room)
    return found


def test_the_decks_configuration(examples: list[dict[str, Any]], reactor: ThreadReactor) -> None:
    asked = Asked(examples[0], "siphub.net", reactor)
    assert asked.says("bob", "secret", "bob") == "passed"
    assert asked.facts[Caller].attributes == {"i:12": "+4930", "i:14": "bob@mail.example"}
    # Proper credentials, and alice's address-of-record in To: an end, and no other challenge.
    for method in ("REGISTER", "INVITE"):
        refusal = asked.says("bob", "secret", "alice", method)
        assert isinstance(refusal, Reply) and (refusal.status, refusal.reason) == (403, "Forbidden auth ID")
    assert isinstance(asked.says("bob", "guessed", "bob"), Challenge)


def test_n_to_1_and_accounts_of_ones_own(examples: list[dict[str, Any]], reactor: ThreadReactor) -> None:
    asked = Asked(examples[1], "sip.com", reactor)
    assert [asked.says("auth1", "secret", user) for user in ("sip1", "sip2")] == ["passed", "passed"]
    for other in ("sip3", "auth1"):
        refusal = asked.says("auth1", "secret", other)
        assert isinstance(refusal, Reply) and refusal.status == 403
    doors = Asked(examples[2], "example.org", reactor)
    assert doors.says("front", "knock knock", "front") == "passed"
    assert isinstance(doors.says("side", "knock knock", "side"), Challenge)
    assert len(examples) == 3
