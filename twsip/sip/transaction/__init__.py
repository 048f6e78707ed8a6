"""The four transaction machines: events in, acts out, no clock and no message (RFC 3261 section 17, RFC 6026)."""

from .client_invite import FIGURE_5, InviteClient
from .client_other import FIGURE_6, OtherClient
from .server_invite import FIGURE_7, InviteServer
from .server_other import FIGURE_8, OtherServer
from .words import (
    DEFAULT_TIMERS,
    NEVER,
    Act,
    Input,
    Row,
    State,
    Table,
    Timers,
    client_input,
    server_input,
    timer_input,
)

__all__ = [
    "Act",
    "client_input",
    "DEFAULT_TIMERS",
    "FIGURE_5",
    "FIGURE_6",
    "FIGURE_7",
    "FIGURE_8",
    "Input",
    "InviteClient",
    "InviteServer",
    "NEVER",
    "OtherClient",
    "OtherServer",
    "Row",
    "server_input",
    "State",
    "Table",
    "timer_input",
    "Timers",
]
