"""Client transaction of every request but INVITE and ACK: RFC 3261 section 17.1.2, figure 6."""

from typing import Final, final

from .words import DEFAULT_TIMERS, NEVER, Act, Input, Machine, State, Table, Timers

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

_TRYING: Final = State.TRYING
_PROCEEDING: Final = State.PROCEEDING
_START_E: Final = Act.START_E
_START_F: Final = Act.START_F
_START_K: Final = Act.START_K


@final
class OtherClient(Machine):
    """One request that we send, neither INVITE nor ACK, to one destination.  Its first input is START."""

    __slots__ = ()

    def __init__(self, reliable: bool, timers: Timers = DEFAULT_TIMERS) -> None:
        self.figure = FIGURE_6
        self.state = _TRYING
        self._reliable = reliable
        self._timers = timers
        self._interval = timers.t1

    def delay(self, act: Act) -> float:
        """Seconds until the timer that this act starts; 0.0 is at once, NEVER is not at all.

        To be asked once for each START_E: the interval doubles with every asking, up to T2; PROCEEDING puts it there.
        """
        if act is _START_E:
            if self._reliable:
                return NEVER
            t2 = self._timers.t2
            interval = t2 if self.state is _PROCEEDING else self._interval
            self._interval = min(2.0 * interval, t2)
            return interval
        if act is _START_F:
            return self._timers.t1_64
        if act is _START_K:
            return 0.0 if self._reliable else self._timers.t4
        return NEVER
