"""Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3)."""

from typing import Final

from ..fields.via import MAGIC
from ..message import Request, Response
from ..names import METHODS

_METHODS: Final[dict[str, bytes]] = {method: b"INVITE" if method == "ACK" else name for name, method in METHODS.items()}
_BRANCH_METHODS: Final[dict[str, bytes]] = {method: b" " + name for name, method in METHODS.items()}


def server_key(request: Request) -> bytes:
    """The key of the server transaction of this request; an ACK has the key of its INVITE.

    Branch, sent-by and method where the branch has RFC 3261's cookie.  For older clients everything that RFC 2543
    compares, without the To tag, so that an ACK finds its INVITE.
    """
    via = request.via
    branch = via.branch
    method = _METHODS.get(request.method) or request.method.encode()
    if branch[:7] == MAGIC and branch != MAGIC:
        return branch + via.head.key + method
    return b" ".join(
        (
            b"2543",
            request.uri.written,
            request.from_.tag,
            request.call_id,
            b"%d" % request.cseq,
            via.sent_by + via.tail,
            method,
        )
    )


def cancelled_key(cancel: Request) -> bytes:
    """The key of the INVITE server transaction that a CANCEL is for (RFC 3261 section 9.2)."""
    key = server_key(cancel)
    return key[: -len("CANCEL")] + b"INVITE"


def client_key(response: Response) -> bytes:
    """The key of the client transaction of this response: our own branch and the method in CSeq."""
    method = response.method
    return response.via.branch + (_BRANCH_METHODS.get(method) or b" " + method.encode())
