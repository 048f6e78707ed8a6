"""INVITE server transaction: RFC 3261 section 17.2.1, figure 7, as amended by RFC 6026 section 7.1."""

from typing import Final, final

from .words import DEFAULT_TIMERS, Act, Input, Machine, State, Table, Timers, rows_of

# A transport error ends nothing here (RFC 6026): the user hears of it, and the transaction stays to absorb the INVITE's
# repeats, so that they cannot pass for new calls.  Timer H or L, or the user's answer, brings it to its end.

# fmt: off
FIGURE_7: Final[Table] = {
    # state             input                    next              and do
    (State.PROCEEDING, Input.REQUEST):         (State.PROCEEDING, (Act.RESEND,)),
    (State.PROCEEDING, Input.SEND_1XX):        (State.PROCEEDING, (Act.SEND,)),
    (State.PROCEEDING, Input.SEND_2XX):        (State.ACCEPTED,   (Act.SEND, Act.START_L)),
    (State.PROCEEDING, Input.SEND_FINAL):      (State.COMPLETED,  (Act.SEND, Act.START_G, Act.START_H)),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.PROCEEDING, (Act.FAIL,)),
    (State.COMPLETED,  Input.REQUEST):         (State.COMPLETED,  (Act.RESEND,)),
    (State.COMPLETED,  Input.ACK):             (State.CONFIRMED,  (Act.START_I,)),
    (State.COMPLETED,  Input.TIMER_G):         (State.COMPLETED,  (Act.RESEND, Act.START_G)),
    (State.COMPLETED,  Input.TIMER_H):         (State.TERMINATED, (Act.TIMEOUT,)),
    (State.COMPLETED,  Input.TRANSPORT_ERROR): (State.COMPLETED,  (Act.FAIL,)),
    (State.CONFIRMED,  Input.TIMER_I):         (State.TERMINATED, ()),
    (State.ACCEPTED,   Input.REQUEST):         (State.ACCEPTED,   ()),
    (State.ACCEPTED,   Input.ACK):             (State.ACCEPTED,   (Act.TO_USER,)),
    (State.ACCEPTED,   Input.SEND_2XX):        (State.ACCEPTED,   (Act.SEND,)),
    (State.ACCEPTED,   Input.TRANSPORT_ERROR): (State.ACCEPTED,   (Act.FAIL,)),
    (State.ACCEPTED,   Input.TIMER_L):         (State.TERMINATED, ()),
}
# fmt: on
ROWS_7: Final = rows_of(FIGURE_7)

_PROCEEDING: Final = State.PROCEEDING


@final
class InviteServer(Machine):
    """One received INVITE and our answers to it.  The 100 within 200 ms is the user's to send."""

    __slots__ = ()

    def __init__(self, reliable: bool, timers: Timers = DEFAULT_TIMERS) -> None:
        self.rows = ROWS_7
        self.state = _PROCEEDING
        self._delays = timers.stream if reliable else timers.datagram
        self._timers = timers
        self._interval = timers.t1
