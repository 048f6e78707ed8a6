"""Is the caller speaking for themselves?   From (for REGISTER To as well) must be one of the caller's own AORs."""

from typing import final

from zope.interface import classImplements

from ..api import PASS, Caller, IRequestCheck, MarkedDialog, OurDialog, Reply, RequestContext, Uri, Verdict, local_aor
from ..guard.identity import claimed


@final
class OwnIdentity:
    """403 when an authenticated caller borrows another identity; silent when nobody was authenticated.

    What a caller asserts besides (P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID) must be their own too.
    Inside a dialog that we opened From may be whatever it was when the dialog began.
    """

    def __init__(self) -> None:
        """Takes no options; without a constructor of its own a compiled class would swallow any."""

    def check(self, context: RequestContext) -> Verdict:
        """Pass, or 403 for the first identity that is not the caller's (400 if it cannot be read)."""
        facts = context.facts
        if Caller not in facts:
            return PASS
        # Not by get(), which is a call.
        caller: Caller = facts[Caller]  # type: ignore[assignment]
        request = context.request
        aors = caller.aors
        if not request.layout.asserts:
            # Nearly every request ends here.
            uri = request.from_.uri
            if uri.aor in aors and (request.method != "REGISTER" or request.to.uri is uri or request.to.uri.aor in aors):
                return PASS
        claims = claimed(request)
        if claims is None:
            return Reply(400, "Malformed identity", why="an asserted or preferred identity is malformed")
        inside = request.method != "REGISTER" and (OurDialog in facts or MarkedDialog in facts)
        for claim in claims:
            if inside and claim.header == "From":
                continue
            if not self._is_own(context, caller, claim.uri):
                return Reply(403, "Not your identity", why=f"{caller.auth_id} in {claim.header} as {claim.uri.aor}")
        return PASS

    def _is_own(self, context: RequestContext, caller: Caller, uri: Uri) -> bool:
        if caller.may_be(uri.aor):
            return True
        # A phone that knows us by address only: our bare addresses stand for the site's own domain.
        if not uri.is_sip or not uri.user or not context.site.is_local(uri.host):
            return False
        return caller.may_be(local_aor(uri, context.site))


classImplements(OwnIdentity, IRequestCheck)
