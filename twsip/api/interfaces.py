"""Every interface of the house on one page; plugins provide these and import nothing deeper."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from twisted.cred.credentials import ICredentials
from zope.interface import Attribute, Interface, classImplements

from .accounts import Account, Binding
from .answer import Answer
from .context import Arrival, RequestContext
from .facts import Caller, Destination, Target
from .verdict import Verdict


class IIngressCheck(Interface):
    """Asked of every packet before anything is remembered or parsed.  Must answer at once."""

    def admit(arrival: Arrival) -> Verdict:
        """Pass, or Drop (a Reply or Challenge is impossible here and is taken as Drop)."""


class IRequestCheck(Interface):
    """Asked of every new request, in the tac file's order."""

    def check(context: RequestContext) -> Verdict | Awaitable[Verdict]:
        """A verdict now, or an awaitable of one (coroutine or Deferred).  If it raises: 500, never a pass."""


class IDestinationCheck(Interface):
    """Asked of every resolved address right before a packet leaves.  Must answer at once."""

    def allow(context: RequestContext, destination: Destination) -> Verdict:
        """Pass, or anything else: this address is skipped; 473 if no other is left."""


class IHandler(Interface):
    """A transaction user: asked in order until one answers."""

    def handle(context: RequestContext) -> Answer | None | Awaitable[Answer | None]:
        """A Reply, a Relay, or None for "not mine"."""


class IResolver(Interface):
    """Turns a target into addresses (RFC 3263)."""

    def locate(
        target: Target,
    ) -> Sequence[Destination] | AsyncIterator[Destination]:
        """The destinations to try in order: at once as a sequence when no look-up is needed, else an async iterator."""


class IAccounts(Interface):
    """A credential backend that knows the secret."""

    name = Attribute("How events and errors call this backend.")

    def find(realm: str, auth_id: str) -> Account | None | Awaitable[Account | None]:
        """The account, or None if there is no such subscriber; raises BackendDown when that cannot be known."""


class IIdentities(Interface):
    """Knows which users an auth id may be, where that is not just its own name (OpenSER's table `uri`)."""

    name = Attribute("How events and errors call this backend.")

    def users(realm: str, auth_id: str) -> Sequence[str] | Awaitable[Sequence[str]]:
        """The user parts, unescaped, that this account may put before @realm; none if nothing is known of it.

        The domain is always the realm.  Raises BackendDown when it cannot be known.
        """


class ISIPDigest(ICredentials):
    """Digest credentials of one request, as `twisted.cred` sees them."""

    auth_id = Attribute("The digest username, decoded.")
    realm = Attribute("The realm.")

    def holds_for(account: Account) -> bool:
        """Whether the response was made with this account's secret; takes the same time either way."""

    def waste() -> None:
        """Take as long as `holds_for`, for a subscriber that does not exist."""


class ICaller(Interface):
    """The avatar that `twisted.cred` gives us for a proven caller: `api.facts.Caller`."""

    auth_id = Attribute("The digest username, without a domain.")
    realm = Attribute("The realm they were proven in.")
    aors = Attribute("The addresses-of-record they may speak for.")
    attributes = Attribute("What the backend told besides.")

    def may_be(aor: str) -> bool:
        """Whether this caller may speak for that address-of-record."""


classImplements(Caller, ICaller)


class IBindings(Interface):
    """A location service.  Synchronous: what needs I/O keeps a copy in memory."""

    def get(aor: str, now: float) -> tuple[Binding, ...]:
        """The bindings that have not expired at `now`, in the order they were first made."""

    def apply(aor: str, bindings: tuple[Binding, ...], now: float) -> None:
        """Replace all bindings of the AOR.  Written when `commit` has returned.  Raises BackendDown, with nothing changed."""

    def commit() -> None:
        """Make what was applied durable; the engine calls it before any answer of the same turn leaves.

        Raises BackendDown; then what was applied since the last commit is undone.
        """

    def aors() -> Sequence[str]:
        """All addresses-of-record that have bindings, for operators."""


class IEventReader(Interface):
    """Somebody who is told what happens."""

    def told(event: Any) -> None:
        """Take note of one event.  Must not raise and must not wait."""


class ICheckMaker(Interface):
    """A Twisted plugin that makes checks or handlers of somebody else's package."""

    name = Attribute("What the tac file calls it.")
    about = Attribute("One sentence for `twistd twsip --checks`.")

    def make(**options: Any) -> object:
        """The check, built with the tac file's options."""


Maker = Callable[..., object]
