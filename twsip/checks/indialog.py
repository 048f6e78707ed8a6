"""Does the request belong to a dialog that was opened through us?   A To tag proves nothing; our own signature does."""

from typing import Final, final

from zope.interface import classImplements

from ..api import PASS, ConfigError, IRequestCheck, MarkedDialog, OurDialog, Pass, RequestContext, Verdict
from ..api.events import Unsafe
from ..api.house import House
from ..guard.identity import hides
from ..guard.mark import NOTHING, SAME_FLOW, Marks, flow_name
from .route import routed

_MODES: Final = ("always", "same_flow", "dialog", "never")
_NEVER_INSIDE: Final = ("REGISTER", "PUBLISH")
_DANGER: Final = "whoever writes a To tag and a Route with our address is relayed anywhere, unasked"


@final
class InDialog:
    """The fact OurDialog for requests that bring back the mark from our Record-Route; never refuses.

    The mark is in the topmost of our own Routes, or in the Request-URI when a strict router sent it.  `in_dialog_auth` says
    what the mark is worth (RFC 3261 section 12.2 leaves that to policy).  "same_flow": it is enough from whoever comes over
    the flow that the dialog was opened over on their side.  "always": even then not from those who claim an identity of
    ours, or hide.  "dialog": it is enough.  "never": it is not even asked for, as long as there is a Route of ours.  When it is
    not enough there is the fact MarkedDialog, and `Digest` asks.  An ACK, which cannot be asked, needs the mark alone.
    """

    def __init__(self, *, in_dialog_auth: str = "same_flow") -> None:
        if in_dialog_auth not in _MODES:
            raise ConfigError(f"in_dialog_auth={in_dialog_auth!r} is not known; use one of {', '.join(_MODES)}")
        self._never = in_dialog_auth == "never"
        self._always = in_dialog_auth == "always"
        self._by_flow = in_dialog_auth in ("always", "same_flow")
        self._marks: Marks | None = None

    def attach(self, house: House) -> None:
        """Take the key for marks from the site; tell the operator if nothing is asked for."""
        self._marks = Marks(house.secret)
        if self._never:
            house.tell(Unsafe("in_dialog_auth=never", _DANGER))

    def check(self, context: RequestContext) -> Verdict:
        """Pass, with a fact if the mark was made for this Call-ID, one of both tags and these two parties."""
        request = context.request
        if not request.to.tag or request.method in _NEVER_INSIDE:
            return PASS
        marks = self._marks
        if marks is None:
            raise ConfigError("InDialog was never attached to a site")
        after = routed(context)
        if after is None:
            return PASS
        call_id = request.call_id
        token = after.mark
        if self._never:
            return Pass(OurDialog(call_id)) if after.ours or token is not None else PASS
        if token is None:
            return PASS
        flow = context.flow
        by_flow = self._by_flow and request.method != "ACK"
        name = flow_name(flow.transport, flow.source) if by_flow else b""
        worth = marks.read(call_id, request.from_, request.to, token, name)
        if worth == NOTHING:
            return PASS
        if by_flow and (worth != SAME_FLOW or (self._always and _is_asked(context))):
            return Pass(MarkedDialog(call_id))
        return Pass(OurDialog(call_id))


def _is_asked(context: RequestContext) -> bool:
    """Whether From names one of ours, or nobody: who hides was asked when the dialog began, or came from a trusted peer."""
    uri = context.request.from_.uri
    is_local = context.site.is_local
    return is_local(uri.host) or hides(uri, is_local)


classImplements(InDialog, IRequestCheck)
