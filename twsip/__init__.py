"""twsip: an event-driven SIP registrar and stateful proxy for which security is the point."""

__version__ = "0.1.0"
