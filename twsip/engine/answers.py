"""Verdicts as bytes: replies and challenges."""

from typing import Final

from ..api.context import RequestContext
from ..api.verdict import Challenge, Reply
from ..sip.build import reply
from ..sip.proof import Proof

METHOD_REGISTER: Final = "REGISTER"


def for_ourselves(context: RequestContext) -> bool:
    """Whether the request is for the server itself: then a challenge is 401, else 407 (RFC 3261 section 22)."""
    request = context.request
    if request.method == METHOD_REGISTER:
        return True
    uri = context.routed.uri if context.routed is not None else request.uri
    return context.target_local and not uri.user


def challenge(context: RequestContext, verdict: Challenge, tag: bytes) -> tuple[int, bytes]:
    """401 with WWW-Authenticate or 407 with Proxy-Authenticate, one line a challenge."""
    status, name = (401, b"WWW-Authenticate: ") if for_ourselves(context) else (407, b"Proxy-Authenticate: ")
    lines = b""
    for value in verdict.values:
        lines += name + value.encode() + b"\r\n"
    return status, reply(context.request, status, "", tag, lines)


def refusal(context: RequestContext, verdict: Reply, tag: bytes) -> bytes:
    """A Reply with its own headers; a line end inside a value would start a new header, so none gets through.

    A 2xx to somebody who proved who they are proves who we are (RFC 7616 section 3.5).
    """
    printed = verdict.printed
    if printed is None:
        printed = b""
        for name, value in verdict.headers:
            line = name + ": " + value
            if "\r" in line or "\n" in line:
                line = line.replace("\r", " ").replace("\n", " ")
            printed += line.encode() + b"\r\n"
        verdict.printed = printed
    if verdict.status < 300 and Proof in context.facts:
        # Not by get(), which is a call.
        proof: Proof = context.facts[Proof]  # type: ignore[assignment]
        printed += proof.line()
    return reply(context.request, verdict.status, verdict.reason, tag, printed)
