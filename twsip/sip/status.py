"""Status codes and their default reason phrases (RFC 3261 section 21 and the IANA registry; 473 is OpenSER's)."""

from typing import Final

_REASONS: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    440: "Max-Breadth Exceeded",
    473: "Destination Filtered",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
_CLASSES: Final = ("", "Provisional", "Success", "Redirection", "Client Error", "Server Error", "Global Failure")


def reason(status: int) -> str:
    """The default reason phrase; for a code that is not known, the name of its class."""
    known = _REASONS.get(status)
    return known if known is not None else _CLASSES[status // 100]


# Status lines ready made: nearly every answer begins with one of them.
LINES: Final[dict[int, bytes]] = {status: f"SIP/2.0 {status} {phrase}".encode() for status, phrase in _REASONS.items()}


def status_line(status: int, phrase: str = "") -> bytes:
    """The first line of a response, without its line end; control characters in the phrase become spaces."""
    known = LINES.get(status)
    if known is not None and (not phrase or phrase == _REASONS[status]):
        return known
    if not phrase:
        phrase = reason(status)
    if not phrase.isprintable():
        phrase = "".join(letter if letter.isprintable() else " " for letter in phrase)
    return b"SIP/2.0 %d %b" % (status, phrase.encode())
