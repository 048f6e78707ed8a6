"""Everything that can be told: one typed event per happening, told once, by the room where it happened.

Events are values: nobody changes one.  They are not frozen, because Python makes a frozen one in five times the time.
Logs, counters and the dashboard are readers of this one stream.  No event holds a secret.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final


class Event:
    """Something that happened; the class name is its kind.  Other people's events are dataclasses, frozen or not."""

    __slots__ = ()


Teller = Callable[[Event], None]


def tell_nobody(event: Event) -> None:
    """The teller of a house without readers."""


@final
@dataclass(slots=True, unsafe_hash=True)
class Started(Event):
    """The site listens."""

    name: str
    listening: tuple[str, ...]


@final
@dataclass(slots=True, unsafe_hash=True)
class MalformedPacket(Event):
    """A packet that is no SIP message we accept; `status` 0 means that it got silence."""

    source: str
    transport: str
    status: int
    why: str


@final
@dataclass(slots=True, unsafe_hash=True)
class Refused(Event):
    """A check refused a packet, a request or a destination, and did not tell so itself."""

    check: str
    verdict: str
    status: int
    why: str
    source: str
    transport: str
    method: str = ""
    call_id: str = ""


@final
@dataclass(slots=True, unsafe_hash=True)
class AuthFailed(Event):
    """Credentials did not hold, or not for whom they were used: `cause` is one of the AUTH_ symbols of docs/checks/digest.md,
    `code` the number it has in the family that `codes` of the check names, `claimed` the header and the address-of-record that
    were not the caller's own (AUTH_USER_MISMATCH), else ""."""

    cause: str
    auth_id: str
    realm: str
    source: str
    transport: str
    method: str
    call_id: str
    code: int = 0
    claimed: str = ""


@final
@dataclass(slots=True, unsafe_hash=True)
class CheckBroke(Event):
    """Somebody's check or handler raised: 500 for this request, `trace` for the operator."""

    check: str
    error: str
    trace: str


@final
@dataclass(slots=True, unsafe_hash=True)
class BackendFailed(Event):
    """A backend is down or does not make sense; told when it begins, not for every request."""

    backend: str
    error: str


@final
@dataclass(slots=True, unsafe_hash=True)
class BackendRecovered(Event):
    """A backend that was down answers again."""

    backend: str


@final
@dataclass(slots=True, unsafe_hash=True)
class Registered(Event):
    """An address-of-record's bindings changed: `kind` is added, refreshed, removed or expired."""

    aor: str
    contact: str
    kind: str
    expires: int
    source: str


@final
@dataclass(slots=True, unsafe_hash=True)
class DestinationFailed(Event):
    """A destination did not work: transport error or no answer in time; `why` says which."""

    transport: str
    host: str
    port: int
    why: str


@final
@dataclass(slots=True, unsafe_hash=True)
class ConnectionClosed(Event):
    """We closed a connection because of what came over it, or because its peer did not read."""

    transport: str
    source: str
    why: str


@final
@dataclass(slots=True, unsafe_hash=True)
class LimitReached(Event):
    """A stated bound was met: what, how much, and what happens there."""

    what: str
    bound: int
    action: str


@final
@dataclass(slots=True, unsafe_hash=True)
class Unsafe(Event):
    """The site was told to be less safe than it could be: which option, and what that lets in.  Told once, at the start."""

    option: str
    danger: str
