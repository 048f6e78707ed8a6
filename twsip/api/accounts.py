"""Accounts and bindings: the values that stores and credential backends hand over."""

from dataclasses import dataclass, field
from typing import final

from ..sip.binding import Binding

__all__ = ["Account", "Binding"]


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
