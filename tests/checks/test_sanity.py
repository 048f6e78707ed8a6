"""RFC 3261 section 16.3 in its order, and the limits that the parser does not have."""

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import make_context, make_request
from twsip.api import ConfigError, IRequestCheck, Pass, Reply
from twsip.checks import Sanity

# fmt: off
ROWS = [
    # method     Request-URI                     words                                                       status
    ("INVITE",   "sip:bob@example.org",          {},                                                         0),
    ("INVITE",   "sips:bob@example.org",         {},                                                         0),
    ("INVITE",   "tel:+4930",                    {},                                                         416),
    ("INVITE",   "nobodyknows:anything",         {"to": "<sip:b@example.org>"},                              416),
    ("INVITE",   "sip:bob@example.org?a=b",      {"to": "<sip:b@example.org>"},                              400),
    ("INVITE",   "sip:bob@example.org?Route=%3Csip:victim%3E", {"to": "<sip:b@example.org>"},                400),
    ("INVITE",   "sip:bob@example.org",          {"max_forwards": 0},                                        483),
    ("INVITE",   "sip:bob@example.org",          {"max_forwards": -1},                                       0),
    ("INVITE",   "tel:+4930",                    {"max_forwards": 0},                                        416),
    ("OPTIONS",  "sip:example.org",              {"max_forwards": 0},                                        0),
    ("OPTIONS",  "sip:192.0.2.1:5060",           {"max_forwards": 0},                                        0),
    ("OPTIONS",  "sip:192.0.2.1:5080",           {"max_forwards": 0},                                        483),
    ("OPTIONS",  "sip:bob@example.org",          {"max_forwards": 0},                                        483),
    ("OPTIONS",  "sip:elsewhere.example",        {"max_forwards": 0},                                        483),
    ("OPTIONS",  "sip:example.org",              {"max_forwards": 0, "extra": ("Route: <sip:far.example;lr>",)}, 483),
    ("OPTIONS",  "sip:example.org",              {"max_forwards": 0, "extra": ("Route: <sip:example.org;lr>",)}, 0),
    ("OPTIONS",  "sip:example.org;maddr=192.0.2.77", {"max_forwards": 0},                                    483),
    ("OPTIONS",  "sip:example.org;maddr=192.0.2.1", {"max_forwards": 0},                                     0),
    ("REGISTER", "sip:example.org",              {"max_forwards": 0},                                        0),
    ("REGISTER", "sip:elsewhere.example",        {"max_forwards": 0},                                        483),
    ("INVITE",   "sip:bob@example.org",          {"extra": ("Proxy-Require: x",)},                           420),
    ("INVITE",   "sip:bob@example.org",          {"extra": ("Proxy-Require: x",), "max_forwards": 0},        483),
    ("CANCEL",   "sip:bob@example.org",          {"extra": ("Proxy-Require: x",)},                           0),
    ("ACK",      "sip:bob@example.org",          {"extra": ("Proxy-Require: x",)},                           0),
    ("INVITE",   "sip:bob@example.org",          {"extra": ("Require: x",)},                                 0),
    ("REGISTER", "sip:example.org",              {"extra": ("Require: x",)},                                 420),
    ("REGISTER", "sip:example.org",              {"extra": ("Require: PATH",)},                              0),
    ("REGISTER", "sip:elsewhere.example",        {"extra": ("Require: x",)},                                 0),
    ("OPTIONS",  "sip:example.org",              {"extra": ("Require: x",)},                                 420),
    ("OPTIONS",  "sip:bob@example.org",          {"extra": ("Require: x",)},                                 0),
    ("INVITE",   "sip:bob@example.org",          {"extra": ("Proxy-Require: a b",)},                         400),
    ("INVITE",   "sip:bob@example.org",          {"from_": "<sip:alice@example.org>"},                       0),
    ("INVITE",   "sip:bob@example.org",          {"from_": "<tel:+4930>;tag=1"},                             0),
    ("INVITE",   "sip:bob@example.org",          {"from_": "<http://example.org>;tag=1"},                    400),
    ("REGISTER", "sip:example.org",              {"to": "<isbn:2983792873>"},                                400),
    ("INVITE",   "sip:bob@example.org",          {"from_": f"<sip:alice@example.org>;tag={'t' * 512}"},      0),
    ("INVITE",   "sip:bob@example.org",          {"from_": f"<sip:alice@example.org>;tag={'t' * 513}"},      400),
    ("INVITE",   "sip:bob@example.org",          {"to": f"<sip:bob@example.org>;tag={'t' * 513}"},           400),
    ("INVITE",   "sip:bob@example.org",          {"call_id": "c" * 512},                                     0),
    ("INVITE",   "sip:bob@example.org",          {"call_id": "c" * 513},                                     400),
    ("INVITE",   "sip:bob@example.org",          {"call_id": "c\x1b[2J"},                                    400),
    ("INVITE",   "sip:bob@example.org",          {"call_id": "cä"},                                          400),
    ("X" * 32,   "sip:bob@example.org",          {},                                                         0),
    ("!interesting-Method0123456789_*+`.%indeed'~", "sip:bob@example.org", {},                               0),
    ("REGISTER", "sip:example.org",              {"extra": ("Contact: " + ", ".join(["<sip:a@b>"] * 32),)},  0),
    ("REGISTER", "sip:example.org",              {"extra": ("Contact: " + ", ".join(["<sip:a@b>"] * 33),)},  400),
    ("REGISTER", "sip:example.org",              {"extra": ("m: <sip:a@b>",) * 33},                          400),
    ("REGISTER", "sip:example.org",              {"extra": ('Contact: "' + "," * 99 + '" <sip:a@b>',)},      0),
    ("INVITE",   "sip:bob@example.org",          {"extra": ("Via: SIP/2.0/UDP h;branch=z9hG4bK1",) * 69},    0),
    ("INVITE",   "sip:bob@example.org",          {"extra": ("Via: SIP/2.0/UDP h;branch=z9hG4bK1",) * 70},    400),
    ("INVITE",   "sip:bob@example.org",          {"extra": ("Route: <sip:a@@>",)},                           400),
    ("INVITE",   "sip:bob@example.org",          {"body": "x" * 1000},                                       0),
    ("INVITE",   "sip:bob@example.org",          {"body": "x" * 1001},                                       413),
]
# fmt: on


