"""Flows: where bytes come from and where they go (RFC 3261 section 18)."""

from .flows import Transports
from .names import Names
from .turns import Receiver
from .words import TCP, TLS, UDP, Listener

__all__ = ["TCP", "TLS", "UDP", "Listener", "Names", "Receiver", "Transports"]
