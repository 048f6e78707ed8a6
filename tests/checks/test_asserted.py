"""Who is named to whom: the caller that was proven, to those whom the site trusts (RFC 3323, RFC 3325)."""

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import FakeDomains, make_context, make_request
from twsip.api import PASS, Caller, ConfigError, IRequestCheck, OurDialog, TLSPeer, TrustedPeer
from twsip.checks import AssertedIdentity, OwnIdentity
from twsip.checks.asserted import home_of_hidden

SITE = FakeDomains(domains=("example.org", "partner.example"))
GATEWAY, PHONE = "192.0.2.16", "198.51.100.1"
PEER = TrustedPeer("gateways", spoofable=False)
ME = "<sip:bob@example.org>;tag=1"
HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'
HIDDEN_HERE = "<sip:anonymous@example.org>;tag=1"
SALES = "P-Preferred-Identity: <sip:sales@example.org;x=y>"


def bob(**attributes: str) -> Caller:
    return Caller("bob", "example.org", frozenset({"sip:bob@example.org", "sip:sales@example.org"}), attributes)


def seen(*facts: object, check: AssertedIdentity | None = None, **words: Any) -> tuple[list[str], list[str], list[str]]:
    """What is taken out, what the gateway sees put in, and what a phone sees."""
    check = check or AssertedIdentity(GATEWAY)
    context = make_context(make_request(**words), *facts, site=SITE)
    assert check.check(context) is PASS
    edits = context.edits
    if edits is None:
        return [], [], []
    taken = [context.request.lines[at].decode() for at in edits.taken]
    return (
        taken,
        [line.decode() for line in edits.lines_for(GATEWAY)],
        [line.decode() for line in edits.lines_for(PHONE)],
    )


def pai(text: str) -> list[str]:
    return [f"P-Asserted-Identity: {text}"]


BOB, FOR_SALES, PHONE_NUMBER = pai("<sip:bob@example.org>"), pai("<sip:sales@example.org>"), pai("<tel:+4930>")
# fmt: off
CALLERS = [
    # caller                       From         more                        gateway sees   a phone sees
    (bob(),                        ME,          (),                         BOB,           []),
    (bob(),                        ME,          ("Privacy: none",),         BOB,           BOB),
    (bob(),                        ME,          ("Privacy: id",),           BOB,           []),
    (bob(),                        ME,          ("privacy: header;ID ;critical",), BOB,    []),
    (bob(),                        ME,          ("Privacy: none;id",),      BOB,           []),
    (bob(),                        ME,          ("Privacy: none", "Privacy: user"), BOB,   []),
    (bob(),                        ME,          ("Privacy: " + "none;" * 20 + "id",), BOB, []),
    (bob(),                        HIDDEN,      (),                         BOB,           []),
    (bob(),                        HIDDEN,      ("Privacy: none",),         BOB,           []),
    (bob(),                        HIDDEN_HERE, ("Privacy: id",),           BOB,           []),
    (bob(),                        HIDDEN,      (SALES, "Privacy: id"),     FOR_SALES,     []),
    (bob(),                        ME,          (SALES,),                   FOR_SALES,     []),
    (bob(),                        ME,          ("P-Preferred-Identity: <sip:eve@example.org>, <sip:sales@192.0.2.1>",), FOR_SALES, []),
    (bob(),                        ME,          ("P-Preferred-Identity: <sip:@@>",), BOB,  []),
    (bob(),                        "<sips:sales@Example.org:5061;x=y>;tag=1", (), FOR_SALES, []),
    (bob(),                        "<sip:sales@192.0.2.1>;tag=1", (),       FOR_SALES,     []),
    (bob(rpid="tel:+4930"),        ME,          (SALES,),                   PHONE_NUMBER,  []),
    (bob(rpid="+4930"),            HIDDEN,      (),                         pai("<sip:+4930@example.org>"), []),
    (bob(rpid="+4930@pstn.example"), ME,        (),                         pai("<sip:+4930@pstn.example>"), []),
    (bob(rpid='"Bob B." <sip:bb@example.org;user=phone>'), ME, (),          pai('"Bob B." <sip:bb@example.org;user=phone>'), []),
    (bob(rpid=" "),                ME,          (),                         BOB,           []),
    (bob(rpid="x\r\nEvil: 1"),     ME,          (),                         BOB,           []),
    (bob(rpid="<sip:a@b>\r\nEvil: 1"), ME,      (),                         BOB,           []),
    (bob(rpid="a" * 513),          ME,          (),                         BOB,           []),
    (bob(rpid="http://x"),         ME,          (),                         BOB,           []),
    (bob(rpid='"open <sip:a@b>'),  ME,          (),                         BOB,           []),
    (bob(other="tel:+4930"),       ME,          (),                         BOB,           []),
    (Caller("auth1", "sip.com", frozenset({"sip:sip2@sip.com", "sip:sip1@sip.com"})), HIDDEN, (), pai("<sip:sip1@sip.com>"), []),
    (Caller("o r@", "sip.com", frozenset({"sip:o r@@sip.com"})), HIDDEN, (), pai("<sip:o%20r%40@sip.com>"), []),
    (Caller("caf\u00e9", "sip.com", frozenset({"sip:caf\u00e9@sip.com"})), HIDDEN, (), pai("<sip:caf%C3%A9@sip.com>"), []),
    (Caller("nobody", "sip.com", frozenset()), HIDDEN, (),                  [],            []),
]
# fmt: on


