"""Does the request belong to a dialog that was opened through us?   A To tag proves nothing; our own signature does."""

from typing import final

from zope.interface import classImplements

from ..api import PASS, ConfigError, IRequestCheck, OurDialog, Pass, RequestContext, Verdict
from ..api.house import House
from ..guard.mark import NOTHING, Marks
from .route import routed

_NEVER_INSIDE = ("REGISTER", "PUBLISH")


@final
class InDialog:
    """The fact OurDialog for requests that bring back the mark from our Record-Route; never refuses.

    The mark is in the topmost of our own Routes, or in the Request-URI when a strict router sent it.
    """

    def __init__(self) -> None:
        self._marks: Marks | None = None

    def attach(self, house: House) -> None:
        """Take the key for marks from the site."""
        self._marks = Marks(house.secret)

    def check(self, context: RequestContext) -> Verdict:
        """Pass, with the fact if the mark was made for this Call-ID, one of both tags and these two parties."""
        request = context.request
        if not request.to.tag or request.method in _NEVER_INSIDE:
            return PASS
        marks = self._marks
        if marks is None:
            raise ConfigError("InDialog was never attached to a site")
        after = routed(context)
        if after is None or after.mark is None:
            return PASS
        if marks.read(request.call_id, request.from_, request.to, after.mark, b"") == NOTHING:
            return PASS
        return Pass(OurDialog(request.call_id))


classImplements(InDialog, IRequestCheck)
