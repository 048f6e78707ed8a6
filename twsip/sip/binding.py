"""One binding of the location service: an address-of-record's way to one contact (RFC 3261 section 10.3)."""

from typing import final


@final
class Binding:
    """One AOR to Contact entry: a value, never changed.

    `contact` is the URI as the phone wrote it, `expires` POSIX seconds (it is alive before that moment), `q` 0 to 1.
    `received` is the id of the flow that the REGISTER came on ("UDP 192.0.2.1 5060 via 0.0.0.0 5060"), `path` the Path
    URIs joined by ", ", `instance` the +sip.instance value without its quotes or "", `reg_id` RFC 5626's number or 0,
    `changed` when it was last made or refreshed.  No text holds a line end.
    """

    __slots__ = (
        "call_id",
        "changed",
        "contact",
        "cseq",
        "expires",
        "instance",
        "path",
        "q",
        "received",
        "reg_id",
        "user_agent",
    )

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
        reg_id: int = 0,
        changed: float = 0.0,
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
        self.reg_id = reg_id
        self.changed = changed

    def _fields(self) -> tuple[str, float, float, str, int, str, str, str, str, int, float]:
        return (
            self.contact,
            self.expires,
            self.q,
            self.call_id,
            self.cseq,
            self.received,
            self.path,
            self.user_agent,
            self.instance,
            self.reg_id,
            self.changed,
        )

    def __eq__(self, other: object) -> bool:
        """Whether every field is the same; whether two contacts mean the same is the registrar's question."""
        if not isinstance(other, Binding):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"Binding({self.contact!r}, expires={self.expires}, q={self.q})"
