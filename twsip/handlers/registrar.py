"""The registrar: answers REGISTER for the site's own domains and keeps the bindings (RFC 3261 section 10.3)."""

from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final, final

from zope.interface import classImplements

from ..api.context import Domains, RequestContext, local_aor
from ..api.errors import BackendDown, ConfigError
from ..api.events import Registered, Teller, tell_nobody
from ..api.facts import Caller, TrustedPeer
from ..api.house import House
from ..api.interfaces import IBindings, IHandler
from ..api.verdict import Reply
from ..sip.binding import Binding
from ..sip.registrar import Limits, register
from ..sip.uri import Uri

# Every sixteenth REGISTER looks at so many addresses for expired bindings: at all of them in half a refresh interval.
SWEPT_EACH: Final = 32
SWEEP_EVERY: Final = 16
ON_MAX_CONTACTS: Final = ("replace_oldest", "refuse")
MOST_CONTACTS: Final = 64


@final
class Ours:
    """Whether a contact would lead back to this very server."""

    __slots__ = ("site",)

    def __init__(self, site: Domains) -> None:
        self.site = site

    def __call__(self, uri: Uri) -> bool:
        site = self.site
        host = uri.host
        if uri.params:
            host = uri.params.get("maddr", "").lower() or host
            if ":" in host and host[:1] != "[":
                host = "[" + host + "]"
        # A name of ours leads here whatever its port; beside an address of ours phones may live on other ports.
        if host in site.domains and host[:1] != "[" and not host[-1:].isdigit():
            return True
        return site.is_local(host, uri.port or (5061 if uri.secure or uri.transport == "tls" else 5060))


@final
class Registrar:
    """200 with all bindings, or a refusal that leaves them as they were.

    It asks once more who is calling: 403 unless the caller may be the address-of-record in To, or the peer is trusted.
    Times are in seconds; an expiry asked for above `max_expires` is shortened, one below `min_expires` gets 423.
    """

    name = "registrar"

    def __init__(
        self,
        bindings: IBindings | None = None,
        *,
        default_expires: int = 3600,
        min_expires: int = 60,
        max_expires: int = 7200,
        max_contacts: int = 10,
        on_max_contacts: str = "replace_oldest",
    ) -> None:
        if on_max_contacts not in ON_MAX_CONTACTS:
            raise ConfigError(
                f"Registrar(on_max_contacts={on_max_contacts!r}): take one of {', '.join(ON_MAX_CONTACTS)}"
            )
        if not 1 <= max_contacts <= MOST_CONTACTS:
            raise ConfigError(f"Registrar(max_contacts={max_contacts!r}): take a number from 1 to {MOST_CONTACTS}")
        if not 0 <= min_expires <= 3600:
            raise ConfigError(
                f"Registrar(min_expires={min_expires!r}): take 0 to 3600 (RFC 3261 section 10.3 allows no more)"
            )
        if not max(min_expires, 1) <= default_expires <= max_expires:
            raise ConfigError(
                f"Registrar(default_expires={default_expires!r}): take a number from min_expires ({min_expires}) "
                f"to max_expires ({max_expires})"
            )
        self._given = bindings
        self._bindings = bindings
        self._limits = Limits(
            default_expires, min_expires, max_expires, max_contacts, on_max_contacts == "replace_oldest"
        )
        self._tell: Teller = tell_nobody
        self._sweep: Callable[[float, int], list[tuple[str, Binding]]] | None = getattr(bindings, "sweep", None)
        self._ours: Ours | None = None
        self._handled = 0
        self._date_at = -1
        self._date = ""

    def attach(self, house: House) -> None:
        """Take the site's location service, unless one was given; one that was given is opened here."""
        self._tell = house.tell
        if self._given is None:
            self._bindings = house.bindings
            if self._bindings is None:
                raise ConfigError(
                    "Registrar() has no location service; give the site bindings=... or Registrar(bindings=...)"
                )
        elif self._given is not house.bindings:
            attach = getattr(self._given, "attach", None)
            if attach is not None:
                attach(house)
        self._sweep = getattr(self._bindings, "sweep", None)

    def handle(self, context: RequestContext) -> Any:
        """A Reply to a REGISTER whose Request-URI names one of our domains and that no Route leads on; else None."""
        request = context.request
        if request.method != "REGISTER" or not context.target_local:
            return None
        routed = context.routed
        if routed is not None and routed.routes:
            return None
        to = request.to.uri
        site = context.site
        aor = local_aor(to, site) if to.is_sip and to.user and site.is_local(to.host) else ""
        if not aor or not aor.isprintable():
            return Reply(404, "Not Found", why="To is no address-of-record of this site")
        caller = context.facts.get(Caller)
        if not (TrustedPeer in context.facts if caller is None else caller.may_be(aor)):
            return Reply(403, "Forbidden", why="nobody vouched for this registration")
        bindings = self._bindings
        if bindings is None:
            return Reply(500, "Server Internal Error", why="the registrar has no location service")
        now = context.now
        self._handled += 1
        if self._handled % SWEEP_EVERY == 0:
            self.sweep(now, SWEPT_EACH)
        flow = context.flow
        received = getattr(flow, "id", "") or f"{flow.transport} {flow.host} {flow.port}"
        ours = self._ours
        if ours is None or ours.site is not site:
            ours = self._ours = Ours(site)
        outcome = register(request, bindings.get(aor, now), now, self._limits, received, ours)
        if outcome.status != 200:
            return Reply(outcome.status, outcome.reason, outcome.headers)
        events: list[Registered] = []
        if outcome.changes:
            try:
                bindings.apply(aor, outcome.bindings, now)
                if self._given is not None:
                    # The site commits its own location service before the answer leaves, but does not know of this one.
                    bindings.commit()
            except BackendDown as error:
                return Reply(500, "Server Internal Error", why=str(error))
            source = flow.host
            for kind, binding in outcome.changes:
                expires = int(binding.expires - now) if kind != "removed" else 0
                events.append(Registered(aor, binding.contact, kind, expires, source))
        second = int(now)
        if second != self._date_at:
            self._date_at = second
            self._date = formatdate(second, usegmt=True)
        answer = Reply(200, "OK", (*outcome.headers, ("Date", self._date)))
        # Told when they are written: the engine sees to that.
        answer.events = tuple(events)
        return answer

    def sweep(self, now: float, most: int = 1000) -> int:
        """Take out what has expired among the next `most` addresses, tell it, and return how many bindings that were.

        Every REGISTER does a little of it; a site may call it now and then besides.
        """
        if self._sweep is None:
            return 0
        gone = self._sweep(now, most)
        for aor, binding in gone:
            self._tell(Registered(aor, binding.contact, "expired", 0, ""))
        return len(gone)


classImplements(Registrar, IHandler)
