"""Where does a request go once our own Routes are off?   What several checks ask of RFC 3261 section 16.4."""

from ..api import RequestContext, Uri
from ..sip.proxy.route import Routed, preprocess


def routed(context: RequestContext) -> Routed | None:
    """The request after Route preprocessing; None when a Route is malformed."""
    done = context.routed
    if done is not None:
        return done
    site = context.site

    def is_ours(uri: Uri) -> bool:
        return uri.is_sip and site.is_local(uri.host, uri.port)

    return preprocess(context.request, is_ours)


def for_ourselves(context: RequestContext) -> bool:
    """Whether we are the last to see it: a REGISTER to one of our domains, an OPTIONS to us without a user part.

    A Route of somebody else's that is still in it, or a foreign maddr, says that it only passes through.
    """
    if not context.target_local:
        return False
    method = context.request.method
    if method != "REGISTER":
        if method != "OPTIONS":
            return False
        after = routed(context)
        if after is None or after.uri.user:
            return False
    return stays(context)


def stays(context: RequestContext) -> bool:
    """Whether nothing in the request asks us to send it on elsewhere: no foreign Route is left, no foreign maddr is there."""
    after = routed(context)
    if after is None or after.routes:
        return False
    maddr = after.uri.params.get("maddr")
    return maddr is None or context.site.is_local(maddr.lower())
