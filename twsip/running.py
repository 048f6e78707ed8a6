"""A site while it runs: joins engine, transports, stores and readers, and starts and stops them in order."""

import gc
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall

from .api import ConfigError, IBindings, Teller, TwsipError
from .api.events import Started
from .cred import portal_for
from .engine import Engine
from .ops import Admin, Counters, Ears, Log, Methods, systemd
from .sip.fields.auth import ours
from .stores import Subscribers
from .tap import stop_with_a_sentence
from .transport import Names, Transports
from .transport.words import bracketed

if TYPE_CHECKING:
    from .site import Site

COLLECT: Final = (10_000, 1_000_000, 1_000_000)
"""When the garbage collector looks: at what is new after so many objects, at all there is never by itself."""
COLLECT_ALL: Final = 600.0
SWEEP: Final = 5.0
"""Seconds, both."""


class Home:
    """What parts that ask for it are given (`api.house.House`)."""

    def __init__(self, domains: Names, tell: Teller, bindings: IBindings | None, secret: bytes, reactor: Any) -> None:
        self.domains = domains
        self.tell = tell
        self.bindings = bindings
        self.secret = secret
        self.reactor = reactor
        self.now: Callable[[], float] = time.time
        self.random: Callable[[int], bytes] = os.urandom
        self.portal = portal_for


