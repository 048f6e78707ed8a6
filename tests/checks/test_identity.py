"""Bob may not be alice: not in From, not in To of a REGISTER, not in what he asserts besides."""

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import FakeDomains, FakeHouse, make_context, make_request
from twsip.api import Caller, ConfigError, IRequestCheck, MarkedDialog, OurDialog, Pass, Reply
from twsip.api.events import AuthFailed
from twsip.checks import OwnIdentity

BOB = Caller("bob", "example.org", frozenset({"sip:bob@example.org", "sip:sales@example.org"}))
ME = "<sip:bob@example.org>"

# fmt: off
ROWS = [
    # method      From                               To                            more                                            status
    ("INVITE",    "<sip:bob@example.org>",           "",                           (),                                             0),
    ("INVITE",    '"The boss" <sips:bob@Example.ORG:5061;x=y>', "",                (),                                             0),
    ("INVITE",    "<sip:%62ob@example.org>",         "",                           (),                                             0),
    ("INVITE",    "<sip:sales@example.org>",         "",                           (),                                             0),
    ("INVITE",    "<sip:alice@example.org>",         "",                           (),                                             403),
    ("INVITE",    "<sip:Bob@example.org>",           "",                           (),                                             403),
    ("INVITE",    "<sip:bob@partner.example>",       "",                           (),                                             403),
    ("INVITE",    "<sip:bob@elsewhere.example>",     "",                           (),                                             403),
    ("INVITE",    "<sip:example.org>",               "",                           (),                                             403),
    ("INVITE",    "<tel:+4930>",                     "",                           (),                                             403),
    ("INVITE",    "<sip:anonymous@anonymous.invalid>", "",                         (),                                             403),
    ("INVITE",    "<sip:bob@192.0.2.1>",             "",                           (),                                             0),
    ("INVITE",    "<sip:bob@192.0.2.2>",             "",                           (),                                             403),
    ("INVITE",    "<sip:alice@192.0.2.1>",           "",                           (),                                             403),
    ("MESSAGE",   "<sip:alice@example.org>",         "",                           (),                                             403),
    ("SUBSCRIBE", "<sip:alice@example.org>",         "",                           (),                                             403),
    ("PRACK",     "<sip:alice@example.org>",         "",                           (),                                             403),
    ("BREW",      "<sip:alice@example.org>",         "",                           (),                                             403),
    ("REGISTER",  ME,                                "<sip:bob@example.org>",      (),                                             0),
    ("REGISTER",  ME,                                "<sip:sales@example.org>",    (),                                             0),
    ("REGISTER",  ME,                                "<sip:bob@192.0.2.1>",        (),                                             0),
    ("REGISTER",  ME,                                "<sip:alice@example.org>",    (),                                             403),
    ("REGISTER",  "<sip:alice@example.org>",         "<sip:alice@example.org>",    (),                                             403),
    ("REGISTER",  "<sip:alice@example.org>",         "<sip:bob@example.org>",      (),                                             403),
    ("REGISTER",  ME,                                "<sip:bob@partner.example>",  (),                                             403),
    ("INVITE",    ME, "", ("P-Preferred-Identity: <sip:sales@example.org>",),                                                      0),
    ("INVITE",    ME, "", ("P-Preferred-Identity: <sip:alice@example.org>",),                                                      403),
    ("INVITE",    ME, "", ("P-Asserted-Identity: <sip:alice@example.org>",),                                                       403),
    ("INVITE",    ME, "", ("p-asserted-identity : <sip:bob@example.org>, <tel:+491>",),                                            403),
    ("INVITE",    ME, "", ("Remote-Party-ID: <sip:alice@example.org>;screen=yes",),                                                403),
    ("INVITE",    ME, "", ("P-Asserted-Identity: <sip:bob@example.org>", "P-Asserted-Identity: <sip:alice@example.org>"),          403),
    ("INVITE",    ME, "", ("P-Asserted-Identity: <sip:bob@@>",),                                                                   400),
]
# fmt: on