@pytest.mark.parametrize(("method", "uri", "words", "status"), ROWS)
def test_row(method: str, uri: str, words: dict[str, object], status: int) -> None:
    verdict = Sanity(most_body=1000).check(make_context(make_request(method, uri, **words)))
    if status == 0:
        assert isinstance(verdict, Pass), verdict
    else:
        assert isinstance(verdict, Reply)
        assert verdict.status == status
        assert verdict.why


def test_unsupported_names_exactly_what_is_not_known() -> None:
    check = Sanity(proxy_supported=("Known",))
    verifyObject(IRequestCheck, check)
    extra = ("Proxy-Require: known, strange", "proxy-require: other")
    verdict = check.check(make_context(make_request(extra=extra)))
    assert isinstance(verdict, Reply)
    assert verdict.status == 420
    assert verdict.headers == (("Unsupported", "strange, other"),)
    assert isinstance(check.check(make_context(make_request(extra=("Proxy-Require: KNOWN",)))), Pass)


def test_options_are_looked_at() -> None:
    with pytest.raises(ConfigError, match="most_body"):
        Sanity(most_body=-1)
    with pytest.raises(ConfigError, match="no option tag"):
        Sanity(supported=("a b",))
    assert isinstance(
        Sanity(supported="gruu").check(
            make_context(make_request("REGISTER", "sip:example.org", extra=("Require: gruu",)))
        ),
        Pass,
    )
