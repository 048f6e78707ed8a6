"""Finds the checks and handlers that other packages bring along as Twisted plugins (`twisted.plugin`)."""

from inspect import getdoc
from typing import Any

from twisted.plugin import getPlugins

from . import checks, handlers
from .api import ConfigError, ICheckMaker


def found() -> dict[str, Any]:
    """Every plugin by its name; two of one name are refused, because the tac file could not tell them apart."""
    makers: dict[str, Any] = {}
    for maker in getPlugins(ICheckMaker):
        if maker.name in makers:
            raise ConfigError(f"two plugins are called '{maker.name}'; uninstall one of their packages")
        makers[maker.name] = maker
    return makers


def plugin(name: str, **options: object) -> object:
    """The check or handler that a plugin makes of these options; a word for the tac file."""
    makers = found()
    if name not in makers:
        others = ", ".join(sorted(makers)) or "none"
        raise ConfigError(f"no check is called '{name}'; plugins found: {others}")
    return makers[name].make(**options)


def listed() -> list[str]:
    """Lines for `twistd twsip --checks`: what is in the house, then what plugins offer."""
    lines = ["in the house:"]
    for room in (checks, handlers):
        for word in sorted(getattr(room, "__all__", ())):
            thing = getattr(room, word)
            if isinstance(thing, type):
                lines.append(f"  {word:<20} {(getdoc(thing) or '').partition(chr(10))[0]}")
    makers = found()
    lines.append("plugins:" if makers else "plugins: none")
    lines += [f"  {name:<20} {makers[name].about}" for name in sorted(makers)]
    return lines