@pytest.mark.parametrize(("method", "from_", "to", "extra", "status"), ROWS)
def test_row(method: str, from_: str, to: str, extra: tuple[str, ...], status: int) -> None:
    uri = "sip:example.org" if method == "REGISTER" else "sip:carol@example.org"
    request = make_request(method, uri, from_=from_ + ";tag=1", to=to, extra=extra)
    site = FakeDomains(domains=("example.org", "partner.example"))
    check = OwnIdentity()
    verifyObject(IRequestCheck, check)
    verdict = check.check(make_context(request, BOB, site=site))
    if status == 0:
        assert isinstance(verdict, Pass), verdict
    else:
        assert isinstance(verdict, Reply)
        assert verdict.status == status
        assert verdict.why
        assert verdict.reason == ("Forbidden auth ID" if status == 403 else "Malformed identity")


# fmt: off
CLAIMS = [
    # method     From                            To                          more                                              claimed
    ("INVITE",   "<sip:alice@example.org>",      "",                         (),                                               "From sip:alice@example.org"),
    ("REGISTER", ME,                             "<sip:%61lice@Example.ORG>", (),                                              "To sip:alice@example.org"),
    ("REGISTER", "<sip:alice@example.org>",      "<sip:bob@example.org>",    (),                                               "From sip:alice@example.org"),
    ("INVITE",   ME,                             "",                         ("P-Asserted-Identity: <tel:+491>",),             "P-Asserted-Identity tel:+491"),
]
# fmt: on


@pytest.mark.parametrize(("codes", "code"), [("openser", -5), ("kamailio", -8)])
@pytest.mark.parametrize(("method", "from_", "to", "extra", "claimed"), CLAIMS)
def test_a_refusal_is_told_once(
    method: str, from_: str, to: str, extra: tuple[str, ...], claimed: str, codes: str, code: int
) -> None:
    house = FakeHouse()
    check = OwnIdentity(codes=codes)
    check.attach(house)
    uri = "sip:example.org" if method == "REGISTER" else "sip:carol@example.org"
    verdict = check.check(make_context(make_request(method, uri, from_=from_ + ";tag=1", to=to, extra=extra), BOB))
    assert isinstance(verdict, Reply)
    # So that the engine does not say it again.
    assert verdict.told
    assert verdict.why == f"AUTH_USER_MISMATCH: bob in {claimed}"
    assert house.told == [
        AuthFailed("AUTH_USER_MISMATCH", "bob", "example.org", "192.0.2.9", "UDP", method, "c1@phone", code, claimed)
    ]


def test_what_is_no_mismatch_is_not_told_as_one() -> None:
    house = FakeHouse()
    check = OwnIdentity()
    check.attach(house)
    assert isinstance(check.check(make_context(make_request(from_=f"{ME};tag=1"), BOB)), Pass)
    malformed = make_request(from_=f"{ME};tag=1", extra=("P-Asserted-Identity: <sip:bob@@>",))
    verdict = check.check(make_context(malformed, BOB))
    assert isinstance(verdict, Reply)
    assert not verdict.told
    assert house.told == []


def test_the_family_of_numbers_is_one_that_is_known() -> None:
    with pytest.raises(ConfigError, match="codes='opensips' of OwnIdentity is not known; use one of openser, kamailio"):
        OwnIdentity(codes="opensips")


def test_nobody_authenticated_nothing_said() -> None:
    assert isinstance(OwnIdentity().check(make_context(make_request(from_="<sip:alice@example.org>"))), Pass)


@pytest.mark.parametrize("ours", [OurDialog(b"c1@phone"), MarkedDialog(b"c1@phone")])
def test_inside_a_dialog_from_is_what_it_was_but_assertions_are_not_free(ours: object) -> None:
    called_as = make_request(
        "BYE", "sip:carol@192.0.2.77", from_="<sip:hotline@example.org>;tag=1", to="<sip:c@x>;tag=2"
    )
    assert isinstance(OwnIdentity().check(make_context(called_as, BOB, ours)), Pass)
    asserting = make_request(
        "UPDATE",
        "sip:carol@192.0.2.77",
        from_="<sip:hotline@example.org>;tag=1",
        to="<sip:c@x>;tag=2",
        extra=("P-Asserted-Identity: <sip:alice@example.org>",),
    )
    verdict = OwnIdentity().check(make_context(asserting, BOB, ours))
    assert isinstance(verdict, Reply)
    assert verdict.status == 403
    register = make_request(
        "REGISTER", "sip:example.org", from_="<sip:alice@example.org>;tag=1", to="<sip:alice@example.org>;tag=2"
    )
    verdict = OwnIdentity().check(make_context(register, BOB, ours))
    assert isinstance(verdict, Reply)
    assert verdict.status == 403
