"""Asserted identities on their way out: nobody passes for somebody because they say so (RFC 3325)."""

from typing import Final

from ..api import RequestContext
from ..guard.identity import IDENTITIES
from ..sip.layout import places

_IDENTITIES: Final = IDENTITIES


def strip(context: RequestContext) -> None:
    """Forward the request without P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID."""
    context.edit().take(places(context.request.layout.ids, _IDENTITIES))
