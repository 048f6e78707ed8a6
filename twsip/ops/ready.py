"""Telling the service manager that we are ready: the datagram of sd_notify(3), nothing more."""

import os
import socket


def systemd(state: str) -> bool:
    """Send a state ("READY=1", "STOPPING=1") to $NOTIFY_SOCKET; False when nobody asked for it or nobody listens."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
            # A leading @ stands for the zero byte of Linux's abstract namespace.
            notifier.sendto(state.encode(), "\0" + where[1:] if where[0] == "@" else where)
    except OSError:
        return False
    return True
