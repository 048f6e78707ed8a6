"""What the transaction machines share: states, inputs, acts and timer values (RFC 3261 section 17, RFC 6026)."""

from enum import IntEnum
from typing import Final, final


class State(IntEnum):
    """Where a transaction is; each machine uses some of these."""

    CALLING = 0
    TRYING = 1
    PROCEEDING = 2
    COMPLETED = 3
    CONFIRMED = 4
    ACCEPTED = 5
    TERMINATED = 6


class Input(IntEnum):
    """What happens to a transaction."""

    START = 0
    """Client: send the request.  Given once, before anything else."""
    REQUEST = 1
    """Server: the request arrived again."""
    ACK = 2
    """Server INVITE: an ACK for our answer arrived."""
    SEND_1XX = 3
    SEND_2XX = 4
    """Server INVITE: the user answers 2xx."""
    SEND_FINAL = 5
    """Server: the user answers 3xx to 6xx, or, when the request is no INVITE, any final response."""
    RECV_1XX = 6
    RECV_2XX = 7
    """Client INVITE: a 2xx arrived."""
    RECV_FINAL = 8
    """Client: a 3xx to 6xx arrived, or, when the request is no INVITE, any final response."""
    TRANSPORT_ERROR = 9
    TIMER_A = 10
    TIMER_B = 11
    TIMER_D = 12
    TIMER_E = 13
    TIMER_F = 14
    TIMER_G = 15
    TIMER_H = 16
    TIMER_I = 17
    TIMER_J = 18
    TIMER_K = 19
    TIMER_L = 20
    TIMER_M = 21


class Act(IntEnum):
    """What a machine asks for.  The acts of one row are carried out in their order; timers come last."""

    SEND = 0
    """Transmit the message that came with the input, and keep it in place of any kept before."""
    RESEND = 1
    """Transmit the kept message again; nothing, when none was kept yet."""
    SEND_ACK = 2
    """Acknowledge the response that came with the input; the ACK is kept in place of the INVITE (§17.1.1.3)."""
    TO_USER = 3
    """Hand the message that came with the input to the transaction user."""
    TIMEOUT = 4
    """Tell the user that nobody answered in time (B, F: act as on a 408), or that no ACK came (H)."""
    FAIL = 5
    """Tell the user that the transport could not carry the message."""
    START_A = 6
    START_B = 7
    START_D = 8
    START_E = 9
    START_F = 10
    START_G = 11
    START_H = 12
    START_I = 13
    START_J = 14
    START_K = 15
    START_L = 16
    START_M = 17


Row = tuple[State, tuple[Act, ...]]
Table = dict[tuple[State, Input], Row]
"""A figure as it is written down."""
Turn = tuple[State, tuple[Act, ...], tuple[Act, ...], tuple[Act, ...]]
"""A row as it is carried out: the next state, all acts, those that start no timer, those that do."""
Rows = dict[State, dict[Input, Turn]]
"""A figure as it is asked: every state is there."""

NEVER: Final = -1.0
"""The delay of a timer that is not to be started."""

LEAST_D: Final = 32.0
"""Timer D waits for a server whose T1 we do not know, so ours may lengthen it but not shorten it (§17.1.1.2)."""

_FIRES: Final[dict[Act, Input]] = {
    Act.START_A: Input.TIMER_A,
    Act.START_B: Input.TIMER_B,
    Act.START_D: Input.TIMER_D,
    Act.START_E: Input.TIMER_E,
    Act.START_F: Input.TIMER_F,
    Act.START_G: Input.TIMER_G,
    Act.START_H: Input.TIMER_H,
    Act.START_I: Input.TIMER_I,
    Act.START_J: Input.TIMER_J,
    Act.START_K: Input.TIMER_K,
    Act.START_L: Input.TIMER_L,
    Act.START_M: Input.TIMER_M,
}

# Members by a short way: before Python 3.12 a member looked up on its class costs ten times a global.
_SEND_1XX: Final = Input.SEND_1XX
_SEND_2XX: Final = Input.SEND_2XX
_SEND_FINAL: Final = Input.SEND_FINAL
_RECV_1XX: Final = Input.RECV_1XX
_RECV_2XX: Final = Input.RECV_2XX
_RECV_FINAL: Final = Input.RECV_FINAL
_PROCEEDING: Final = State.PROCEEDING
_TERMINATED: Final = State.TERMINATED
_START_A: Final = Act.START_A
_START_E: Final = Act.START_E
_WHOLE: Final = (Act.START_F, Act.START_B, Act.START_H, Act.START_L, Act.START_M)
"""The acts that start a timer of 64 * T1, over a stream too."""
_WAITING: Final = (Act.START_D, Act.START_I, Act.START_J, Act.START_K)
"""The acts that start a timer only to wait for repeats."""


