"""Accounts and bindings: the values that stores and credential backends hand over."""

from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True)
class Account:
    """An auth id as a backend that knows the secret knows it.

    `ha1` maps an algorithm ("MD5", "SHA-256", "SHA-512-256") to H(user:realm:password) in lower-case hex, `password` is the
    clear text or None.  At least one of both is there.
    """

    auth_id: str
    realm: str
    ha1: dict[str, str]
    password: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Account({self.auth_id!r}, {self.realm!r}, secrets hidden)"


@final
class Binding:
    """One AOR to Contact entry (RFC 3261 section 10.3): a value, never changed.

    `expires` is POSIX seconds, `q` 0 to 1, `received` the way the REGISTER came as "UDP 192.0.2.1 5060", `path` the Path URIs
    joined by ", ", `instance` the +sip.instance value or "".
    """

    __slots__ = ("call_id", "contact", "cseq", "expires", "instance", "path", "q", "received", "user_agent")

    def __init__(
        self,
        contact: str,
        expires: float,
        q: float,
        call_id: str,
        cseq: int,
        received: str,
        path: str,
        user_agent: str,
        instance: str,
    ) -> None:
        self.contact = contact
        self.expires = expires
        self.q = q
        self.call_id = call_id
        self.cseq = cseq
        self.received = received
        self.path = path
        self.user_agent = user_agent
        self.instance = instance

    def __repr__(self) -> str:
        return f"Binding({self.contact!r}, expires={self.expires}, q={self.q})"
