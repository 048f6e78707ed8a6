"""The words of the tac file: Site, UDP, TCP, TLS and plugin.  A Site is a description; it refuses nonsense when made."""

import os
from collections.abc import Sequence
from typing import Any, Final

from twisted.application.service import Application
from zope.interface import Interface
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

from .api import (
    ConfigError,
    IBindings,
    IDestinationCheck,
    IEventReader,
    IHandler,
    IIngressCheck,
    IRequestCheck,
    IResolver,
)
from .checks import NoOpenRelay, OwnIdentity, Sanity
from .dns import Resolver
from .engine import name_of
from .handlers import Proxy
from .plugins import plugin
from .running import Running
from .tap import rehearse
from .transport import TCP, TLS, UDP

__all__ = ["TCP", "TLS", "UDP", "Site", "plugin"]

SECRET_SIZE: Final = 32
_PLACES: Final[dict[str, Any]] = {
    "ingress": IIngressCheck,
    "requests": IRequestCheck,
    "handlers": IHandler,
    "destinations": IDestinationCheck,
    "bindings": IBindings,
    "resolver": IResolver,
    "readers": IEventReader,
}


class Site:
    """One configured twsip.

    `name` is the site's domain and digest realm, `domains` are further ones with accounts of their own, `also` other names for
    `name` that need no accounts.  `listen` are UDP, TCP and TLS; the four lists of checks and handlers run in their order.
    `bindings` is the location service, `subscribers` the path of the SQLite file that `twsipctl subscriber` changes,
    `control` the path of the operator's Unix socket ("" for none), `secret` 32 bytes or more, or the path of a file that keeps
    them (made when missing): with one, challenges and dialogs outlive a restart.  Raises ConfigError for what cannot work.
    """

    def __init__(
        self,
        name: str,
        *,
        listen: Sequence[UDP | TCP | TLS],
        domains: Sequence[str] = (),
        also: Sequence[str] = (),
        ingress: Sequence[object] = (),
        requests: Sequence[object] = (),
        handlers: Sequence[object] = (),
        destinations: Sequence[object] = (),
        bindings: Any = None,
        subscribers: str = "",
        control: str = "",
        secret: bytes | str = b"",
        resolver: Any = None,
        readers: Sequence[Any] = (),
        timers: Any = None,
    ) -> None:
        self.name = _domain(name)
        self.domains = tuple(_domain(one) for one in _items("domains", domains))
        self.also = tuple(_domain(one) for one in _items("also", also))
        self.listen = _items("listen", listen)
        self.ingress = _items("ingress", ingress)
        self.requests = _items("requests", requests)
        self.handlers = _items("handlers", handlers)
        self.destinations = _items("destinations", destinations)
        self.readers = _items("readers", readers)
        self.bindings = bindings
        self.resolver = Resolver() if resolver is None else resolver
        self.subscribers = subscribers
        self.control = control
        self.secret = secret
        self.timers = timers
        self._refuse_nonsense()

    def application(self) -> Any:
        """What twistd runs: the last line of a tac file is `application = site.application()`."""
        application = Application(f"twsip {self.name}")
        self.service().setServiceParent(application)
        return application

    def service(self, reactor: Any = None) -> Running:
        """The site as a Twisted service."""
        return Running(self, reactor)

    def order(self) -> list[str]:
        """What runs, stage by stage, numbered in its order."""
        stages = (
            ("ingress (every packet)", self.ingress),
            ("requests (every new request)", self.requests),
            ("handlers (the first that answers)", self.handlers),
            ("destinations (every address, before a packet leaves)", self.destinations),
        )
        lines, number = [f"{self.name} on {', '.join(str(one) for one in self.listen)}"], 0
        for stage, parts in stages:
            lines.append(stage + (":" if parts else ": none"))
            for part in parts:
                number += 1
                lines.append(f"{number:4} {name_of(part)}")
        return lines

    def secret_bytes(self) -> bytes:
        """The secret itself: given, kept in a file, or new."""
        if isinstance(self.secret, str) and self.secret:
            return _kept(self.secret)
        if isinstance(self.secret, bytes) and self.secret:
            return self.secret
        return os.urandom(SECRET_SIZE)

    def _refuse_nonsense(self) -> None:
        if not self.listen:
            raise ConfigError(f"the site {self.name} listens nowhere; give it listen=[UDP(5060)] or more")
        taken: set[tuple[str, str, int]] = set()
        for one in self.listen:
            if not isinstance(one, UDP | TCP | TLS):
                raise ConfigError(f"listen= holds {one!r}; it takes UDP(...), TCP(...) and TLS(...)")
            # TCP and TLS cannot share a port; UDP has ports of its own.
            place = ("UDP" if isinstance(one, UDP) else "stream", one.host, one.port)
            if one.port and place in taken:
                raise ConfigError(f"{one} is taken by another entry of listen=; give one of them another port")
            taken.add(place)
        for stage in ("ingress", "requests", "handlers", "destinations", "readers"):
            for part in getattr(self, stage):
                _refuse_stranger(stage, part)
        if self.bindings is not None:
            _refuse_stranger("bindings", self.bindings)
        _refuse_stranger("resolver", self.resolver)
        if isinstance(self.secret, bytes) and 0 < len(self.secret) < SECRET_SIZE:
            raise ConfigError(f"secret= has {len(self.secret)} bytes; give {SECRET_SIZE} or more, or the path of a file")
        self._refuse_open_doors()

    def _refuse_open_doors(self) -> None:
        if not any(isinstance(one, Proxy) for one in self.handlers):
            return
        if not any(isinstance(one, NoOpenRelay) for one in self.requests):
            raise ConfigError("handlers= has a Proxy, but nobody checks what it relays; end requests= with NoOpenRelay()")
        if not isinstance(self.requests[-1], NoOpenRelay):
            raise ConfigError(f"{name_of(self.requests[-1])} runs after NoOpenRelay(); move NoOpenRelay() to the end of requests=")
        if all(isinstance(one, NoOpenRelay | OwnIdentity | Sanity) for one in self.requests):
            raise ConfigError("nothing in requests= can vouch for a caller, so nothing would be relayed; add Digest({...})")


