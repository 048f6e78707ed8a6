"""Client transaction of every request but INVITE and ACK: RFC 3261 section 17.1.2, figure 6."""

from typing import Final, final

from .words import DEFAULT_TIMERS, Act, Input, Machine, State, Table, Timers, rows_of

# A provisional response slows E down to T2 but stops neither E nor F: only INVITE may be answered late.

# fmt: off
FIGURE_6: Final[Table] = {
    # state             input                    next              and do
    (State.TRYING,     Input.START):           (State.TRYING,     (Act.SEND, Act.START_E, Act.START_F)),
    (State.TRYING,     Input.TIMER_E):         (State.TRYING,     (Act.RESEND, Act.START_E)),
    (State.TRYING,     Input.TIMER_F):         (State.TERMINATED, (Act.TIMEOUT,)),
    (State.TRYING,     Input.TRANSPORT_ERROR): (State.TERMINATED, (Act.FAIL,)),
    (State.TRYING,     Input.RECV_1XX):        (State.PROCEEDING, (Act.TO_USER,)),
    (State.TRYING,     Input.RECV_FINAL):      (State.COMPLETED,  (Act.TO_USER, Act.START_K)),
    (State.PROCEEDING, Input.TIMER_E):         (State.PROCEEDING, (Act.RESEND, Act.START_E)),
    (State.PROCEEDING, Input.TIMER_F):         (State.TERMINATED, (Act.TIMEOUT,)),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (State.TERMINATED, (Act.FAIL,)),
    (State.PROCEEDING, Input.RECV_1XX):        (State.PROCEEDING, (Act.TO_USER,)),
    (State.PROCEEDING, Input.RECV_FINAL):      (State.COMPLETED,  (Act.TO_USER, Act.START_K)),
    (State.COMPLETED,  Input.TIMER_K):         (State.TERMINATED, ()),
}
# fmt: on
ROWS_6: Final = rows_of(FIGURE_6)

_TRYING: Final = State.TRYING


@final
class OtherClient(Machine):
    """One request that we send, neither INVITE nor ACK, to one destination.  Its first input is START."""

    __slots__ = ()

    def __init__(self, reliable: bool, timers: Timers = DEFAULT_TIMERS) -> None:
        self.rows = ROWS_6
        self.state = _TRYING
        self._delays = timers.stream if reliable else timers.datagram
        self._timers = timers
        self._interval = timers.t1
