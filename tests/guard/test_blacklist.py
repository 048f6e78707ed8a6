"""OpenSER's destination rules, the deck's definitions letter by letter among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.guard.blacklist import MOST_RULES, MOST_TEXT, parse_definition, parse_rules

DECK_TEST1 = """dst_blacklist=test1:{( any , 113.135.101.26 , 0 , "^MIN-SE:" )}"""
DECK_TLS = """dst_blacklist=bl_tls:{( tls , 127.0.0.1 , 5060 , "" ),( tls , 192.168.2.7 ,\u0020
5061 , "^X-auth:" )}"""
DECK_GW = """dst_blacklist=bl_gw:{( any , 192.168.2.10 , 0 , "" )}"""

REQUEST = b"INVITE sip:b@x SIP/2.0\r\nVia: v\r\nMin-SE: 90\r\nx-AUTH: no\r\n\r\nbody"
PLAIN = b"INVITE sip:b@x SIP/2.0\r\nVia: v\r\nSubject: MIN-SE: X-auth:\r\n\r\nbody"


def test_the_decks_first_list_matches_the_header_it_names() -> None:
    rules = parse_definition(DECK_TEST1)
    assert rules.name == "test1"
    assert rules.needs_text
    for transport in ("UDP", "TCP", "TLS"):
        assert rules.find(transport, "113.135.101.26", 5060, REQUEST) is not None
        assert rules.find(transport, "113.135.101.26", 5060, PLAIN) is None
        assert rules.find(transport, "113.135.101.27", 5060, REQUEST) is None


def test_the_decks_tls_list_has_two_rules() -> None:
    rules = parse_definition(DECK_TLS)
    assert rules.name == "bl_tls"
    assert len(rules.rules) == 2
    assert rules.find("TLS", "127.0.0.1", 5060, PLAIN) is rules.rules[0]
    assert rules.find("UDP", "127.0.0.1", 5060, PLAIN) is None
    assert rules.find("TLS", "127.0.0.1", 5061, PLAIN) is None
    assert rules.find("TLS", "192.168.2.7", 5061, REQUEST) is rules.rules[1]
    assert rules.find("TLS", "192.168.2.7", 5061, PLAIN) is None


def test_the_decks_gateway_list_blocks_all_of_it() -> None:
    rules = parse_definition(DECK_GW)
    assert not rules.needs_text
    for transport in ("UDP", "TCP", "TLS"):
        assert rules.find(transport, "192.168.2.10", 1, b"") is not None
    assert rules.find("UDP", "::ffff:192.168.2.10", 5060, b"") is not None
    assert rules.find("UDP", "64:ff9b::192.168.2.10", 5060, b"") is not None
    assert rules.find("UDP", "192.168.2.11", 5060, b"") is None


def test_an_inverted_rule_blocks_everything_else() -> None:
    rules = parse_definition('only:{ !(udp, 192.0.2.0/24, 5060, "") }')
    assert rules.find("UDP", "192.0.2.200", 5060, b"") is None
    for transport, host, port in [("TCP", "192.0.2.200", 5060), ("UDP", "192.0.3.1", 5060), ("UDP", "192.0.2.1", 5061)]:
        assert rules.find(transport, host, port, b"") is not None


def test_masks_prefixes_and_flags() -> None:
    rules = parse_definition(
        'dst_blacklist = a/expire,default : {(any,10.0.0.0/255.0.0.0,0,""),(any,2001:db8::/32,0,"")}'
    )
    assert rules.flags == ("expire", "default")
    assert rules.find("UDP", "10.9.8.7", 5060, b"") is not None
    assert rules.find("UDP", "2001:db8::9", 5060, b"") is not None
    assert parse_definition("b/readonly:{}").rules == ()


def test_a_pattern_keeps_its_commas_and_braces() -> None:
    (rule,) = parse_rules('(any, 0.0.0.0/0, 0, "a{2},(b)")')
    assert rule.pattern == "a{2},(b)"
    assert rule.hits("UDP", "192.0.2.1", 5060, b"xaa,b")
    assert not rule.hits("UDP", "192.0.2.1", 5060, b"xa,b")


def test_a_glob_must_fit_the_whole_request_as_in_openser() -> None:
    (whole,) = parse_rules('(any, 0.0.0.0/0, 0, "glob:*Min-SE:*")')
    (part,) = parse_rules('(any, 0.0.0.0/0, 0, "glob:Min-SE:*")')
    assert whole.hits("UDP", "192.0.2.1", 5060, REQUEST)
    assert not part.hits("UDP", "192.0.2.1", 5060, REQUEST)


@pytest.mark.parametrize("mark", ["", "!"])
def test_padding_a_request_hides_nothing(mark: str) -> None:
    (rule,) = parse_rules(mark + '(any, 0.0.0.0/0, 0, "^Min-SE:")')
    assert rule.hits("UDP", "192.0.2.1", 5060, b"x" * MOST_TEXT + b"\r\nMin-SE: 1")


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("gw:(any, 1.2.3.4, 0, '')", "do not stand in"),
        ('{(any, 1.2.3.4, 0, "")}', "NAME:"),
        ('1x:{(any, 1.2.3.4, 0, "")}', "NAME:"),
        ('gw:{(any, 1.2.3.4, 0, "")', "do not stand in"),
        ('gw/often:{(any, 1.2.3.4, 0, "")}', "'often' is no flag"),
        ('gw:{(ip, 1.2.3.4, 0, "")}', "'ip' is no protocol"),
        ('gw:{(any, gw.example, 0, "")}', "'gw.example'"),
        ('gw:{(any, 1.2.3.4/33, 0, "")}', "'1.2.3.4/33'"),
        ('gw:{(any, , 0, "")}', "one address"),
        ('gw:{(any, 1.2.3.4, 65536, "")}', "'65536' is no port"),
        ('gw:{(any, 1.2.3.4, -1, "")}', "'-1' is no port"),
        ('gw:{(any, 1.2.3.4, ٣, "")}', "is no port"),
        ("gw:{(any, 1.2.3.4, 0)}", "a rule is written"),
        ('gw:{(any, 1.2.3.4, "")}', "four parts"),
        ('gw:{(any, 1.2.3.4, 0, 7 "")}', "four parts"),
        ('gw:{(any, 1.2.3.4, 0, "") (any, 1.2.3.5, 0, "")}', "a comma is missing"),
        ('gw:{(any, 1.2.3.4, 0, "[")}', "does not hold"),
        ('gw:{(any, 1.2.3.4, 0, "a{99999999999}")}', "does not hold"),
        ('gw:{(any, 1.2.3.4, 0, "€")}', "does not hold"),
        ('gw:{(any, 1.2.3.4, 0, "(a+)+$")}', "write it flat"),
        ('gw:{(any, 1.2.3.4, 0, "(a|a)*b")}', "write it flat"),
        ('gw:{(any, 1.2.3.4, 0, "((x*)y){9}")}', "write it flat"),
        ('gw:{(any, 1.2.3.4, 0, "(a*)\\1")}', "write it flat"),
        ('gw:{(any, 1.2.3.4, 0, "(?P<n>a)(?P=n)*")}', "write it flat"),
        ("gw:{" + ", ".join(['(any, 1.2.3.4, 0, "")'] * (MOST_RULES + 1)) + "}", "at most"),
        ('gw:{(any, 1.2.3.4, 0, "' + "a" * 300 + '")}', "longer than"),
    ],
)
def test_what_does_not_hold_is_named(text: str, culprit: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_definition(text)
    assert culprit in str(caught.value)


@pytest.mark.parametrize("pattern", ["^X-auth:.*yes", "[(+)]+", "(abc)+", "a\\(b+", "(?:ab)?c"])
def test_ordinary_patterns_are_taken(pattern: str) -> None:
    parse_rules(f'(any, 0.0.0.0/0, 0, "{pattern}")')


def test_a_list_prints_as_it_is_written() -> None:
    text = 'gw:{(any, 192.0.2.1, 0, ""), !(tls, 192.0.2.0/28, 5061, "^X:")}'
    assert repr(parse_definition(text)) == text


@given(st.text(alphabet='!(){}[],"*+?|\\\\:/.0129anyudpx \n', max_size=60))
def test_whatever_is_written_it_holds_or_is_a_value_error(text: str) -> None:
    for whole in (text, f"x:{{{text}}}", f'x:{{(any, 0.0.0.0/0, 0, "{text}")}}'):
        try:
            rules = parse_definition(whole)
        except ValueError:
            continue
        rules.find("UDP", "192.0.2.1", 5060, REQUEST)
