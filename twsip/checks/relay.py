"""Has anybody vouched for this request?   Nothing is relayed because nobody objected (threat B1)."""

from typing import final

from zope.interface import classImplements

from ..api import PASS, Caller, IRequestCheck, OurDialog, Reply, RequestContext, TLSPeer, TrustedPeer, Verdict
from ..guard.identity import is_anonymous
from .route import for_ourselves, stays

_NOT_RELAYING = Reply(403, "Not relaying", why="nobody vouched for it")
_NOT_REGISTERED = Reply(403, "Not relaying", why="a REGISTER needs an authenticated caller or a trusted peer")
_ANONYMOUS = Reply(433, "Anonymity Disallowed", why="an anonymous caller that nobody vouched for")
_ELSEWHERE = Reply(403, "Not relaying", why="a stranger's Route or maddr leads elsewhere")


@final
class NoOpenRelay:
    """403 for everything that nobody above vouched for.  Put it last.

    An authenticated caller, a trusted peer and a dialog of ours may go anywhere.  A peer with a proven TLS name may
    reach our own users, as one of its own domains.  Strangers get an answer to OPTIONS, and if `strangers_may_call`
    they may reach our own users under a foreign name.
    """

    def __init__(self, *, strangers_may_call: bool = False) -> None:
        self._strangers_may_call = strangers_may_call

    def check(self, context: RequestContext) -> Verdict:
        """Pass, 433 for anonymous strangers, 403 for the rest."""
        facts = context.facts
        if Caller in facts or TrustedPeer in facts:
            return PASS
        if context.request.method == "REGISTER":
            return _NOT_REGISTERED
        if OurDialog in facts or for_ourselves(context):
            return PASS
        peer = facts.get(TLSPeer)
        if peer is not None and context.request.from_.uri.host in peer.names:
            return self._to_our_users(context)
        if is_anonymous(context.request.from_.uri):
            return _ANONYMOUS
        if self._strangers_may_call and self._is_foreign(context):
            return self._to_our_users(context)
        return _NOT_RELAYING

    def _is_foreign(self, context: RequestContext) -> bool:
        """Whether From names a domain, and not one of ours: who speaks for us must have been authenticated."""
        host = context.request.from_.uri.host
        return bool(host) and not context.site.is_local(host)

    def _to_our_users(self, context: RequestContext) -> Verdict:
        if not context.target_local or not context.request.uri.is_sip:
            return _NOT_RELAYING
        return PASS if stays(context) else _ELSEWHERE


classImplements(NoOpenRelay, IRequestCheck)
