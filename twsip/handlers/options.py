"""The UAS core for ourselves: OPTIONS is answered, other methods without a user part are not ours to have (RFC 3261 section 11.2)."""

from collections.abc import Iterable
from typing import Final, final

from zope.interface import classImplements

from ..api import ConfigError, IHandler, Relay, Reply, RequestContext
from ..sip.abnf import is_token

_OTHERS: Final = ("REGISTER", "ACK", "CANCEL")


@final
class Options:
    """200 for an OPTIONS to one of our names without a user part, 405 for what nobody sends there.

    `allow` are the methods that we take for ourselves, `accept` the bodies that we do not mind, `supported` our option tags.
    """

    def __init__(
        self,
        *,
        allow: Iterable[str] = ("OPTIONS", "REGISTER"),
        accept: Iterable[str] = ("*/*",),
        supported: Iterable[str] = ("path",),
    ) -> None:
        headers: list[tuple[str, str]] = [("Allow", _tokens(allow, "allow"))]
        bodies = (accept,) if isinstance(accept, str) else tuple(accept)
        for body in bodies:
            kind, _, rest = body.partition("/")
            if not is_token(kind.encode()) or not is_token(rest.encode()):
                raise ConfigError(f"Options(accept=): {body!r} is no media type; write application/sdp")
        tags = _tokens(supported, "supported")
        self._here = Reply(200, "OK", (*headers, ("Accept", ", ".join(bodies)), ("Supported", tags)))
        self._not_here = Reply(405, "", tuple(headers), why="a method that we do not take for ourselves")

    def handle(self, context: RequestContext) -> Reply | Relay | None:
        """A Reply for what is for ourselves, None for a REGISTER, for users and for what only passes through."""
        if not context.target_local:
            return None
        request = context.request
        uri = request.uri
        after = context.routed
        if after is not None:
            if after.routes:
                return None
            uri = after.uri
        if uri.user or not uri.is_sip:
            return None
        if request.method == "OPTIONS":
            return self._here
        # A phone at our own address may have a contact without a user part: its dialogs are not for us.
        return None if request.method in _OTHERS or request.in_dialog else self._not_here


def _tokens(given: Iterable[str], option: str) -> str:
    tokens = (given,) if isinstance(given, str) else tuple(given)
    for token in tokens:
        if not is_token(token.encode()):
            raise ConfigError(f"Options({option}=): {token!r} is no token")
    return ", ".join(tokens)


classImplements(Options, IHandler)
