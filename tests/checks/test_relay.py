"""Nothing is relayed because nobody objected: who may reach whom, row by row."""

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import make_context, make_request
from twsip.api import Caller, IRequestCheck, OurDialog, Pass, Reply, TLSPeer, TrustedPeer
from twsip.checks import NoOpenRelay

CALLER = Caller("alice", "example.org", frozenset({"sip:alice@example.org"}))
PEER = TrustedPeer("gateways", spoofable=False)
TLS = TLSPeer(("partner.example",))
DIALOG = OurDialog(b"c1@phone")
LOCAL = "sip:bob@example.org"
FAR = "sip:bob@far.example"
US = "sip:example.org"
FROM_US = "<sip:alice@example.org>;tag=1"
FROM_FAR = "<sip:eve@elsewhere.example>;tag=1"
FROM_PARTNER = "<sip:pat@partner.example>;tag=1"
HIDDEN = "<sip:anonymous@anonymous.invalid>;tag=1"

# fmt: off
ROWS = [
    # fact    method      target   From           more                                  closed   strangers may call
    (CALLER,  "INVITE",   FAR,     FROM_US,       (),                                   0,       0),
    (CALLER,  "INVITE",   LOCAL,   HIDDEN,        (),                                   0,       0),
    (CALLER,  "REGISTER", US,      FROM_US,       (),                                   0,       0),
    (CALLER,  "INVITE",   LOCAL,   FROM_US,       ("Route: <sip:far.example;lr>",),     0,       0),
    (PEER,    "INVITE",   FAR,     FROM_FAR,      (),                                   0,       0),
    (PEER,    "REGISTER", US,      FROM_US,       (),                                   0,       0),
    (DIALOG,  "BYE",      FAR,     FROM_FAR,      (),                                   0,       0),
    (DIALOG,  "REGISTER", US,      FROM_US,       (),                                   403,     403),
    (TLS,     "INVITE",   LOCAL,   FROM_PARTNER,  (),                                   0,       0),
    (TLS,     "INVITE",   FAR,     FROM_PARTNER,  (),                                   403,     403),
    (TLS,     "INVITE",   LOCAL,   FROM_FAR,      (),                                   403,     0),
    (TLS,     "INVITE",   LOCAL,   FROM_US,       (),                                   403,     403),
    (TLS,     "INVITE",   LOCAL,   FROM_PARTNER,  ("Route: <sip:far.example;lr>",),     403,     403),
    (TLS,     "REGISTER", US,      FROM_PARTNER,  (),                                   403,     403),
    (None,    "INVITE",   LOCAL,   FROM_US,       (),                                   403,     403),
    (None,    "INVITE",   LOCAL,   FROM_FAR,      (),                                   403,     0),
    (None,    "INVITE",   FAR,     FROM_FAR,      (),                                   403,     403),
    (None,    "INVITE",   FAR,     FROM_US,       (),                                   403,     403),
    (None,    "INVITE",   LOCAL,   HIDDEN,        (),                                   433,     433),
    (None,    "INVITE",   FAR,     HIDDEN,        (),                                   433,     433),
    (None,    "INVITE",   LOCAL,   "<sip:Anonymous@elsewhere.example>", (),             433,     433),
    (None,    "INVITE",   LOCAL,   "<tel:+4930>;tag=1", (),                             403,     403),
    (None,    "INVITE",   LOCAL,   "<sip:boss@192.0.2.1>;tag=1", (),                    403,     403),
    (None,    "INVITE",   LOCAL,   FROM_FAR,      ("Route: <sip:far.example;lr>",),     403,     403),
    (None,    "INVITE",   LOCAL,   FROM_FAR,      ("Route: <sip:example.org;lr>, <sip:far.example;lr>",), 403, 403),
    (None,    "INVITE",   LOCAL,   FROM_FAR,      ("Route: <sip:example.org;lr>",),     403,     0),
    (None,    "INVITE",   LOCAL + ";maddr=198.51.100.1", FROM_FAR, (),                  403,     403),
    (None,    "INVITE",   "sip:bob@example.org:5999", FROM_FAR, (),                     403,     403),
    (None,    "REGISTER", US,      FROM_US,       (),                                   403,     403),
    (None,    "REGISTER", US,      FROM_FAR,      (),                                   403,     403),
    (None,    "REGISTER", "sip:far.example", FROM_FAR, (),                              403,     403),
    (None,    "OPTIONS",  US,      FROM_FAR,      (),                                   0,       0),
    (None,    "OPTIONS",  US,      HIDDEN,        (),                                   0,       0),
    (None,    "OPTIONS",  US,      FROM_US,       (),                                   0,       0),
    (None,    "OPTIONS",  US,      FROM_FAR,      ("Route: <sip:far.example;lr>",),     403,     403),
    (None,    "OPTIONS",  US + ";maddr=198.51.100.1", FROM_FAR, (),                     403,     403),
    (None,    "OPTIONS",  "sip:far.example", FROM_FAR, (),                              403,     403),
    (None,    "OPTIONS",  LOCAL,   FROM_FAR,      (),                                   403,     0),
    (None,    "INVITE",   US,      FROM_FAR,      (),                                   403,     0),
    (None,    "MESSAGE",  LOCAL,   FROM_US,       (),                                   403,     403),
    (None,    "SUBSCRIBE", LOCAL,  FROM_US,       (),                                   403,     403),
    (None,    "PRACK",    LOCAL,   FROM_US,       (),                                   403,     403),
    (None,    "BREW",     LOCAL,   FROM_US,       (),                                   403,     403),
]
# fmt: on


@pytest.mark.parametrize("strangers", [False, True])
@pytest.mark.parametrize(("fact", "method", "uri", "from_", "extra", "closed", "opened"), ROWS)
def test_row(
    fact: object, method: str, uri: str, from_: str, extra: tuple[str, ...], closed: int, opened: int, strangers: bool
) -> None:
    request = make_request(method, uri, from_=from_, extra=extra)
    check = NoOpenRelay(strangers_may_call=strangers)
    verifyObject(IRequestCheck, check)
    verdict = check.check(make_context(request, *([fact] if fact else [])))
    status = opened if strangers else closed
    if status == 0:
        assert isinstance(verdict, Pass), verdict
    else:
        assert isinstance(verdict, Reply)
        assert verdict.status == status
        assert verdict.why


def test_a_to_tag_and_a_route_of_ours_open_nothing() -> None:
    for method in ("BYE", "INVITE", "MESSAGE", "REFER", "INFO", "UPDATE", "PRACK", "NOTIFY", "SUBSCRIBE"):
        request = make_request(
            method, FAR, from_=FROM_FAR, to="<sip:x@example.org>;tag=made-up", extra=("Route: <sip:example.org;lr>",)
        )
        verdict = NoOpenRelay(strangers_may_call=True).check(make_context(request))
        assert isinstance(verdict, Reply), method
        assert verdict.status == 403
