"""The proxy core's decision: which targets a request goes to (RFC 3261 section 16.5)."""

from typing import Any, Final, final

from zope.interface import classImplements

from ..api.accounts import Binding
from ..api.answer import Relay
from ..api.context import RequestContext, local_aor
from ..api.facts import Target
from ..api.house import House
from ..api.interfaces import IBindings, IHandler
from ..api.verdict import Reply
from ..sip.uri import parse_uri

KEPT: Final = 4096


@final
class Proxy:
    """Relays: to the bindings of a local user, along the Routes that are left, or to where the Request-URI points.

    It decides nothing about who may; that is the checks' business (`NoOpenRelay`).  A local user without bindings and
    one that does not exist get the same 480, so that nobody can list users by calling them.

    `block401407` keeps every challenge of whoever is called from the caller (docs/handlers/proxy.md).
    """

    name = "proxy"

    def __init__(
        self, *, record_route: bool = True, bindings: IBindings | None = None, block401407: bool | int = False
    ) -> None:
        self.record_route = record_route
        self.block401407 = bool(block401407)
        self._bindings = bindings
        self._chosen: dict[str, tuple[tuple[Binding, ...], Relay]] = {}
        """What was decided of late, by address-of-record, and for which bindings: good as long as the store gives those very same."""

    def attach(self, house: House) -> None:
        """Take the site's location service, unless one was given."""
        if self._bindings is None:
            self._bindings = house.bindings

    def handle(self, context: RequestContext) -> Any:
        """Relay, Reply 416 or 480, or None for what is for the server itself."""
        routed = context.routed
        if routed is None:
            return None
        uri = routed.uri
        if not uri.is_sip:
            return Reply(416)
        if not context.target_local:
            if uri.headers:
                return Reply(400, "Headers in Request-URI")
            return Relay((Target(uri),), Proxy, self.record_route, self.block401407)
        if not uri.user or self._bindings is None:
            return None
        aor = local_aor(uri, context.site)
        bindings = self._bindings.get(aor, context.now)
        if uri.secure:
            # A sips request is never carried over anything but TLS (RFC 3261 section 26.2.2).
            targets = [target for target in _targets(bindings) if target.uri.secure or target.flow_id.startswith("TLS")]
            return Relay(targets, Proxy, self.record_route, self.block401407) if targets else Reply(480)
        known = self._chosen.get(aor)
        if known is not None and known[0] is bindings:
            return known[1]
        targets = _targets(bindings)
        if not targets:
            return Reply(480)
        relay = Relay(targets, Proxy, self.record_route, self.block401407)
        if len(self._chosen) >= KEPT:
            self._chosen.clear()
        self._chosen[aor] = bindings, relay
        return relay


def _targets(bindings: tuple[Binding, ...]) -> list[Target]:
    return [target for target in map(_target, bindings) if target is not None]


def _target(binding: Binding) -> Target | None:
    uri = parse_uri(binding.contact.encode("utf-8", "surrogateescape"))
    if uri is None or not uri.is_sip or uri.headers:
        return None
    route = tuple(binding.path.split(", ")) if binding.path else ()
    return Target(uri, binding.q, route, "" if route else binding.received, "location")


classImplements(Proxy, IHandler)