@pytest.mark.parametrize(("caller", "from_", "more", "gateway", "phone"), CALLERS)
def test_a_caller_is_named(
    caller: Caller, from_: str, more: tuple[str, ...], gateway: list[str], phone: list[str]
) -> None:
    taken, for_gateway, for_phone = seen(caller, from_=from_, extra=more)
    assert (for_gateway, for_phone) == (gateway, phone)
    assert taken == [line for line in more if line.startswith("P-")]


def test_what_the_caller_claims_is_replaced() -> None:
    claims = (
        "P-Asserted-Identity: <sip:sales@example.org>",
        "Remote-Party-ID: <sip:sales@example.org>;screen=yes",
        "p-preferred-identity: <sip:eve@example.org>",
    )
    taken, gateway, phone = seen(bob(), from_=ME, extra=claims)
    assert taken == list(claims)
    assert (gateway, phone) == (BOB, [])


@pytest.mark.parametrize("method", ["REGISTER", "ACK"])
def test_what_must_not_be_asserted_is_not(method: str) -> None:
    taken, gateway, _ = seen(bob(), method=method, uri="sip:example.org", from_=ME, extra=(SALES,))
    assert (taken, gateway) == ([SALES], [])


@pytest.mark.parametrize("facts", [(), (TLSPeer(("far.example",)),), (OurDialog(b"c1@phone"),)])
def test_nobody_is_named_who_was_not_proven(facts: tuple[object, ...]) -> None:
    assert seen(*facts, from_=ME, extra=(SALES, "P-Asserted-Identity: <tel:+491>")) == (
        [SALES, "P-Asserted-Identity: <tel:+491>"],
        [],
        [],
    )
    assert seen(*facts, from_=ME) == ([], [], [])


ASSERTS = ("P-Asserted-Identity: <sip:+491@gw>", "Remote-Party-ID: <sip:+491@gw>;privacy=off")
FULL = ("remote-party-id: <sip:+491@gw>;privacy=full",)
BROKEN = ("Remote-Party-ID: <sip:@",)
# fmt: off
PEERS = [
    # From       more                            guarded
    (ME,         ASSERTS,                        False),
    (ME,         (*ASSERTS, "Privacy: none"),    False),
    (ME,         (*ASSERTS, "Privacy: critical"), False),
    (ME,         (*ASSERTS, "Privacy: id"),      True),
    (HIDDEN,     ASSERTS,                        True),
    (ME,         FULL,                           True),
    (ME,         BROKEN,                         True),
    (HIDDEN,     (),                             False),
]
# fmt: on


