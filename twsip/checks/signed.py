"""Does the URI that was signed name what is asked for?   The digest-uri against the Request-URI (RFC 7616 section 3.4.6)."""

from typing import Final

from ..api import ConfigError, RequestContext
from ..sip.uri import parse_uri

MODES: Final = ("equivalent", "strict", "off")


def known_mode(mode: str) -> str:
    """The mode, if it is one.  Raises ConfigError otherwise."""
    if mode not in MODES:
        raise ConfigError(f"check_digest_uri={mode!r} is not known; use one of {', '.join(MODES)}")
    return mode


def is_same_uri(context: RequestContext, raw: bytes, mode: str) -> bool:
    """Whether the URI that was signed means the Request-URI although it is written otherwise."""
    if mode != MODES[0]:
        return mode == MODES[2]
    asked = context.request.uri
    signed = parse_uri(raw)
    if signed is None:
        return False
    if signed == asked:
        return True
    # Two of our own names or addresses are the same place, if nothing sends one of them elsewhere.
    return (
        signed.is_sip
        and asked.is_sip
        and signed.user == asked.user
        and "maddr" not in signed.params
        and "maddr" not in asked.params
        and context.site.is_local(signed.host)
        and context.site.is_local(asked.host)
    )
