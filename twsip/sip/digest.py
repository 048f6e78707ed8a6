"""The sums of Digest: HA1, HA2, response, rspauth (RFC 7616 section 3.4, RFC 8760 section 2)."""

import hashlib
from collections.abc import Mapping
from functools import partial
from hmac import compare_digest
from typing import Final, Protocol, final

from .fields.auth import DigestCredentials

# One bit an algorithm, so that a nonce can carry which ones it was offered with; the higher the stronger.
MD5: Final = 1
MD5_SESS: Final = 2
SHA_256: Final = 4
SHA_256_SESS: Final = 8
SHA_512_256: Final = 16
SHA_512_256_SESS: Final = 32
AUTH: Final = 64
AUTH_INT: Final = 128
_SESSIONS: Final = MD5_SESS | SHA_256_SESS | SHA_512_256_SESS

ALGORITHMS: Final[dict[str, int]] = {
    "MD5": MD5,
    "MD5-sess": MD5_SESS,
    "SHA-256": SHA_256,
    "SHA-256-sess": SHA_256_SESS,
    "SHA-512-256": SHA_512_256,
    "SHA-512-256-sess": SHA_512_256_SESS,
}
QOPS: Final[dict[str, int]] = {"auth": AUTH, "auth-int": AUTH_INT}
BASES: Final[dict[int, str]] = {
    MD5: "MD5",
    MD5_SESS: "MD5",
    SHA_256: "SHA-256",
    SHA_256_SESS: "SHA-256",
    SHA_512_256: "SHA-512-256",
    SHA_512_256_SESS: "SHA-512-256",
}
"""Which stored HA1 an algorithm needs: a -sess one starts from the same HA1."""
HEX_DIGITS: Final[dict[str, int]] = {"MD5": 32, "SHA-256": 64, "SHA-512-256": 64}
HAS_SHA_512_256: Final = "sha512_256" in hashlib.algorithms_available
"""hashlib guarantees MD5 and SHA-256; SHA-512/256 comes from OpenSSL, and a build without it cannot offer it."""

NOBODYS: Final[dict[str, bytes]] = {"MD5": b"0" * 32, "SHA-256": b"0" * 64, "SHA-512-256": b"0" * 64}
"""HA1s to do the sums with when there is no account, so that the time says nothing; the result must be thrown away."""


class _Hash(Protocol):
    def hexdigest(self) -> str:
        """The sum in hex."""


try:
    # Half the time of OpenSSL's for texts as short as ours.
    from _md5 import md5 as _md5
except ImportError:
    _md5 = partial(hashlib.md5, usedforsecurity=False)

KEPT: Final = 4096
# What qop=auth ends with, `auth:` and H(A2), by algorithm and A2: the same few methods and URIs come again and again.
_kept: dict[int, dict[bytes, bytes]] = {bit: {} for bit in ALGORITHMS.values()}


def _ending(algorithm: int, a2: bytes) -> bytes:
    """`auth:` and H(A2), remembered if it is not too long."""
    ending = b"auth:" + hashed(algorithm, a2)
    if len(a2) <= 256:
        kept = _kept[algorithm]
        if len(kept) >= KEPT:
            kept.clear()
        kept[a2] = ending
    return ending


def hashed(algorithm: int, data: bytes) -> bytes:
    """H(data) of this algorithm's family in lower-case hex.  Raises ValueError for SHA-512-256 where OpenSSL lacks it."""
    if algorithm < SHA_256:
        md5: _Hash = _md5(data)
        return md5.hexdigest().encode()
    if algorithm < SHA_512_256:
        return hashlib.sha256(data).hexdigest().encode()
    return hashlib.new("sha512_256", data).hexdigest().encode()


def ha1(algorithm: int, username: str, realm: str, password: str) -> bytes:
    """H(username:realm:password): what is stored instead of the password, the same for an algorithm and its -sess."""
    return hashed(algorithm, f"{username}:{realm}:{password}".encode("utf-8", "surrogateescape"))


