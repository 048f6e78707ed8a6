"""What an operator may ask and do over the socket; the names are Kamailio's RPC names where it has one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from .. import __version__
from ..api import Binding, IBindings, Teller
from ..api.events import Registered
from .admin import Failed, Method

MOST_SHOWN: Final = 1000


class People(Protocol):
    """The subscriber table, as far as this room needs it.  What cannot be done raises a TwsipError, one sentence."""

    def add(self, username: str, domain: str, password: str) -> object:
        """A new subscriber."""

    def remove(self, username: str, domain: str) -> object:
        """One less."""

    def passwd(self, username: str, domain: str, password: str) -> object:
        """A new password for one who is there."""

    def list(self) -> Sequence[tuple[str, str]]:
        """Everybody, as (username, domain)."""

    def reseal(self, deed: str, after: int | None) -> dict[str, Any]:
        """"seal", "unseal" or "rotate" the secrets of the next subscribers."""


class Methods:
    """The methods of one site's socket: plain functions, called in the reactor's thread, that wait for nothing."""

    def __init__(
        self,
        domain: str,
        *,
        now: Callable[[], float],
        tell: Teller,
        bindings: IBindings | None,
        people: People | None,
        changed: Callable[[str, str], None] = lambda domain, username: None,
        order: Callable[[], list[str]],
        listening: Callable[[], list[tuple[str, str, int]]],
        counts: Callable[[], Mapping[str, int]],
    ) -> None:
        self._domain = domain
        self._now = now
        self._tell = tell
        self._bindings = bindings
        self._people = people
        self._changed = changed
        self._order = order
        self._listening = listening
        self._counts = counts
        self._since = now()

    def by_name(self) -> dict[str, Method]:
        """Every method under its name."""
        return {
            "auth.flush": self.flush,
            "core.uptime": self.uptime,
            "core.version": self.version,
            "core.sockets_list": self.sockets,
            "core.order": self.order,
            "stats.get_statistics": self.statistics,
            "subscriber.add": self.add,
            "subscriber.list": self.list,
            "subscriber.rm": self.rm,
            "subscriber.passwd": self.passwd,
            "subscriber.rotate": lambda after=None: self._table().reseal("rotate", after),
            "subscriber.seal": lambda after=None: self._table().reseal("seal", after),
            "subscriber.unseal": lambda after=None: self._table().reseal("unseal", after),
            "ul.dump": self.dump,
            "ul.lookup": self.lookup,
            "ul.rm": self.forget,
        }

    def uptime(self) -> dict[str, Any]:
        """POSIX seconds of the start and of now, and what lies between."""
        now = self._now()
        return {"now": now, "up_since": self._since, "uptime": round(now - self._since, 3)}

    def version(self) -> str:
        """Our name and version."""
        return f"twsip {__version__}"

    def sockets(self) -> list[dict[str, Any]]:
        """Where we listen."""
        return [{"transport": scheme, "host": host, "port": port} for scheme, host, port in self._listening()]

    def order(self) -> list[str]:
        """What runs, numbered, as `twistd twsip --order` shows it."""
        return self._order()

    def statistics(self) -> dict[str, int]:
        """All counters."""
        return dict(self._counts())

    def add(self, username: str, domain: str = "", password: str = "") -> str:
        """A new subscriber; `domain` is the site's own when it is empty."""
        domain = domain.lower() or self._domain
        self._table().add(username, domain, password)
        self._changed(domain, username)
        return f"{username}@{domain} added"

    def passwd(self, username: str, domain: str = "", password: str = "") -> str:
        """A new password for a subscriber."""
        domain = domain.lower() or self._domain
        self._table().passwd(username, domain, password)
        self._changed(domain, username)
        return f"{username}@{domain} has a new password"

    def rm(self, username: str, domain: str = "") -> str:
        """Remove a subscriber, and what is registered for it."""
        domain = domain.lower() or self._domain
        self._table().remove(username, domain)
        self._changed(domain, username)
        if self._bindings is not None:
            self._unbind(f"sip:{username}@{domain}")
        return f"{username}@{domain} removed"

    def flush(self, username: str, domain: str = "") -> str:
        """Forget the remembered logins of one account: whoever changed it elsewhere than here sees it on the next request."""
        domain = domain.lower() or self._domain
        self._changed(domain, username)
        return f"what was remembered of {username}@{domain} is forgotten"

    def list(self) -> "list[dict[str, str]]":
        """Everybody who may register, in the table's order.  Never a secret."""
        return [{"username": username, "domain": domain} for username, domain in self._table().list()]

    def dump(self, limit: int = MOST_SHOWN) -> dict[str, Any]:
        """The first `limit` addresses-of-record with their bindings, and how many there are."""
        aors = sorted(self._store().aors())
        return {"total": len(aors), "aors": [self._shown(aor) for aor in aors[: max(0, limit)]]}

    def lookup(self, aor: str) -> dict[str, Any]:
        """The bindings of one address-of-record."""
        aor = self._canonical(aor)
        shown = self._shown(aor)
        if not shown["contacts"]:
            raise Failed(f"{aor} has no bindings")
        return shown

    def forget(self, aor: str) -> str:
        """Remove all bindings of one address-of-record; the phone does not notice before it refreshes."""
        aor = self._canonical(aor)
        gone = self._unbind(aor)
        if not gone:
            raise Failed(f"{aor} has no bindings")
        return f"{aor}: {gone} removed"

    def _unbind(self, aor: str) -> int:
        store, now = self._store(), self._now()
        gone: tuple[Binding, ...] = store.get(aor, now)
        if gone:
            store.apply(aor, (), now)
            store.commit()
        for binding in gone:
            self._tell(Registered(aor, binding.contact, "removed", 0, "operator"))
        return len(gone)

    def _shown(self, aor: str) -> dict[str, Any]:
        names = ("contact", "expires", "q", "call_id", "cseq", "received", "path", "user_agent", "instance")
        found = self._store().get(aor, self._now())
        return {"aor": aor, "contacts": [{name: getattr(binding, name) for name in names} for binding in found]}

    def _canonical(self, aor: str) -> str:
        user, _, domain = aor.removeprefix("sips:").removeprefix("sip:").partition("@")
        return f"sip:{user}@{(domain or self._domain).lower()}"

    def _table(self) -> People:
        if self._people is None:
            raise Failed("this site keeps no subscribers itself; give Site(subscribers=...) their database in the tac file")
        return self._people

    def _store(self) -> IBindings:
        if self._bindings is None:
            raise Failed("this site has no bindings; give Site(bindings=...) a store in the tac file")
        return self._bindings
