"""INVITE client transaction: RFC 3261 section 17.1.1, figure 5, as amended by RFC 6026 section 7.2."""

from typing import Final, final

from .words import DEFAULT_TIMERS, Act, Input, Machine, State, Table, Timers, rows_of

# A provisional response silences A and B: in PROCEEDING they have no row.  How long the phone may ring is then for the
# user to bound (a proxy's Timer C), and a broken connection is not yet the end: the answer may come by another (§18.2.2).

# fmt: off
FIGURE_5: Final[Table] = {
    # state             input                    next              and do
    (State.CALLING,    Input.START):           (State.CALLING,    (Act.SEND, Act.START_A, Act.START_B)),
    (State.CALLING,    Input.TIMER_A):         (State.CALLING,    (Act.RESEND, Act.START_A)),
    (State.CALLING,    Input.TIMER_B):         (State.TERMINATED, (Act.TIMEOUT,)),
    (State.CALLING,    Input.TRANSPORT_ERROR): (State.TERMINATED, (Act.FAIL,)),
    (State.CALLING,    Input.RECV_1XX):        (State.PROCEEDING, (Act.TO_USER,)),
    (State.CALLING,    Input.RECV_2XX):        (State.ACCEPTED,   (Act.TO_USER, Act.START_M)),
    (State.CALLING,    Input.RECV_FINAL):      (State.COMPLETED,  (Act.SEND_ACK, Act.TO_USER, Act.START_D)),
    (State.PROCEEDING, Input.RECV_1XX):        (State.PROCEEDING, (Act.TO_USER,)),
    (State.PROCEEDING, Input.RECV_2XX):        (State.ACCEPTED,   (Act.TO_USER, Act.START_M)),
    (State.PROCEEDING, Input.RECV_FINAL):      (State.COMPLETED,  (Act.SEND_ACK, Act.TO_USER, Act.START_D)),
    (State.COMPLETED,  Input.RECV_FINAL):      (State.COMPLETED,  (Act.RESEND,)),
    (State.COMPLETED,  Input.TRANSPORT_ERROR): (State.TERMINATED, (Act.FAIL,)),
    (State.COMPLETED,  Input.TIMER_D):         (State.TERMINATED, ()),
    (State.ACCEPTED,   Input.RECV_2XX):        (State.ACCEPTED,   (Act.TO_USER,)),
    (State.ACCEPTED,   Input.TIMER_M):         (State.TERMINATED, ()),
}
# fmt: on
ROWS_5: Final = rows_of(FIGURE_5)

_CALLING: Final = State.CALLING


@final
class InviteClient(Machine):
    """One INVITE that we send, to one destination.  Its first input is START; the ACK of a 2xx is the user's."""

    __slots__ = ()

    def __init__(self, reliable: bool, timers: Timers = DEFAULT_TIMERS) -> None:
        self.rows = ROWS_5
        self.state = _CALLING
        self._delays = timers.stream if reliable else timers.datagram
        self._timers = timers
        self._interval = timers.t1