class Running(Service):
    """One site as a Twisted service.  Ports are bound while privileged, files are opened after that.

    What fails at the start raises ConfigError; its sentence is all that is then shown.
    """

    def __init__(self, site: "Site", reactor: Any = None) -> None:
        self.site = site
        self._reactor = reactor
        self.engine: Any = None
        self.transports: Any = None
        self.counters = Counters()
        self.home: Home | None = None
        self._log = Log()
        self._admin: Any = None
        self._people: Subscribers | None = None
        self._sweeping: LoopingCall | None = None
        self._collected = 0.0

    def order(self) -> list[str]:
        """What runs, numbered."""
        return self.site.order()

    def privilegedStartService(self) -> None:
        """Make the engine and bind every port."""
        with _Sentence():
            self._bind()

    def startService(self) -> None:
        """Open stores, give every part what it asks for, and begin."""
        with _Sentence():
            self._bind()
            self._open()
        super().startService()
        # Not before the reactor runs: until then a SIGTERM would end us without a goodbye.
        self._reactor.callWhenRunning(self._ready)

    def _ready(self) -> None:
        assert self.home is not None
        # What is here now stays.  A request leaves no cycles behind, so there is little to find; but what it leaves for half a
        # minute would be walked four times over: by itself the collector looks at what is new, at everything by the clock.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)
        self._collected = self.home.now()
        places = tuple(f"{scheme} {bracketed(host)}:{port}" for scheme, host, port in self.transports.listening)
        self.home.tell(Started(self.site.name, places))
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = self._reactor
        self._sweeping.start(SWEEP, now=False)
        systemd("READY=1")

    def _bind(self) -> None:
        if self.engine is not None:
            return
        site = self.site
        if self._reactor is None:
            # Not sooner: twistd --reactor must have had its say.
            from twisted.internet import reactor

            self._reactor = reactor
        ears = Ears([self.counters, self._log, *site.readers])
        names = Names(site.name, site.domains, site.also, site.listen, time.time)
        self.home = home = Home(names, ears.tell, site.bindings, site.secret_bytes(), self._reactor)
        self.engine = Engine(
            name=site.name,
            domains=names,
            ingress=site.ingress,
            requests=site.requests,
            handlers=site.handlers,
            destinations=site.destinations,
            resolver=site.resolver,
            bindings=site.bindings,
            consumed=lambda value: ours(value, names.domains),
            tell=home.tell,
            clock=self._reactor,
            now=home.now,
            random=home.random,
            secret=home.secret,
            timers=site.timers,
        )
        self.transports = Transports(site.listen, self.engine, self._reactor, home.tell, now=home.now)
        self.engine.transports = self.transports
        self.transports.start()

    def _open(self) -> None:
        site, home = self.site, self.home
        assert home is not None
        home.domains.ports = {port for _, _, port in self.transports.listening}
        # First of all, because it makes the tables that accounts then look at.
        self._people = Subscribers(site.subscribers) if site.subscribers else None
        opened = getattr(site.bindings, "open", None)
        if opened is not None:
            opened()
        for part in (*self._parts(), *site.readers, self._log):
            attach = getattr(part, "attach", None)
            if attach is not None:
                attach(home)
        if self._people is not None:
            self._seal(self._people)
        self.engine.start()
        if site.control:
            self._admin = self._listen_to_operators(home)

    def _seal(self, people: Subscribers) -> None:
        """Whoever stores subscribers seals them with the key that opens them."""
        asked = [backend for part in self.site.requests for backend in getattr(part, "backends", tuple)()]
        seals = [one.seal for one in asked if hasattr(one, "reads") and one.reads(people.path)]
        if len({"" if seal is None else seal.path for seal in seals}) > 1:
            raise ConfigError(
                f"the accounts in {people.path} are opened with one key file here and another or none there;"
                " give all their SQLAccounts(...) the same seal="
            )
        if seals and seals[0] is not None:
            also = [column for seal in seals for column in seal.columns]
            # One that takes no unsealed values decides for all.
            people.seal_with(min(seals, key=lambda seal: seal.accept_unsealed), also)

    def _parts(self) -> tuple[Any, ...]:
        site = self.site
        return (site.bindings, site.resolver, *site.ingress, *site.requests, *site.handlers, *site.destinations)

    def _listen_to_operators(self, home: Home) -> Any:
        site = self.site
        methods = Methods(
            site.name,
            now=home.now,
            tell=home.tell,
            bindings=site.bindings,
            people=self._people,
            changed=self._account_changed,
            order=site.order,
            listening=lambda: list(self.transports.listening),
            counts=lambda: {**self.engine.counts(), **self.counters.counts()},
        )
        # The mode is also set by umask: between bind and chmod nobody else may slip in.
        mask = os.umask(0o117)
        try:
            return self._reactor.listenUNIX(site.control, Admin(methods.by_name()), mode=0o660, wantPID=1)
        except (CannotListenError, OSError) as error:
            why = getattr(error, "socketError", error)
            raise ConfigError(
                f"the control socket {site.control} cannot be made: {why}; is another twsip running, or its folder missing?"
            ) from error
        finally:
            os.umask(mask)

    def _account_changed(self, domain: str, username: str) -> None:
        """A subscriber was added, removed or has a new password: no check may go on with what it remembers."""
        assert self.home is not None
        for part in self.site.requests:
            forget = getattr(part, "forget", None)
            if forget is not None:
                forget(self.home.domains.realm_for(domain), username)

    def _sweep(self) -> None:
        """Let parts that keep things for a time throw out what is over."""
        assert self.home is not None
        now = self.home.now()
        if not 0.0 <= now - self._collected < COLLECT_ALL:
            self._collected = now
            gc.collect()
        for part in self._parts():
            sweep = getattr(part, "sweep", None)
            # A store is swept by its registrar, which tells what expired.
            if sweep is not None and part is not self.site.bindings:
                sweep(now)
        self.engine.flush()

    def stopService(self) -> "Deferred[Any]":
        """Stop in the order opposite to the start; fires when everything is closed."""
        super().stopService()
        systemd("STOPPING=1")
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        if self._sweeping is not None and self._sweeping.running:
            self._sweeping.stop()
        if self._admin is not None:
            await maybeDeferred(self._admin.stopListening)
        if self._people is not None:
            self._people.close()
        if self.engine is not None:
            await maybeDeferred(self.engine.stop)
        if self.transports is not None:
            await maybeDeferred(self.transports.stop)
        for part in reversed(self._parts()):
            close = getattr(part, "close", None)
            if close is not None:
                await maybeDeferred(close)


class _Sentence:
    """Makes any expected failure of the start a ConfigError, and sees to it that twistd shows its sentence only."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TwsipError | OSError):
            stop_with_a_sentence()
            if not isinstance(error, ConfigError):
                raise ConfigError(str(error)) from error
