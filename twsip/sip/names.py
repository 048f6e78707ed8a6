"""Header names and methods: full and compact forms, recognised once to a small integer (RFC 3261 sections 7.3.1 and 20)."""

from typing import Final

from .abnf import is_token

UNKNOWN: Final = 0
VIA: Final = 1
ROUTE: Final = 2
RECORD_ROUTE: Final = 3
PATH: Final = 4
SERVICE_ROUTE: Final = 5
CONTACT: Final = 6
AUTHORIZATION: Final = 7
PROXY_AUTHORIZATION: Final = 8
WWW_AUTHENTICATE: Final = 9
PROXY_AUTHENTICATE: Final = 10
REQUIRE: Final = 11
PROXY_REQUIRE: Final = 12
SUPPORTED: Final = 13
UNSUPPORTED: Final = 14
ALLOW: Final = 15
P_ASSERTED_IDENTITY: Final = 16
P_PREFERRED_IDENTITY: Final = 17
REMOTE_PARTY_ID: Final = 18
DIVERSION: Final = 19
HISTORY_INFO: Final = 20
ACCEPT: Final = 21
WARNING: Final = 22
REASON: Final = 23
PRIVACY: Final = 24
OTHER_LIST: Final = 25
IDENTITY: Final = 26
FROM: Final = 64
TO: Final = 65
CALL_ID: Final = 66
CSEQ: Final = 67
MAX_FORWARDS: Final = 68
CONTENT_LENGTH: Final = 69
CONTENT_TYPE: Final = 70
EXPIRES: Final = 71
MIN_EXPIRES: Final = 72
RETRY_AFTER: Final = 73
USER_AGENT: Final = 74
SERVER: Final = 75
DATE: Final = 76
TIMESTAMP: Final = 77
EVENT: Final = 78
REFER_TO: Final = 79
REFERRED_BY: Final = 80
SESSION_EXPIRES: Final = 81
MIN_SE: Final = 82
MAX_BREADTH: Final = 83
REPLACES: Final = 84
RACK: Final = 86
RSEQ: Final = 87
SUBSCRIPTION_STATE: Final = 88
SIP_ETAG: Final = 89
SIP_IF_MATCH: Final = 90
MIME_VERSION: Final = 91
SUBJECT: Final = 92
AUTHENTICATION_INFO: Final = 93

# A header of this id or above may stand only once in a message; a second one is refused with 400
# before anything reads the first (two To headers must never name two different users).
FIRST_SINGLE: Final = 64

_FULL: Final[dict[int, str]] = {
    VIA: "Via",
    ROUTE: "Route",
    RECORD_ROUTE: "Record-Route",
    PATH: "Path",
    SERVICE_ROUTE: "Service-Route",
    CONTACT: "Contact",
    AUTHORIZATION: "Authorization",
    PROXY_AUTHORIZATION: "Proxy-Authorization",
    WWW_AUTHENTICATE: "WWW-Authenticate",
    PROXY_AUTHENTICATE: "Proxy-Authenticate",
    REQUIRE: "Require",
    PROXY_REQUIRE: "Proxy-Require",
    SUPPORTED: "Supported",
    UNSUPPORTED: "Unsupported",
    ALLOW: "Allow",
    P_ASSERTED_IDENTITY: "P-Asserted-Identity",
    P_PREFERRED_IDENTITY: "P-Preferred-Identity",
    REMOTE_PARTY_ID: "Remote-Party-ID",
    DIVERSION: "Diversion",
    HISTORY_INFO: "History-Info",
    ACCEPT: "Accept",
    WARNING: "Warning",
    REASON: "Reason",
    PRIVACY: "Privacy",
    FROM: "From",
    TO: "To",
    CALL_ID: "Call-ID",
    CSEQ: "CSeq",
    MAX_FORWARDS: "Max-Forwards",
    CONTENT_LENGTH: "Content-Length",
    CONTENT_TYPE: "Content-Type",
    EXPIRES: "Expires",
    MIN_EXPIRES: "Min-Expires",
    RETRY_AFTER: "Retry-After",
    USER_AGENT: "User-Agent",
    SERVER: "Server",
    DATE: "Date",
    TIMESTAMP: "Timestamp",
    EVENT: "Event",
    REFER_TO: "Refer-To",
    REFERRED_BY: "Referred-By",
    SESSION_EXPIRES: "Session-Expires",
    MIN_SE: "Min-SE",
    MAX_BREADTH: "Max-Breadth",
    REPLACES: "Replaces",
    IDENTITY: "Identity",
    RACK: "RAck",
    RSEQ: "RSeq",
    SUBSCRIPTION_STATE: "Subscription-State",
    SIP_ETAG: "SIP-ETag",
    SIP_IF_MATCH: "SIP-If-Match",
    MIME_VERSION: "MIME-Version",
    SUBJECT: "Subject",
    AUTHENTICATION_INFO: "Authentication-Info",
}

_COMPACT: Final[dict[str, int]] = {
    "v": VIA,
    "f": FROM,
    "t": TO,
    "i": CALL_ID,
    "m": CONTACT,
    "l": CONTENT_LENGTH,
    "c": CONTENT_TYPE,
    "k": SUPPORTED,
    "s": SUBJECT,
    "o": EVENT,
    "r": REFER_TO,
    "b": REFERRED_BY,
    "x": SESSION_EXPIRES,
    "y": IDENTITY,
    "e": UNKNOWN,  # Content-Encoding: a proxy never looks at it
}

# Headers that we carry but never read.
_PLAIN: Final = (
    "Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow-Events Call-Info Content-Disposition "
    "Content-Encoding Content-Language Error-Info In-Reply-To Organization P-Access-Network-Info "
    "P-Charging-Vector Priority Proxy-Authentication-Info Reject-Contact Reply-To Request-Disposition"
)

METHODS: Final[dict[bytes, str]] = {
    name.encode(): name
    for name in [
        "INVITE",
        "ACK",
        "CANCEL",
        "BYE",
        "REGISTER",
        "OPTIONS",
        "MESSAGE",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "INFO",
        "PRACK",
        "UPDATE",
        "REFER",
    ]
}


def _spellings() -> dict[bytes, int]:
    known: dict[bytes, int] = {}
    for number, name in _FULL.items():
        for form in (name, name.lower(), name.upper(), name.title()):
            known[form.encode()] = number
    for name in _PLAIN.split():
        known[name.encode()] = UNKNOWN
    for name, number in _COMPACT.items():
        known[name.encode()] = number
        known[name.upper().encode()] = number
    return known


# The usual spellings, so that one look-up recognises a name without folding its case first.
KNOWN: Final[dict[bytes, int]] = _spellings()
MALFORMED: Final = -1
# What a spelling that is not in KNOWN looks up to: look closer.
STRANGE: Final = 255


def recognise(name: bytes) -> int:
    """The number of a header name in any spelling, UNKNOWN for one we do not know, MALFORMED for what is no token.

    White space may stand between name and colon (RFC 3261 section 25.1, HCOLON), nothing else may.
    """
    bare = name.rstrip(b" \t")
    number = KNOWN.get(bare)
    if number is not None:
        return number
    if not is_token(bare):
        return MALFORMED
    return KNOWN.get(bare.lower(), UNKNOWN)


def full_name(number: int) -> str:
    """The full name of a known header, as RFC 3261 section 20 spells it."""
    return _FULL[number]
