"""Whose credentials a challenge asks for; in doubt, ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip.fields.auth import print_challenge
from twsip.sip.fields.challenge import asks_for

OURS = frozenset((b"example.org", b"second.example"))

# fmt: off
ROWS = [
    # value                                                             asks for ours
    ('Digest realm="example.org", nonce="n"',                           True),
    ('Digest nonce="n",REALM = "Example.ORG"',                          True),
    ('Digest realm="second.example"',                                   True),
    (r'Digest realm="exa\mple.org"',                                    True),
    ('Digest realm=" example.org "',                                    True),
    ("Digest realm=example.org, nonce=n",                               True),
    ("Digest realm='example.org', nonce='n'",                           True),
    ('Basic realm="example.org"',                                       True),
    ('Bearer realm="example.org"',                                      True),
    ('Digest realm="far.example", nonce="n", Digest realm="example.org", nonce="n"', True),
    ('Digest realm="far.example", realm="example.org", nonce="n"',      True),
    ('Digest realm="far.example", nonce="n',                            True),
    ('Digest realm="example.org',                                       True),
    (r'Digest realm="x\", realm="example.org", nonce="n"',              True),
    ('Digest realm="far.example", nonce="n", domain="sip:example.org"', False),
    ('Digest realm="far.example", nonce="example.org2"',                False),
    ('Digest realm="example.org.far.example"',                          False),
    ('Digest realm="notexample.org"',                                   False),
    ('Digest realm="", nonce=""',                                       False),
    ("Digest",                                                          False),
    ("",                                                                False),
]
# fmt: on


@pytest.mark.parametrize(("value", "expected"), ROWS)
def test_row(value: str, expected: bool) -> None:
    assert asks_for(value.encode(), OURS) is expected


@given(st.binary(max_size=200))
def test_it_never_raises_and_never_misses_what_it_prints_itself(value: bytes) -> None:
    asks_for(value, OURS)
    assert asks_for(print_challenge("example.org", "n", "MD5", "auth", False).encode() + b", " + value, OURS)
