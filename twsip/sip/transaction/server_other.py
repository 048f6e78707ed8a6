"""Server transaction of every request but INVITE and ACK: RFC 3261 section 17.2.2, figure 8."""

from typing import Final, final

from .words import DEFAULT_TIMERS, Act, Input, Machine, State, Table, Timers, rows_of

# RFC 6026 amends only the INVITE machines: here a transport error still ends the transaction.
# A proxy without an answer sends no 408 (RFC 4320): the engine then drops the transaction, which is no input of ours.

# fmt: off
FIGURE_8: Final[Table] = {
    # state             input                    next              and do
    (State.TRYING,     Input.REQUEST):         (State.TRYING,     ()),
    (State.TRYING,     Input.SEND_1XX):        (State.PROCEEDING, (Act.SEND,)),
    (State.TRYING,     Input.SEND_FINAL):      (State.COMPLETED,  (Act.SEND, Act.START_J)),
    (State.PROCEEDING, Input.REQUEST):         (State.PROCEEDING, (Act.RESEND,)),
    (State.PROCEEDING, Input.SEND_1XX):        (State.PROCEEDING, (Act.SEND,)),
    (State.PROCEEDING, Input.SEND_FINAL):      (State.COMPLETED,  (Act.SEND, Act.START_J)),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Act.FAIL,)),
    (State.COMPLETED,  Input.REQUEST):         (State.COMPLETED,  (Act.RESEND,)),
    (State.COMPLETED,  Input.TIMER_J):         (State.TERMINATED, ()),
    (State.COMPLETED,  Input.TRANSPORT_ERROR): (State.TERMINATED, (Act.FAIL,)),
}
# fmt: on
ROWS_8: Final = rows_of(FIGURE_8)

_TRYING: Final = State.TRYING


@final
class OtherServer(Machine):
    """One received request, neither INVITE nor ACK, and our answer to it."""

    __slots__ = ()

    def __init__(self, reliable: bool, timers: Timers = DEFAULT_TIMERS) -> None:
        self.rows = ROWS_8
        self.state = _TRYING
        self._delays = timers.stream if reliable else timers.datagram
        self._timers = timers
        self._interval = 0.0
