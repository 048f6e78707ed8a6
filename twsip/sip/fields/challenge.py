"""Challenges of others: whether one asks for credentials of a realm (RFC 7616 section 3.3)."""

from ..abnf import close_quote, unquote


def asks_for(value: bytes, realms: frozenset[bytes]) -> bool:
    """Whether a WWW- or Proxy-Authenticate value asks for one of these realms (in lower case).

    Any value that is one of them will do, whatever its parameter is called and whatever the scheme, so that what a lenient
    phone reads there is not missed; and one whose quotes do not close asks for all of them.
    """
    at = 0
    while True:
        quote = value.find(b'"', at)
        plain = value[at:] if quote < 0 else value[at:quote]
        for word in plain.replace(b"=", b" ").replace(b",", b" ").replace(b"'", b" ").split():
            if word.lower() in realms:
                return True
        if quote < 0:
            return False
        end = close_quote(value, quote)
        if end < 0 or unquote(value[quote : end + 1]).strip().lower() in realms:
            return True
        at = end + 1
