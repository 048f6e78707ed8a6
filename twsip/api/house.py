"""What the site gives to a part that asks for it: its one method `attach(house)` is called once, at start."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.cred.portal import Portal

from .context import Domains
from .events import Teller
from .interfaces import IBindings


class House(Protocol):
    """The few things of the site that a check, handler, backend or store may need besides its own options."""

    @property
    def domains(self) -> Domains:
        """Which names and addresses are ours."""

    @property
    def tell(self) -> Teller:
        """Where events go."""

    @property
    def bindings(self) -> IBindings | None:
        """The location service, if the site has one."""

    @property
    def secret(self) -> bytes:
        """32 random bytes for signing; the same for all workers of a site, new at every start unless the tac sets one."""

    @property
    def reactor(self) -> Any:
        """Twisted's reactor: the only clock."""

    @property
    def now(self) -> Callable[[], float]:
        """POSIX seconds."""

    @property
    def random(self) -> Callable[[int], bytes]:
        """So many random bytes."""

    @property
    def portal(self) -> Callable[[Mapping[str, Any]], Portal]:
        """Makes `twisted.cred`'s portal over accounts by realm: it takes ISIPDigest and gives ICaller."""
