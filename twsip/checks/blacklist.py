"""May this request go to that address?   A protected gateway must not be reached through somebody's DNS (OpenSER's 473)."""

from collections.abc import Iterable
from os import PathLike
from typing import final

from zope.interface import classImplements

from ..api import PASS, ConfigError, Destination, IDestinationCheck, Relay, Reply, Request, RequestContext, Verdict
from ..guard.blacklist import Rule, Rules, parse_definition, parse_rules
from ..guard.nets import KEPT, LONGEST, Nets, pack
from .lists import is_path, lines_of, read_file

What = Nets | Rules | str | PathLike[str] | Iterable[str]
Handlers = type[object] | tuple[type[object], ...] | None


@final
class Blacklist:
    """473 for the listed destinations, asked of every address after DNS, right before a packet leaves.

    `what` is a text of addresses and prefixes, OpenSER rules, a whole dst_blacklist definition, a set, or a file of
    any of these (see docs/checks/blacklist.md).  `except_from` is the handler class (or several) whose choices are
    not asked, `only_for` the ones that alone are; a request that no handler is known for is always asked.
    """

    def __init__(self, name: str, what: What, *, except_from: Handlers = None, only_for: Handlers = None) -> None:
        self._what = what
        self._called = name
        self.name = f"blacklist {name}"
        self._except_from = _classes(except_from, name)
        self._only_for = _classes(only_for, name)
        self._kept: dict[str, bool] = {}
        self._nets, self._rules = _read(what, name)
        if not self._nets and not self._rules.rules:
            raise ConfigError(f"the blacklist '{name}' is empty; give it an address, or leave it out")
        self._refused = Reply(473, "Destination Filtered", why=f"blacklist {name}")

    def reload(self) -> None:
        """Read the list again; with a ConfigError the old one stays."""
        self._nets, self._rules = _read(self._what, self._called)
        self._kept.clear()

    def allow(self, context: RequestContext, destination: Destination) -> Verdict:
        """Pass or 473."""
        if self._except_from or self._only_for:
            relay = context.facts.get(Relay)
            chosen = relay.handler if relay is not None else None
            if chosen is not None:
                if self._except_from and issubclass(chosen, self._except_from):
                    return PASS
                if self._only_for and not issubclass(chosen, self._only_for):
                    return PASS
        host = destination.host
        listed = self._kept.get(host)
        if listed is None:
            listed = self._is_listed(host)
        if listed:
            return self._refused
        rules = self._rules
        if rules.rules:
            text = outgoing(context.request) if rules.needs_text else b""
            if rules.find(destination.transport, host, destination.port, text) is not None:
                return self._refused
        return PASS

    def _is_listed(self, host: str) -> bool:
        # What is no address could be anything by the time the packet leaves.
        listed = self._nets.leads_to(host) or pack(host) < 0
        if len(self._kept) >= KEPT:
            self._kept.clear()
        if len(host) <= LONGEST:
            self._kept[host] = listed
        return listed


def outgoing(request: Request) -> bytes:
    """The request as rules look at it: first line, headers and body as they came, with where from in the topmost Via.

    What is sent differs only in what we add or take off ourselves: Via, Route, Record-Route, Max-Forwards, our credentials.
    """
    start = f"{request.method} {request.uri.text} SIP/2.0".encode()
    return b"\r\n".join([start, *request.lines, b"", request.body])


def _classes(handlers: Handlers, name: str) -> tuple[type[object], ...]:
    if handlers is None:
        return ()
    found = handlers if isinstance(handlers, tuple) else (handlers,)
    for one in found:
        if not isinstance(one, type):
            raise ConfigError(f"the blacklist '{name}' takes handler classes (Gateway, Proxy), not {one!r}")
    return found


def _read(what: What, name: str) -> tuple[Nets, Rules]:
    if isinstance(what, Rules):
        return Nets(), what
    if isinstance(what, Nets):
        return what, Rules(name, ())
    try:
        if isinstance(what, str | PathLike):
            lines = lines_of(read_file(what) if is_path(what) else str(what))
        else:
            lines = [line for text in what for line in lines_of(text)]
        return _sorted(lines, name)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the blacklist '{name}' does not hold: {error}") from error


def _sorted(lines: list[str], name: str) -> tuple[Nets, Rules]:
    """Plain addresses apart from rules; of whole definitions all that are there, or of several the one of this name."""
    plain: list[str] = []
    rules: list[Rule] = []
    definitions: list[Rules] = []
    for line in lines:
        if "{" in line:
            definitions.append(parse_definition(line))
        elif "(" in line:
            rules.extend(parse_rules(line.strip().rstrip(",")))
        else:
            plain.append(line)
    if len(definitions) > 1:
        definitions = [one for one in definitions if one.name == name]
        if not definitions:
            raise ValueError(f"several lists are defined and none is called '{name}'")
    for one in definitions:
        rules.extend(one.rules)
    return Nets(*plain), Rules(name, tuple(rules))


classImplements(Blacklist, IDestinationCheck)
