"""To what is a nonce bound?   Kamailio's auth_checks: parts of the request that a nonce is good for, by kind of request."""

from typing import Final, final

from ..api import ConfigError, RequestContext

REQUEST_URI: Final = 1
CALL_ID: Final = 2
FROM_TAG: Final = 4
SOURCE: Final = 8
_ALL: Final = REQUEST_URI | CALL_ID | FROM_TAG | SOURCE


@final
class Bound:
    """The bits for REGISTER, for other requests that begin something, and for those with a To tag; `any` if there are some at all."""

    __slots__ = ("_in_dialog", "_outside", "_register", "any")

    def __init__(self, register: int, outside: int, in_dialog: int) -> None:
        """Raises ConfigError for bits that mean nothing."""
        for option, bits in (("register", register), ("no_dlg", outside), ("in_dlg", in_dialog)):
            if not 0 <= bits <= _ALL:
                raise ConfigError(
                    f"auth_checks_{option}={bits} of Digest: add up 1 (Request-URI), 2 (Call-ID), 4 (From tag), 8 (source address)"
                )
        self._register = register
        self._outside = outside
        self._in_dialog = in_dialog
        self.any = bool(register or outside or in_dialog)

    def binding(self, context: RequestContext) -> bytes:
        """What a nonce for this request is bound to, b"" for nothing."""
        request = context.request
        if request.method == "REGISTER":
            bits = self._register
        else:
            bits = self._in_dialog if request.to.tag else self._outside
        if not bits:
            return b""
        # A part that is not asked for is as good as empty; each has its length in front, so that none flows into the next.
        found = bytes((bits,))
        for bit, part in (
            (REQUEST_URI, request.uri.text.encode("utf-8", "surrogateescape")),
            (CALL_ID, request.call_id),
            (FROM_TAG, request.from_.tag),
            (SOURCE, context.flow.host.encode()),
        ):
            if bits & bit:
                found += len(part).to_bytes(4, "big") + part
        return found