@pytest.mark.parametrize(("from_", "more", "guarded"), PEERS)
@pytest.mark.parametrize("own_identity", [False, True])
def test_what_a_trusted_peer_asserts_stays_among_the_trusted_when_privacy_is_wanted(
    from_: str, more: tuple[str, ...], guarded: bool, own_identity: bool
) -> None:
    context = make_context(make_request(from_=from_, extra=more), PEER, site=SITE)
    if own_identity:
        assert OwnIdentity().check(context) is PASS
        assert bool(context.edits) is guarded
    assert AssertedIdentity(["192.0.2.0/24"]).check(context) is PASS
    if not guarded:
        assert context.edits is None
        return
    assert context.edits is not None
    lines = [line for line in more if not line.startswith("Privacy")]
    assert [context.request.lines[at].decode() for at in context.edits.taken] == lines
    assert [line.decode() for line in context.edits.lines_for(GATEWAY)] == lines
    assert context.edits.lines_for(PHONE) == []


# fmt: off
RPIDS = [
    # options                                                    From     Remote-Party-ID
    ({},                                                         ME,      "<sip:bob@example.org>;party=calling;id-type=subscriber;screen=yes"),
    ({"rpid_suffix": ";screen=yes"},                             ME,      "<sip:bob@example.org>;screen=yes"),
    ({"rpid_prefix": '"x" <', "rpid_suffix": ">;screen=yes"},    ME,      '"x" <sip:bob@example.org>;screen=yes'),
    ({"rpid_suffix": ";screen=yes"},                             HIDDEN,  "<sip:bob@example.org>;screen=yes;privacy=full"),
]
# fmt: on


@pytest.mark.parametrize(("options", "from_", "expected"), RPIDS)
def test_remote_party_id(options: dict[str, str], from_: str, expected: str) -> None:
    check = AssertedIdentity(GATEWAY, rpid=1, **options)  # type: ignore[arg-type]
    _, gateway, phone = seen(bob(), check=check, from_=from_)
    assert gateway == [*BOB, f"Remote-Party-ID: {expected}"]
    assert phone == []


def test_the_attribute_may_be_called_otherwise() -> None:
    check = AssertedIdentity(GATEWAY, rpid_avp="i:12")
    assert seen(bob(**{"i:12": "tel:+4930"}), check=check, from_=ME)[1] == PHONE_NUMBER


@pytest.mark.parametrize(
    ("trusted", "options", "says"),
    [
        ("192.0.2.300", {}, "AssertedIdentity: .*192.0.2.300"),
        ([], {}, "trusts nobody"),
        (GATEWAY, {"rpid_suffix": ">;screen=yes"}, "make no Remote-Party-ID"),
        (GATEWAY, {"rpid_prefix": "x\r\nEvil: "}, "make no Remote-Party-ID"),
        (GATEWAY, {"rpid_suffix": ";a=b\r\nEvil: 1"}, "make no Remote-Party-ID"),
    ],
)
def test_options_that_make_no_sense(trusted: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        AssertedIdentity(trusted, **options)


def test_it_is_a_check() -> None:
    verifyObject(IRequestCheck, AssertedIdentity(GATEWAY))


@pytest.mark.parametrize(
    ("from_", "more", "host"),
    [
        (HIDDEN, (), "example.org"),
        (HIDDEN, ("P-Preferred-Identity: <sip:bob@partner.example>",), "partner.example"),
        (HIDDEN, ("P-Preferred-Identity: <sip:bob@far.example>",), "example.org"),
        (HIDDEN, ("P-Preferred-Identity: <sip:bob@@>",), "example.org"),
        ("<sip:boss@anonymous.invalid>;tag=1", (), "given"),
        ("<sip:anonymous@far.example>;tag=1", (), "given"),
    ],
)
def test_whose_realm_an_anonymous_caller_is_asked_for(from_: str, more: tuple[str, ...], host: str) -> None:
    assert home_of_hidden(make_context(make_request(from_=from_, extra=more), site=SITE), "given") == host
