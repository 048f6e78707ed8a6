"""Who is calling, as others may rely on it?   What was proven goes in, to those who may know it (RFC 3323, RFC 3325)."""

from typing import Final, final

from zope.interface import classImplements

from ..api import PASS, Caller, ConfigError, IRequestCheck, RequestContext, TrustedPeer, Uri, Verdict, local_aor
from ..guard.identity import IDENTITIES, asks_privacy, hides, is_anonymous, name_addr, privacy
from ..sip import names
from ..sip.fields.address import parse_address
from ..sip.layout import places
from .lists import NetsLike, read_nets

_IDENTITIES: Final = IDENTITIES
_GUARDED: Final = (names.P_ASSERTED_IDENTITY, names.REMOTE_PARTY_ID)
_NOT_ASSERTED: Final = ("REGISTER", "ACK", "CANCEL")
"""RFC 3325 section 9.1: these carry no P-Asserted-Identity."""
RPID_SUFFIX: Final = ";party=calling;id-type=subscriber;screen=yes"
"""OpenSER's default."""
LONGEST: Final = 512


def strip(context: RequestContext) -> None:
    """Forward the request without P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID."""
    context.edit().take(places(context.request.layout.ids, _IDENTITIES))


def own_aor(context: RequestContext, caller: Caller, uri: Uri) -> str:
    """The caller's address-of-record that this URI names; "" when it is none of theirs."""
    if caller.may_be(uri.aor):
        return uri.aor
    # A phone that knows us by address only: our bare addresses stand for the site's own domain.
    if not uri.is_sip or not uri.user or not context.site.is_local(uri.host):
        return ""
    aor = local_aor(uri, context.site)
    return aor if caller.may_be(aor) else ""


def home_of_hidden(context: RequestContext, host: str) -> str:
    """Whose realm an anonymous From is asked for: the preferred identity's, or the site's first domain; else `host`."""
    request = context.request
    if not hides(request.from_.uri, context.site.is_local):
        return host
    for address in request.addresses(names.P_PREFERRED_IDENTITY) or ():
        if context.site.is_local(address.uri.host):
            return address.uri.host
    return context.site.domains[0]


@final
class AssertedIdentity:
    """Names the authenticated caller in P-Asserted-Identity to `trusted` addresses, and to nobody else unless the caller wants it.

    The name is the attribute `rpid_avp` that came with the account, if there is one; else the identity in P-Preferred-Identity
    or From, if it is the caller's, else the caller's own.  With `rpid` Remote-Party-ID says the same, between `rpid_prefix`
    and `rpid_suffix`.  What a trusted peer asserts goes on as it is, with Privacy only to `trusted` addresses.
    """

    def __init__(
        self,
        trusted: NetsLike,
        *,
        rpid: bool | int = False,
        rpid_prefix: str = "",
        rpid_suffix: str = RPID_SUFFIX,
        rpid_avp: str = "rpid",
    ) -> None:
        self._nets = read_nets(trusted, "AssertedIdentity")
        if not self._nets:
            raise ConfigError(
                "AssertedIdentity trusts nobody; give the addresses of those who may know callers, or leave it out"
            )
        self._rpid = bool(rpid)
        # OpenSER's sites often open and close the brackets there.
        self._bare = rpid_prefix.rstrip().endswith("<")
        self._prefix = rpid_prefix.encode()
        self._suffix = rpid_suffix.encode()
        tried = self._around(b"<sip:a@b>", False)
        if parse_address(tried) is None or b"\r" in tried or b"\n" in tried:
            raise ConfigError(
                f"rpid_prefix={rpid_prefix!r} and rpid_suffix={rpid_suffix!r} make no Remote-Party-ID around an address; "
                f"leave them out, or write them like '<' and '>{RPID_SUFFIX}'"
            )
        self._avp = rpid_avp

    def check(self, context: RequestContext) -> Verdict:
        """Always a Pass; what it has to say is in the forwarded copies."""
        facts = context.facts
        request = context.request
        caller = facts.get(Caller)
        if caller is None:
            if request.layout.asserts:
                if TrustedPeer not in facts:
                    strip(context)
                elif asks_privacy(request):
                    self._guard(context)
            return PASS
        if request.layout.asserts:
            strip(context)
        if request.method not in _NOT_ASSERTED:
            self._assert(context, caller)
        return PASS

    def _trusts(self, host: str) -> bool:
        return host in self._nets

    def _guard(self, context: RequestContext) -> None:
        """What a trusted peer asserted of somebody who wants privacy: for the trusted only."""
        edits = context.edit()
        layout = context.request.layout
        lines = context.request.lines
        edits.take(places(layout.ids, _IDENTITIES))
        for at in places(layout.ids, _GUARDED):
            edits.put(lines[at], self._trusts)

    def _assert(self, context: RequestContext, caller: Caller) -> None:
        identity = self._identity(context, caller)
        if not identity:
            return
        hidden = is_anonymous(context.request.from_.uri) or asks_privacy(context.request)
        seen_by = self._trusts
        edits = context.edit()
        # RFC 3325 section 7: who says "none" wants to be known.
        everybody = not hidden and b"none" in privacy(context.request)
        edits.put(b"P-Asserted-Identity: " + identity, None if everybody else seen_by)
        if self._rpid:
            edits.put(b"Remote-Party-ID: " + self._around(identity, hidden), None if everybody else seen_by)

    def _around(self, identity: bytes, hidden: bool) -> bytes:
        if self._bare:
            identity = identity[identity.find(b"<") + 1 : -1]
        return self._prefix + identity + self._suffix + (b";privacy=full" if hidden else b"")

    def _identity(self, context: RequestContext, caller: Caller) -> bytes:
        """A name-addr, or b"" for a caller who is nobody that could be called."""
        attribute = _written(caller.attributes.get(self._avp, ""), caller.realm)
        if attribute:
            return attribute
        request = context.request
        for address in request.addresses(names.P_PREFERRED_IDENTITY) or ():
            aor = own_aor(context, caller, address.uri)
            if aor:
                return name_addr(aor)
        aor = own_aor(context, caller, request.from_.uri)
        if not aor:
            aor = f"sip:{caller.auth_id}@{caller.realm}"
            if not caller.may_be(aor):
                aor = min(caller.aors, default="")
        return name_addr(aor)


def _written(attribute: str, realm: str) -> bytes:
    """An attribute as a name-addr: it may be a SIP or tel URI, with or without a display name, or a user of the realm; b"" for none."""
    raw = attribute.strip().encode("utf-8", "replace")
    if not raw or len(raw) > LONGEST or b"\r" in raw or b"\n" in raw:
        return b""
    if b":" not in raw:
        if b"@" not in raw:
            return name_addr(f"sip:{attribute.strip()}@{realm.lower()}")
        raw = b"sip:" + raw
    address = parse_address(raw)
    if address is None or not (address.uri.is_sip or address.uri.scheme == "tel"):
        return b""
    display = address.display + b" " if address.display else b""
    return display + b"<" + address.uri.text.encode() + b">"


classImplements(AssertedIdentity, IRequestCheck)