def _items(word: str, given: Any) -> tuple[Any, ...]:
    if isinstance(given, list | tuple):
        return tuple(given)
    raise ConfigError(f"{word}= is a list, not {given!r}; write {word}=[...]")


def _domain(name: str) -> str:
    domain = name.lower().rstrip(".") if isinstance(name, str) else ""
    literal = domain.startswith("[") and domain.endswith("]") and ":" in domain
    plain = domain.isascii() and domain.replace(".", "").replace("-", "").replace("_", "").isalnum()
    if not literal and not plain:
        raise ConfigError(f"{name!r} is no domain; write it alone, like 'example.org', '192.0.2.1' or '[2001:db8::1]'")
    return domain


def _refuse_stranger(stage: str, part: object) -> None:
    wanted: type[Interface] = _PLACES[stage]
    if isinstance(part, type):
        raise ConfigError(f"{stage}= holds the class {part.__name__}; write {part.__name__}() to make one")
    if not wanted.providedBy(part):
        better = [other for other, kind in _PLACES.items() if kind.providedBy(part)]
        mend = f"it belongs in {better[0]}=" if better else "mend or remove it"
        raise ConfigError(f"{stage}= holds {name_of(part)}, which does not provide {wanted.__name__}; {mend}")
    try:
        verifyObject(wanted, part)
    except Invalid as error:
        why = " ".join(str(error).split())
        raise ConfigError(f"{stage}= holds {name_of(part)}, which does not keep {wanted.__name__}: {why}") from error


def _kept(path: str) -> bytes:
    try:
        try:
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with open(path, "rb") as file:
                secret = file.read()
        else:
            secret = os.urandom(SECRET_SIZE)
            with os.fdopen(made, "wb") as file:
                file.write(secret)
    except OSError as error:
        raise ConfigError(f"the secret {path} can be neither read nor made: {error.strerror}; mend its owner or folder") from error
    if len(secret) < SECRET_SIZE:
        raise ConfigError(f"the secret {path} has only {len(secret)} bytes; remove it and a new one is made")
    return secret


rehearse()
