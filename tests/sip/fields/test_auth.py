"""Authorization values: what is read, what is refused, what is passed over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip.fields.auth import (
    LONGEST,
    OTHER_SCHEME,
    DigestCredentials,
    ours,
    parse_credentials,
    print_challenge,
)
from twsip.sip.fields.authparams import MOST_SHAPES, SHAPES

GOOD = (
    b'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, '
    b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", '
    b'qop=auth, response="8CA523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
MANDATORY = b'Digest username="a", realm="r", nonce="n", uri="sip:r", response="00"'


def test_every_parameter_is_read() -> None:
    found = parse_credentials(GOOD)
    assert isinstance(found, DigestCredentials)
    assert (found.username, found.realm, found.uri) == ("Mufasa", "http-auth@example.org", b"/dir/index.html")
    assert found.nonce == b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    assert found.response == b"8ca523f5e9506fed4657c9700eebdbec"
    assert (found.algorithm, found.qop, found.nc, found.nc_text) == ("MD5", "auth", 1, b"00000001")
    assert found.opaque.startswith(b"FQhe/") and found.cnonce.endswith(b"xURZJ")


def test_what_is_missing_is_empty() -> None:
    found = parse_credentials(MANDATORY)
    assert isinstance(found, DigestCredentials)
    assert (found.algorithm, found.qop, found.nc, found.cnonce, found.opaque) == ("", "", 0, b"", b"")


@pytest.mark.parametrize(
    ("more", "algorithm", "qop"),
    [
        (b', algorithm="md5"', "MD5", ""),
        (b",ALGORITHM=Sha-256-SESS", "SHA-256-sess", ""),
        (b" , algorithm = TOKEN-9", "TOKEN-9", ""),
        (b', qop="AUTH", nc="0000000A", cnonce=abc', "", "auth"),
        (b',\tqop=auth-int,nc=00000002,cnonce="x"  ', "", "auth-int"),
        (b", , qop=auth,nc=00000002,cnonce=\"a, b=c\",", "", "auth"),
        (b', auth-param="x", other=y', "", ""),
    ],
)
def test_forgiven_spellings(more: bytes, algorithm: str, qop: str) -> None:
    found = parse_credentials(MANDATORY + more)
    assert isinstance(found, DigestCredentials), found
    assert (found.algorithm, found.qop) == (algorithm, qop)


def test_escapes_and_commas_inside_quotes() -> None:
    found = parse_credentials(b'Digest username="a\\"b, c\\\\", realm="r", nonce="n", uri=sip:a, response=00')
    assert isinstance(found, DigestCredentials)
    assert (found.username, found.uri) == ('a"b, c\\', b"sip:a")
    plain = parse_credentials(MANDATORY.replace(b'"a"', b'"a, realm=x"'))
    assert isinstance(plain, DigestCredentials)
    assert (plain.username, plain.realm) == ("a, realm=x", "r")


def test_user_names_stay_data() -> None:
    for name in ("jos\u00e9", "x' OR '1'='1", "a\0b", "%41", "a@b@c", ""):
        found = parse_credentials(MANDATORY.replace(b'"a"', b'"' + name.encode() + b'"'))
        assert isinstance(found, DigestCredentials)
        assert found.username == name


@pytest.mark.parametrize(
    "value",
    [
        b"Digest",
        b"Digest ",
        b"Digest ,,,",
        MANDATORY + b', realm="r"',
        MANDATORY + b', REALM="x"',
        MANDATORY + b", x=1, X=2",
        MANDATORY + b", qop=auth",
        MANDATORY + b', qop=auth, cnonce="x"',
        MANDATORY + b", qop=auth, nc=00000001",
        MANDATORY + b', qop=auth, nc=00000000, cnonce="x"',
        MANDATORY + b', qop=auth, nc=1, cnonce="x"',
        MANDATORY + b', qop=auth, nc=0000000g, cnonce="x"',
        MANDATORY + b', qop="au th", nc=00000001, cnonce="x"',
        MANDATORY + b', algorithm="M D"',
        MANDATORY + b", algorithm=",
        MANDATORY + b", algorithm",
        MANDATORY + b", algo rithm=MD5",
        MANDATORY + b'x, algorithm="MD5"',
        MANDATORY + b' algorithm="MD5"',
        MANDATORY + b", opaque=a b",
        MANDATORY + b', opaque="',
        MANDATORY + b', opaque="\\"',
        MANDATORY + b', opaque="\\\\", qop=a b',
        MANDATORY + b', opaque="\\\\", realm="r"',
        MANDATORY + b'  "x"',
        MANDATORY.replace(b'"00"', b'"0x"'),
        MANDATORY.replace(b'"a"', b'"\xff"'),
        MANDATORY.replace(b'"a"', b'"' + b"a" * 257 + b'"'),
        MANDATORY.replace(b'"n"', b'"' + b"a" * 513 + b'"'),
        MANDATORY + b', opaque="' + b"x" * LONGEST + b'"',
        MANDATORY + b"".join(b", p%d=x" % at for at in range(40)),
        *(MANDATORY.replace(name, b"x" + name) for name in (b"username", b"realm", b"nonce", b"uri", b"response")),
    ],
)
def test_malformed(value: bytes) -> None:
    found = parse_credentials(value)
    assert isinstance(found, str)
    assert found not in ("", OTHER_SCHEME)


@pytest.mark.parametrize("value", [b"", b"Basic QQ==", b"Bearer x", b"Digestive a=b", b"Dig est"])
def test_other_schemes_are_not_for_us(value: bytes) -> None:
    assert parse_credentials(value) == OTHER_SCHEME
    assert not ours(value, {"r"})


PIECES = st.sampled_from(
    [
        *(b"username", b"realm", b"nonce", b"uri", b"response", b"algorithm", b"qop", b"nc", b"cnonce"),
        *(b"=", b'"', b",", b" ", b"\\", b"\t", b"<", b"\xff", b"auth", b"00000001", b"MD5", b'"r"', b'="a", '),
    ]
)


@given(st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=60).map(b"".join)))
def test_never_raises(tail: bytes) -> None:
    for value in (tail, b"Digest " + tail, MANDATORY + tail, MANDATORY + b", " + tail):
        assert isinstance(parse_credentials(value), DigestCredentials | str)
        ours(value, ("r", "example.org"))


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.text(st.characters(codec="utf-8"), max_size=60))
def test_quoted_text_comes_back(username: str, realm: str) -> None:
    def quoted(text: str) -> bytes:
        return b'"' + text.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'

    value = b"Digest username=" + quoted(username) + b",realm=" + quoted(realm) + b',nonce="n",uri="sip:r",response="00"'
    found = parse_credentials(value)
    assert isinstance(found, DigestCredentials), found
    assert (found.username, found.realm) == (username, realm)


def test_ours() -> None:
    assert ours(MANDATORY, ("r",))
    assert not ours(MANDATORY, ("other",))
    assert ours(MANDATORY + b', realm="r"', ("r",)), "unreadable, but our realm is in it"
    assert not ours(MANDATORY + b', realm="r"', ("example.org",))


def test_challenge_is_printed() -> None:
    assert print_challenge("example.org", "abc", "MD5", "auth", False) == (
        'Digest realm="example.org", nonce="abc", algorithm=MD5, qop="auth"'
    )
    assert print_challenge('a"b', "abc", "SHA-256", "", True) == 'Digest realm="a\\"b", nonce="abc", algorithm=SHA-256, stale=true'


def test_no_secret_in_repr() -> None:
    found = parse_credentials(GOOD)
    assert "8ca523" not in repr(found) and "Mufasa" in repr(found)


def test_a_nonce_count_is_only_what_is_called_so() -> None:
    for _ in range(2):  # the second time it may be remembered
        for count in ("00000001", "0000002a"):
            text = f'Digest username="a", realm="r", nonce="n", uri="sip:r", response="0f", qop=auth, nc={count}, cnonce=xnc=0000000a'
            found = parse_credentials(text.encode())
            assert isinstance(found, DigestCredentials), found
            assert (found.nc_text, found.nc, found.cnonce) == (count.encode(), int(count, 16), b"xnc=0000000a")


BEFORE = b'Digest username="a", realm="r", nonce="n", uri="sip:r", response="0f", '


@pytest.mark.parametrize(
    ("tail", "nc", "cnonce"),
    [
        (b'algorithm=MD5, cnonce="c", qop=auth, nc="00000001"', 1, b"c"),
        (b'cnonce="c", qop=auth,\tnc="00000001"', 1, b"c"),
        (b'cnonce="c", qop=auth,  nc="0000000a", opaque="x"', 10, b"c"),
        (b'cnonce="c", qop=auth, nc=000000012', -1, b""),
        (b'cnonce="c", qop=auth, nc=00000001;x', -1, b""),
        (b'cnonce="c", qop=auth, nc=00000001 x', -1, b""),
        (b'cnonce="c", qop=auth, nc=', -1, b""),
        (b'cnonce="c", nc=', -1, b""),
        (b'cnonce="c", qop=auth, opaque= nc=00000005, NC=00000007', 7, b"c"),
        (b'cnonce="c", qop=auth, foo= nc=00000005, NC=00000007', 7, b"c"),
        (b'opaque="o", cnonce= nc=12345678, qop=auth, NC=00000001', 1, b"nc=12345678"),
        (b'cnonce="c", qop=auth, nc=00000005, NC=00000007', -1, b""),
    ],
)
def test_counts_are_read_as_they_stand_first_and_again(tail: bytes, nc: int, cnonce: bytes) -> None:
    for _ in range(2):
        found = parse_credentials(BEFORE + tail)
        if nc < 0:
            assert isinstance(found, str)
        else:
            assert isinstance(found, DigestCredentials), found
            assert (found.nc, int(found.nc_text, 16), found.cnonce) == (nc, nc, cnonce)


def said(value: bytes) -> object:
    found = parse_credentials(value)
    if isinstance(found, str):
        return found
    names = (found.username, found.realm, found.algorithm, found.qop)
    return *names, found.nonce, found.uri, found.response, found.nc, found.nc_text, found.cnonce, found.opaque


LONG = b"x" * 257
USUAL = BEFORE + b'cnonce="cc", opaque="oo", algorithm=MD5, qop=auth, nc=00000001'


@pytest.mark.parametrize(
    "value",
    [
        USUAL,
        USUAL.replace(b"00000001", b"0000002a"),
        USUAL.replace(b"00000001", b"ffFFffFF"),
        USUAL.replace(b"00000001", b"00000000"),
        USUAL.replace(b"00000001", b"0x000001"),
        USUAL.replace(b"00000001", b"0000001"),
        USUAL.replace(b"nc=00000001", b"nc="),
        USUAL + b"  ",
        USUAL + b", x",
        USUAL + b'"',
        USUAL.replace(b"nc=", b"nc=\""),
        USUAL.replace(b'"cc"', b'""'),
        USUAL.replace(b'"cc"', b'"oo"'),
        USUAL.replace(b'"cc"', b'"nc=00000001"'),
        USUAL.replace(b'"oo"', b'""'),
        USUAL.replace(b'"0f"', b'"F0a"'),
        USUAL.replace(b'"0f"', b'"0g"'),
        USUAL.replace(b'"0f"', b'"' + b"0" * 130 + b'"'),
        USUAL.replace(b'"a"', b'"\xff"'),
        USUAL.replace(b'"a"', b'"' + LONG + b'"'),
        USUAL.replace(b'"r"', b'"' + LONG + b'"'),
        USUAL.replace(b'"r"', b'"\xc3\xa9"'),
        USUAL.replace(b'"r"', b'"a"'),
        USUAL.replace(b'"n"', b'"a\\"b"'),
        USUAL.replace(b"Digest", b"digest"),
        USUAL.replace(b"Digest", b"Digestive"),
        USUAL.replace(b"=MD5", b'="md5"'),
        USUAL.replace(b"=MD5", b'="M D"'),
        USUAL.replace(b"=auth,", b'="auth-int",'),
        USUAL.replace(b'uri="sip:r"', b"uri=sip:r"),
        USUAL.replace(b", qop=auth", b""),
        USUAL.replace(b", nc=00000001", b""),
        USUAL.replace(b"nc=00000001", b"x=00000001"),
        USUAL.replace(b"qop=auth, nc=00000001", b"nc=00000003, qop=auth"),
        USUAL.replace(b"qop=auth, nc=00000001", b"qop=auth, opaque= nc=00000003"),
        USUAL.replace(b", qop=auth, nc=00000001", b"").replace(b'cnonce="cc"', b'qop=auth, nc=00000001, cnonce="cc"'),
        USUAL.replace(b"Digest ", b"Digest " + b" " * 400),
        USUAL.replace(b'opaque="oo"', b'foo="bar"'),
        USUAL.replace(b'opaque="oo"', b'foo="c"').replace(b'"cc"', b'"c"'),
        USUAL.replace(b'opaque="oo"', b'foo=""'),
        USUAL.replace(b'opaque="oo"', b'foo="bar", foo="bar"'),
    ],
)
def test_a_shape_that_is_known_says_what_reading_says(value: bytes) -> None:
    SHAPES.clear()
    alone = said(value)
    for other in (USUAL, MANDATORY, value.replace(b'="', b'="00'), value.replace(b"00000001", b"00000002")):
        SHAPES.clear()
        said(other)
        assert said(value) == alone
        assert said(value) == alone


def test_shapes_are_bounded() -> None:
    SHAPES.clear()
    for number in range(MOST_SHAPES + 2):
        said(USUAL.replace(b"=MD5", b"=%d" % number))
    assert 0 < len(SHAPES) <= MOST_SHAPES
