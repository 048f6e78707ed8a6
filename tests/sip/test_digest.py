"""The sums, against the examples that the RFCs print."""

import pytest

from tests.helpers import digest_answer
from twsip.api import Account
from twsip.sip.digest import (
    ALGORITHMS,
    KEPT,
    MD5,
    MD5_SESS,
    SHA_256,
    SHA_512_256,
    SIPDigest,
    _kept,
    ha1,
    ha1_of,
    hashed,
    response,
    verify,
)
from twsip.sip.fields.auth import DigestCredentials, parse_credentials

NONCE_7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE_7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def fields(**words: str) -> DigestCredentials:
    parts = {"username": "u", "realm": "r", "nonce": "n", "uri": "sip:r", "response": "00"} | words
    found = parse_credentials(b"Digest " + ", ".join(f'{name}="{value}"' for name, value in parts.items()).encode())
    assert isinstance(found, DigestCredentials), found
    return found


def test_rfc_2617_section_3_5() -> None:
    given = fields(
        username="Mufasa",
        realm="testrealm@host.com",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri="/dir/index.html",
        qop="auth",
        nc="00000001",
        cnonce="0a4f113b",
        response="6629fae49393a05397450978507c4ef1",
    )
    known = ha1(MD5, "Mufasa", "testrealm@host.com", "Circle Of Life")
    assert known == b"939e7578ed9e3c518a452acee763bce9"
    assert verify(MD5, known, given, b"GET", b"")
    assert not verify(MD5, known, given, b"PUT", b"")


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (SHA_256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_section_3_9_1(algorithm: int, expected: str) -> None:
    given = fields(
        username="Mufasa",
        realm="http-auth@example.org",
        nonce=NONCE_7616,
        uri="/dir/index.html",
        qop="auth",
        nc="00000001",
        cnonce=CNONCE_7616,
        response=expected,
    )
    known = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
    assert response(algorithm, known, given, b"GET", b"") == expected.encode()
    assert verify(algorithm, known, given, b"GET", b"")


def test_rfc_2069_form_without_qop() -> None:
    # The example of RFC 2069 section 2.4 with its erratum's response.
    given = fields(
        username="Mufasa",
        realm="testrealm@host.com",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri="/dir/index.html",
        response="1949323746fe6a43ef61f9606e7febea",
    )
    assert verify(MD5, ha1(MD5, "Mufasa", "testrealm@host.com", "CircleOfLife"), given, b"GET", b"")


def test_sha_512_256_is_not_sha_512_cut_short() -> None:
    # FIPS 180-4's own example for "abc".
    assert hashed(SHA_512_256, b"abc") == b"53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"


# A -sess algorithm needs a cnonce, which goes with qop.
@pytest.mark.parametrize(
    ("algorithm", "qop"),
    [
        (algorithm, qop)
        for algorithm in ALGORITHMS
        for qop in ("auth", "auth-int", None)
        if qop or not algorithm.endswith("-sess")
    ],
)
def test_every_algorithm_and_qop_against_a_second_opinion(algorithm: str, qop: str | None) -> None:
    challenge = f'Digest realm="example.org", nonce="n1", algorithm={algorithm}'
    answer = digest_answer(challenge, "alice", "s3cret", "INVITE", "sip:bob@example.org", body=b"v=0\r\n", qop=qop)
    given = parse_credentials(answer.encode())
    assert isinstance(given, DigestCredentials), given
    bit = ALGORITHMS[algorithm]
    known = ha1(bit, "alice", "example.org", "s3cret")
    assert verify(bit, known, given, b"INVITE", b"v=0\r\n")
    assert verify(bit, known, given, b"INVITE", b"v=1\r\n") == (qop != "auth-int")
    assert not verify(bit, ha1(bit, "alice", "example.org", "wrong"), given, b"INVITE", b"v=0\r\n")


def test_responses_of_another_length_are_wrong_and_nothing_else() -> None:
    for text in ("", "0", "0" * 31, "0" * 64):
        assert not verify(MD5, b"0" * 32, fields(response=text), b"INVITE", b"")


def test_ha1_of_an_account() -> None:
    stored = Account("u", "r", {"MD5": "AB" * 16})
    assert ha1_of(stored, MD5, "u", "r") == ha1_of(stored, MD5_SESS, "u", "r") == b"ab" * 16
    assert ha1_of(stored, SHA_256, "u", "r") == b""
    assert ha1_of(Account("u", "r", {"MD5": "ab"}), MD5, "u", "r") == b"", "not an MD5"
    assert ha1_of(Account("u", "r", {}, "pw"), SHA_256, "u@r", "r") == ha1(SHA_256, "u@r", "r", "pw")
    assert ha1_of(Account("u", "r", {}, ""), MD5, "u", "r") == b"", "an empty password opens nothing"


def test_credentials_remember_whom_they_held_for() -> None:
    given = parse_credentials(digest_answer('Digest realm="r", nonce="n"', "u", "pw", "MESSAGE", "sip:r").encode())
    assert isinstance(given, DigestCredentials)
    right = SIPDigest(given, MD5, b"MESSAGE", b"")
    assert (right.auth_id, right.realm) == ("u", "r")
    assert not right.holds_for(Account("u", "r", {}, "wrong"))
    assert not right.holds_for(Account("u", "r", {}))
    assert right.account is None
    alice = Account("u", "r", {}, "pw")
    assert right.holds_for(alice)
    assert right.account is alice
    assert "pw" not in repr(right)


def test_nobody_is_let_in_with_the_stand_in_secret() -> None:
    zero = fields(qop="auth", nc="00000001", cnonce="x")
    forged = response(MD5, b"0" * 32, zero, b"INVITE", b"").decode()
    given = fields(qop="auth", nc="00000001", cnonce="x", response=forged)
    assert not SIPDigest(given, MD5, b"INVITE", b"").holds_for(Account("u", "r", {}))


def test_what_a_response_ends_with_is_kept_within_bounds() -> None:
    first = fields(qop="auth", nc="00000001", cnonce="x")
    alone = response(MD5, b"0" * 32, first, b"INVITE", b"")
    for number in range(KEPT + 1):
        response(MD5, b"0" * 32, first, b"M%d" % number, b"")
    assert 0 < len(_kept[MD5]) <= KEPT
    assert response(MD5, b"0" * 32, first, b"INVITE", b"") == alone
    long = fields(qop="auth", nc="00000001", cnonce="x", uri="sip:" + "r" * 300)
    assert response(MD5, b"0" * 32, long, b"INVITE", b"") == response(MD5, b"0" * 32, long, b"INVITE", b"") != alone
    assert max(map(len, _kept[MD5])) <= 256
