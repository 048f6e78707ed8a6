"""Which addresses-of-record an auth id may speak for, and which ones a request speaks for (RFC 3261 section 22, RFC 3325)."""

from collections.abc import Callable
from typing import Final, final

from ..sip import names
from ..sip.message import Request
from ..sip.uri import Uri

IDENTITIES: Final = (names.P_ASSERTED_IDENTITY, names.P_PREFERRED_IDENTITY, names.REMOTE_PARTY_ID)
NONE: Final[frozenset[str]] = frozenset()
_OPEN: Final = frozenset((b"none", b"critical"))
_PLAIN: Final = frozenset(
    [bytes((one,)) for one in b"-_.!~*'()&=+$,;?/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"]
)
"""What a user part may hold unescaped (RFC 3261 section 25.1)."""


def aors_of(auth_id: str, realm: str) -> frozenset[str]:
    """The one AOR of an auth id where no table says otherwise: `sip:auth_id@realm`.

    The realm is the domain, in lower case; the user part is exact.  An auth id that itself has a domain (OpenSER's
    ha1b) speaks for somebody only if that is the realm's.
    """
    domain = realm.lower()
    user, at, named = auth_id.rpartition("@")
    if at:
        if named.lower() != domain:
            return NONE
    else:
        user = auth_id
    if not user or "@" in user or not domain:
        return NONE
    return frozenset((f"sip:{user}@{domain}",))


@final
class Claim:
    """One identity that a request uses: the header and its URI."""

    __slots__ = ("header", "uri")

    def __init__(self, header: str, uri: Uri) -> None:
        self.header = header
        self.uri = uri

    def __repr__(self) -> str:
        return f"Claim({self.header!r}, {self.uri.text!r})"


def claimed(request: Request) -> list[Claim] | None:
    """Every identity the request speaks for: From, of a REGISTER To as well, and what it asserts besides.

    P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID count.  None when one of them is malformed.
    """
    claims = [Claim("From", request.from_.uri)]
    if request.method == "REGISTER":
        claims.append(Claim("To", request.to.uri))
    for header in IDENTITIES:
        if request.has(header):
            addresses = request.addresses(header)
            if addresses is None:
                return None
            for address in addresses:
                claims.append(Claim(names.full_name(header), address.uri))
    return claims


def name_addr(aor: str) -> bytes:
    """An address-of-record in angle brackets, its user part escaped; b"" for one without a user."""
    user, at, host = aor.removeprefix("sip:").rpartition("@")
    if not at or not user or not host:
        return b""
    raw = user.encode("utf-8", "surrogateescape")
    escaped = b"".join(
        [raw[at : at + 1] if raw[at : at + 1] in _PLAIN else b"%%%02X" % raw[at] for at in range(len(raw))]
    )
    return b"<sip:" + escaped + b"@" + host.encode() + b">"


def privacy(request: Request) -> frozenset[bytes]:
    """What Privacy asks for, in lower case (RFC 3323 section 4.2); of values beyond the first 16 it is only known that they are there."""
    values = b";".join(request.values(names.PRIVACY)).lower().replace(b",", b";").split(b";", 16)
    return frozenset([value.strip() for value in values if value.strip()])


def asks_privacy(request: Request) -> bool:
    """Whether an asserted identity is to stay among those who trust each other (RFC 3325 section 9.3).

    Privacy with anything but `none` asks for that, whatever it is; so do an anonymous From, and Remote-Party-ID with privacy.
    """
    if privacy(request) - _OPEN or is_anonymous(request.from_.uri):
        return True
    parties = request.addresses(names.REMOTE_PARTY_ID)
    if parties is None:
        return True
    for party in parties:
        if party.params.get(b"privacy", b"off").lower() != b"off":
            return True
    return False


def is_anonymous(uri: Uri) -> bool:
    """Whether a From hides who is calling (RFC 3323 section 4.1.1.3): the user `anonymous`, or a host that cannot exist."""
    host = uri.host
    return uri.user.lower() == "anonymous" or host == "invalid" or host.endswith(".invalid")


def hides(uri: Uri, is_ours: Callable[[str], bool]) -> bool:
    """Whether a From names nobody at all, so that whoever proved who they are may use it.

    The user `anonymous` at a host that cannot exist, or at one of ours; at anybody else's it would speak for them.
    """
    if not uri.is_sip or uri.user.lower() != "anonymous":
        return False
    host = uri.host
    return host == "invalid" or host.endswith(".invalid") or is_ours(host)