@final
class Timers:
    """T1, T2 and T4 of a site in seconds (RFC 3261 table 4), and what follows from them.  Not to be changed once made.

    `datagram` and `stream` are the seconds of every timer whose length never varies, by the act that starts it; what starts
    none is NEVER there.  A, E and G over datagrams vary.  ValueError when T1, T2 or T4 is not a positive, finite number: a
    T1 of zero would retransmit without end.
    """

    __slots__ = ("d", "datagram", "stream", "t1", "t1_64", "t2", "t4")

    def __init__(self, t1: float = 0.5, t2: float = 4.0, t4: float = 5.0) -> None:
        for value in (t1, t2, t4):
            if not 0.0 < value < float("inf"):
                raise ValueError("T1, T2 and T4 are positive numbers of seconds")
        self.t1: Final = t1
        self.t2: Final = t2
        self.t4: Final = t4
        self.t1_64: Final = 64.0 * t1
        self.d: Final = max(LEAST_D, 64.0 * t1)
        always = dict.fromkeys(Act, NEVER)
        always.update(dict.fromkeys(_WHOLE, self.t1_64))
        # A stream repeats nothing and waits for no repeats.
        stream = {**always, **dict.fromkeys(_WAITING, 0.0)}
        datagram = {**always, **dict.fromkeys(_WAITING, t4)}
        datagram[Act.START_D] = self.d
        datagram[Act.START_J] = self.t1_64
        for repeats in (Act.START_A, Act.START_E, Act.START_G):
            del datagram[repeats]
        self.datagram: Final = datagram
        self.stream: Final = stream

    def __repr__(self) -> str:
        return f"Timers(t1={self.t1}, t2={self.t2}, t4={self.t4})"


DEFAULT_TIMERS: Final = Timers()


def rows_of(figure: Table) -> Rows:
    """The figure in the form that a machine asks."""
    rows: Rows = {state: {} for state in State}
    for (state, event), (following, acts) in figure.items():
        timers = tuple([act for act in acts if act >= Act.START_A])
        rows[state][event] = following, acts, acts[: len(acts) - len(timers)], timers
    return rows


class Machine:
    """What the four figures have in common: where it is, a table that says how it goes on, and how long its timers are.

    Each figure sets all of it when it is made: a call of this class's own constructor would cost as much again.
    """

    __slots__ = ("_delays", "_interval", "_timers", "rows", "state")

    rows: Rows
    state: State
    _delays: dict[Act, float]
    _interval: float
    _timers: Timers

    @property
    def ended(self) -> bool:
        """Whether the transaction is over and may be forgotten."""
        return self.state is _TERMINATED

    def on(self, event: Input) -> tuple[Act, ...]:
        """Take one event; return what must be done, in order.  An event with no row is ignored."""
        row = self.rows[self.state].get(event)
        if row is None:
            return ()
        self.state = row[0]
        return row[1]

    def delay(self, act: Act) -> float:
        """Seconds until the timer that this act starts; 0.0 is at once, NEVER is not at all (section 17, table 4).

        To be asked once for each START_A, START_E and START_G: their interval doubles with every asking, that of E and G
        up to T2.  PROCEEDING puts E at T2 (section 17.1.2.2).  A stream repeats nothing and waits for no repeats.
        """
        delay = self._delays.get(act)
        if delay is not None:
            return delay
        interval = self._interval
        if act is _START_A:
            self._interval = 2.0 * interval
            return interval
        t2 = self._timers.t2
        if act is _START_E and self.state is _PROCEEDING:
            interval = t2
        self._interval = min(2.0 * interval, t2)
        return interval


def server_input(status: int, invite: bool) -> Input:
    """The input that sending a response of this status is to a server transaction."""
    if status < 200:
        return _SEND_1XX
    return _SEND_2XX if invite and status < 300 else _SEND_FINAL


def client_input(status: int, invite: bool) -> Input:
    """The input that a received response of this status is to a client transaction."""
    if status < 200:
        return _RECV_1XX
    return _RECV_2XX if invite and status < 300 else _RECV_FINAL


def timer_input(act: Act) -> Input:
    """The input that comes when the timer started by this act fires.  KeyError for an act that starts none."""
    return _FIRES[act]