def response(algorithm: int, ha1_hex: bytes, fields: DigestCredentials, method: bytes, body: bytes) -> bytes:
    """The response that the holder of this HA1 would give for these credentials, in lower-case hex.

    `method` is b"" for rspauth (section 3.5).  `body` is looked at only for qop=auth-int.
    """
    if algorithm & _SESSIONS:
        ha1_hex = hashed(algorithm, b":".join((ha1_hex, fields.nonce, fields.cnonce)))
    a2 = method + b":" + fields.uri
    qop = fields.qop
    if qop != "auth-int":
        ending = _kept[algorithm].get(a2) or _ending(algorithm, a2)
        if not qop:
            return hashed(algorithm, b":".join((ha1_hex, fields.nonce, ending[5:])))
    else:
        ending = b"auth-int:" + hashed(algorithm, a2 + b":" + hashed(algorithm, body))
    text = b":".join((ha1_hex, fields.nonce, fields.nc_text, fields.cnonce, ending))
    return _md5(text).hexdigest().encode() if algorithm == MD5 else hashed(algorithm, text)


def verify(algorithm: int, ha1_hex: bytes, fields: DigestCredentials, method: bytes, body: bytes) -> bool:
    """Whether the credentials were made with this HA1; the comparison takes the same time either way."""
    return compare_digest(response(algorithm, ha1_hex, fields, method, body), fields.response)


class Secrets(Protocol):
    """What an account must have so that a response can be held against it."""

    @property
    def ha1(self) -> Mapping[str, str]:
        """HA1 in hex by algorithm: "MD5", "SHA-256", "SHA-512-256"."""

    @property
    def password(self) -> str | None:
        """The clear text, or None."""


def ha1_of(account: Secrets, algorithm: int, username: str, realm: str) -> bytes:
    """The account's HA1 for this algorithm, computed if only the password is known; b"" when it has neither."""
    base = BASES[algorithm]
    stored = account.ha1.get(base)
    if stored is not None:
        stored = stored.lower()
        return stored.encode() if len(stored) == HEX_DIGITS[base] and stored.isalnum() else b""
    if account.password:
        return ha1(algorithm, username, realm, account.password)
    return b""


@final
class _Nobody:
    """The account of who has none."""

    __slots__ = ("ha1", "password")

    def __init__(self) -> None:
        self.ha1: Mapping[str, str] = {family: known.decode() for family, known in NOBODYS.items()}
        self.password: str | None = None


_NOBODY: Final = _Nobody()


@final
class SIPDigest:
    """One request's digest answer: what `twisted.cred` calls credentials (twsip.cred promises ISIPDigest for it).

    `algorithm` is the bit that was decided on: the header may leave it out.  `account` is whoever it held for.
    """

    __slots__ = ("account", "algorithm", "body", "fields", "method")

    def __init__(self, fields: DigestCredentials, algorithm: int, method: bytes, body: bytes) -> None:
        self.fields = fields
        self.algorithm = algorithm
        self.method = method
        self.body = body
        self.account: Secrets | None = None

    @property
    def auth_id(self) -> str:
        """The digest username."""
        return self.fields.username

    @property
    def realm(self) -> str:
        """The realm."""
        return self.fields.realm

    def holds_for(self, account: Secrets) -> bool:
        """Whether the response was made with this account's secret; an account without a fitting secret costs the same."""
        known = ha1_of(account, self.algorithm, self.fields.username, self.fields.realm)
        right = verify(
            self.algorithm, known or NOBODYS[BASES[self.algorithm]], self.fields, self.method, self.body
        )
        if not known or not right:
            return False
        self.account = account
        return True

    def waste(self) -> None:
        """Take as long as `holds_for` does, for a subscriber that does not exist: the same steps, and nobody hears what came out."""
        known = ha1_of(_NOBODY, self.algorithm, self.fields.username, self.fields.realm)
        verify(self.algorithm, known, self.fields, self.method, self.body)

    def __repr__(self) -> str:
        return f"SIPDigest({self.fields!r})"
