"""SIP as pure values and small machines: no clock, no dice, no sockets (RFC 3261 and its family)."""
