"""Writes one line for each noteworthy event, source first, so that fail2ban and people can trust what they read.

A line is `event=kind src=address more="..."`.  Whatever came from outside is quoted and escaped: nobody can end a
line, or make a second `src=`, from the wire.  Equal events beyond a few a second are summed up in one line.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Final

from twisted.logger import Logger, LogLevel
from zope.interface import classImplements

from ..api import IEventReader
from ..api.house import House

LINES_A_SECOND: Final = 10
MOST_KINDS: Final = 500
LONGEST_VALUE: Final = 256
LONGEST_TRACE: Final = 4000

_LEVELS: Final = {
    "Started": LogLevel.info,
    "MalformedPacket": LogLevel.info,
    "Refused": LogLevel.warn,
    "AuthFailed": LogLevel.warn,
    "CheckBroke": LogLevel.error,
    "BackendFailed": LogLevel.error,
    "LimitReached": LogLevel.warn,
    "Unsafe": LogLevel.warn,
}

# The field that tells two floods apart; never one that the wire can choose.
_SORTS: Final = {"Refused": "check", "AuthFailed": "cause", "CheckBroke": "check", "Registered": "kind", "LimitReached": "what"}

# What every phone does all day long is not news: its first request has no credentials, and it refreshes.
_SILENT: Final = {
    ("AuthFailed", "AUTH_NO_CREDENTIALS"),
    ("AuthFailed", "AUTH_STALE_NONCE"),
    ("Registered", "refreshed"),
}


def quoted(value: object, longest: int = LONGEST_VALUE) -> str:
    """The value as a log field: a plain word as it is, anything else in double quotes with all that is not printable escaped."""
    text = str(value)
    if len(text) > longest:
        text = text[:longest] + "…"
    if text and len(text) < 64 and text.isascii() and text.replace(".", "").replace("-", "").replace("_", "").isalnum():
        return text
    out: list[str] = []
    for character in text:
        if character in '"\\':
            out.append("\\" + character)
        elif character.isprintable():
            out.append(character)
        else:
            # "backslashreplace" also takes lone surrogates, which stand for bytes that were not UTF-8.
            out.append(character.encode("unicode_escape", "backslashreplace").decode("ascii"))
    return '"' + "".join(out) + '"'


def kebab(name: str) -> str:
    """AuthFailed as auth_failed."""
    return "".join("_" + c.lower() if c.isupper() and at else c.lower() for at, c in enumerate(name))


def line(event: Any) -> str:
    """One event as one line: kind, source, then its other fields in the order they are declared."""
    kind = kebab(type(event).__name__)
    values = {field.name: getattr(event, field.name) for field in fields(event)} if is_dataclass(event) else {}
    parts = [f"event={kind}"]
    source = values.pop("source", None)
    if source is not None:
        # An address of ours, not the wire's word; still, only characters of addresses get out unquoted.
        text = str(source)
        parts.append("src=" + (text if text and all(c in "0123456789abcdef.:%" for c in text) else quoted(text)))
    for name, value in values.items():
        if value == "" or value == ():
            continue
        if isinstance(value, tuple):
            value = ", ".join(str(item) for item in value)
        parts.append(f"{name}={quoted(value, LONGEST_TRACE if name == 'trace' else LONGEST_VALUE)}")
    return " ".join(parts)


class Log:
    """Tells twisted.logger about events; at most `LINES_A_SECOND` lines a second for each sort of event.

    What is more is counted and summed up in one line when its second is over.
    """

    def __init__(self, logger: Logger | None = None) -> None:
        self._log = logger or Logger(namespace="twsip")
        self._now: Callable[[], float] | None = None
        self._reactor: Any = None
        self._since = 0.0
        self._lines: dict[tuple[str, str], int] = {}
        self._timer: Any = None

    def attach(self, house: House) -> None:
        """Learn the clock; without one every event gets its line."""
        self._now = house.now
        self._reactor = house.reactor

    def told(self, event: Any) -> None:
        """Write a line for this event, or count it if there were too many like it in this second."""
        kind = type(event).__name__
        label = _SORTS.get(kind)
        sort = (kind, getattr(event, label, "") if label is not None else "")
        if sort in _SILENT:
            return
        if self._now is not None and not self._may(sort, self._now()):
            return
        self._log.emit(_LEVELS.get(kind, LogLevel.info), "{line}", line=line(event))

    def _may(self, sort: tuple[str, str], now: float) -> bool:
        # A clock that was set back also begins a new second.
        if not 0.0 <= now - self._since < 1.0:
            self.sum_up()
            self._since = now
        if sort not in self._lines and len(self._lines) >= MOST_KINDS:
            sort = (sort[0], "other")
        written = self._lines[sort] = self._lines.get(sort, 0) + 1
        if written == LINES_A_SECOND + 1 and self._timer is None and self._reactor is not None:
            self._timer = self._reactor.callLater(1.0, self.sum_up)
        return written <= LINES_A_SECOND

    def sum_up(self) -> None:
        """Write what was left out since the second began."""
        if self._timer is not None:
            if self._timer.active():
                self._timer.cancel()
            self._timer = None
        for (kind, label), seen in self._lines.items():
            if seen > LINES_A_SECOND:
                self._log.emit(
                    _LEVELS.get(kind, LogLevel.info),
                    "{line}",
                    line=f"event={kebab(kind)} sort={quoted(label)} left_out={seen - LINES_A_SECOND}",
                )
        self._lines.clear()


classImplements(Log, IEventReader)
