"""What the server says to prove itself."""

import pytest

from tests.helpers import digest_answer
from twsip.sip.digest import MD5, SHA_256, ha1
from twsip.sip.fields.auth import DigestCredentials, parse_credentials
from twsip.sip.proof import Proof


def proof(algorithm: int = MD5, **words: str | None) -> Proof:
    name = "MD5" if algorithm == MD5 else "SHA-256"
    challenge = f'Digest realm="example.org", nonce="n1", algorithm={name}, qop="auth"'
    answer = digest_answer(challenge, "alice", "wonder", "REGISTER", "sip:example.org", **words)  # type: ignore[arg-type]
    fields = parse_credentials(answer.encode())
    assert isinstance(fields, DigestCredentials), fields
    return Proof(algorithm, ha1(algorithm, "alice", "example.org", "wonder"), fields)


@pytest.mark.parametrize(("algorithm", "digits"), [(MD5, 32), (SHA_256, 64)])
def test_the_line(algorithm: int, digits: int) -> None:
    one = proof(algorithm)
    # What a client with the same password and no method would send.
    expected = digest_answer(
        f'Digest realm="example.org", nonce="n1", algorithm={"MD5" if algorithm == MD5 else "SHA-256"}, qop="auth"',
        "alice", "wonder", "", "sip:example.org",
    ).split('response="')[1][:digits]  # fmt: skip
    assert one.line() == (
        f'Authentication-Info: qop=auth, rspauth="{expected}", nc=00000001, cnonce="0a4f113b"\r\n'.encode()
    )
    one.next_nonce = "n2"
    assert one.line().endswith(b', cnonce="0a4f113b", nextnonce="n2"\r\n')


def test_there_is_none_without_a_qop_and_for_what_is_quoted_oddly() -> None:
    assert proof(qop=None).line() == b""
    assert proof(cnonce='a\\"b').line() == b""
    assert proof(qop="auth-int").line().startswith(b"Authentication-Info: qop=auth-int, rspauth=")


def test_the_secret_is_hidden() -> None:
    one = proof()
    assert ha1(MD5, "alice", "example.org", "wonder").decode() not in repr(one)
