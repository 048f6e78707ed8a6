"""Live transactions: the cellar's machines, and the carrying out of what they ask (RFC 3261 section 17)."""

from typing import TYPE_CHECKING, Any, Final, Protocol, final

from ..api.context import Flow
from ..api.errors import TransportFailed
from ..sip.build import ack_for
from ..sip.message import Request, Response
from ..sip.transaction.client_invite import ROWS_5
from ..sip.transaction.client_other import ROWS_6
from ..sip.transaction.server_invite import ROWS_7
from ..sip.transaction.server_other import ROWS_8
from ..sip.transaction.words import Act, Input, Machine, State, client_input, server_input

if TYPE_CHECKING:
    from .dispatch import Engine

_SEND: Final = Act.SEND
_RESEND: Final = Act.RESEND
_SEND_ACK: Final = Act.SEND_ACK
_TO_USER: Final = Act.TO_USER
_TIMEOUT: Final = Act.TIMEOUT
_START_B: Final = Act.START_B
_START_F: Final = Act.START_F
_START_H: Final = Act.START_H
_START_K: Final = Act.START_K
_START: Final = Input.START
_REQUEST: Final = Input.REQUEST
_ACK: Final = Input.ACK
_TRANSPORT_ERROR: Final = Input.TRANSPORT_ERROR
_CALLING: Final = State.CALLING
_TRYING: Final = State.TRYING
_PROCEEDING: Final = State.PROCEEDING
_COMPLETED: Final = State.COMPLETED
_ACCEPTED: Final = State.ACCEPTED
_TERMINATED: Final = State.TERMINATED
_INPUTS: Final = tuple(Input)
_FIRES: Final = int(Input.TIMER_A) - int(Act.START_A)
"""The timers stand in the same order among acts and inputs, so far apart."""


class ServerUser(Protocol):
    """Whoever answers a server transaction and wants to know when the caller gives up."""

    def given_up(self) -> None:
        """A CANCEL came for it."""


class ClientUser(Protocol):
    """Whoever sent a request and waits for what comes of it."""

    def responded(self, response: Response) -> None:
        """A response that the machine hands up."""

    def gave_up(self, timed_out: bool, why: str) -> None:
        """No final response will come: it timed out, or the transport failed."""


class Transaction(Machine):
    """A machine with the flow, the message kept for repeats, and the running timers.  There are many of us: every byte counts.

    A timer is one number, slot * 32 + which.  The one that runs out first is in the wheel; the other one, if there are two (E
    and F), waits behind it: most requests are answered before either.
    """

    __slots__ = ("behind", "engine", "first", "flow", "invite", "kept", "key", "user")

    engine: "Engine"
    key: bytes
    flow: Flow
    invite: bool
    kept: bytes
    first: int
    behind: int
    user: Any
    """Who is to know: a ServerUser or a ClientUser, None when nobody is."""

    def feed(self, event: Input, data: bytes = b"", response: Response | None = None) -> bool:
        """Give the machine one input and carry out what it asks; True when the message was handed to the user."""
        row = self.rows[self.state].get(event)
        if row is None:
            return False
        handed = False
        state, _, acts, timers = row
        if state is not self.state:
            self.state = state
            if self.first and (state >= _COMPLETED or self.invite):
                # What ran out in the state before means nothing in this one: do not wait 32 s to find that out.
                self.stop_timers()
        for act in acts:
            if act is _SEND:
                self.kept = data
                try:
                    self.flow.send(data)
                except TransportFailed:
                    self.engine.later(self.transport_failed)
            elif act is _TO_USER:
                handed = True
                user = self.user
                if response is not None and user is not None:
                    user.responded(response)
            elif act is _RESEND:
                if self.kept:
                    self._send(self.kept)
            elif act is _SEND_ACK:
                assert response is not None
                self.kept = ack_for(self.kept, response)
                self._send(self.kept)
            else:
                self.lost(act is _TIMEOUT)
        for act in timers:
            if act is _START_K:
                # Nothing is kept of it that could be asked for once more: its repeats would end here (§17.1.2.2), and
                # responses that belong to nobody end just so.
                self.state = _TERMINATED
            else:
                self._start(act)
        if self.state is _TERMINATED:
            self.end()
        return handed

    def _send(self, data: bytes) -> None:
        try:
            self.flow.send(data)
        except TransportFailed:
            # After the rows of this input are done, not inside them: a machine is never entered twice.
            self.engine.later(self.transport_failed)

    def _start(self, act: Act) -> None:
        engine = self.engine
        first = self.first
        if first and (act is _START_F or act is _START_B or act is _START_H):
            # E, A or G was started just now to run out after T1: so no clock is needed for the one that stops it.
            self.behind = ((first >> 5) + engine.apart) << 5 | act + _FIRES
            return
        delay = self.delay(act)
        if delay > 0.0:
            which = act + _FIRES
            slot = engine.wheel.slot_in(delay)
            if first or self.behind:
                self._wait(slot << 5 | which)
            else:
                self.first = slot << 5 | which
                engine.wheel.put(self, which, slot)
        elif delay == 0.0:
            self.feed(_INPUTS[act + _FIRES])

    def _wait(self, timer: int) -> None:
        """Let this timer run, or the one that waits behind if that is due before."""
        first = self.first
        if first:
            if timer >= first:
                self.behind = timer
                return
            self.engine.wheel.stop(self, first & 31, first >> 5)
            self.behind = first
        elif 0 < self.behind < timer:
            timer, self.behind = self.behind, timer
        self.first = timer
        self.engine.wheel.put(self, timer & 31, timer >> 5)

    def timer(self, which: int) -> None:
        """The first of its timers has run out."""
        self.first = 0
        self.feed(_INPUTS[which])
        if self.behind and not self.first:
            behind = self.behind
            self.behind = 0
            self._wait(behind)

    def transport_failed(self) -> None:
        """The flow cannot carry its messages."""
        self.feed(_TRANSPORT_ERROR)

    def stop_timers(self) -> None:
        """Leave nothing in the wheel."""
        first = self.first
        if first:
            self.engine.wheel.stop(self, first & 31, first >> 5)
            self.first = 0
        self.behind = 0

    def lost(self, timed_out: bool) -> None:
        """The machine gave up: nobody answered, or the transport failed."""

    def end(self) -> None:
        """The machine is at its end: leave the table and the wheel."""


@final
class ServerTransaction(Transaction):
    """A request that somebody sent us: repeats of it get the same answer, and CANCEL finds its user."""

    __slots__ = ("abandoned", "shelved")

    def __init__(self, engine: "Engine", key: bytes, flow: Flow, request: Request) -> None:
        # Set here and not by super(): one call less for every transaction.
        self.engine = engine
        self.key = key
        self.flow = flow
        self.kept = b""
        self.first = 0
        self.behind = 0
        timers = engine.timers
        self._delays = timers.stream if flow.reliable else timers.datagram
        self._timers = timers
        self._interval = timers.t1
        self.user = None
        self.shelved = 0
        """Where its final answer lies once it only waits for repeats."""
        self.abandoned = False
        """Cancelled before anything was decided: 487 went out, and whatever is decided later is not done."""
        if request.method == "INVITE":
            self.invite = True
            self.rows = ROWS_7
            self.state = _PROCEEDING
        else:
            self.invite = False
            self.rows = ROWS_8
            self.state = _TRYING

    def respond(self, status: int, data: bytes) -> None:
        """Send a response through the machine."""
        self.feed(server_input(status, self.invite), data)
        if status >= 200:
            # From here on it only repeats itself: what it was made from need not wait for the last timer.
            self.user = None
            if self.state is _ACCEPTED:
                # And a 2xx to an INVITE is repeated by whoever gave it (RFC 6026 section 7.1).
                self.kept = b""

    def shelve(self) -> None:
        """Put its final answer where many of them take little room, if there is such room; nothing else changes."""
        if self.state is _COMPLETED and not self.shelved:
            try:
                self.shelved = self.engine.shelf.put(self.kept)
            except (OSError, ValueError):
                # Where it is it takes more room, and is repeated just so.
                return
            self.kept = b""

    def again(self) -> None:
        """The request came once more."""
        if self.shelved:
            self.kept = self.engine.shelf.get(self.shelved)
            self.feed(_REQUEST)
            self.kept = b""
        else:
            self.feed(_REQUEST)

    def acknowledged(self) -> bool:
        """An ACK came; True when it is for a 2xx and therefore the user's business."""
        return self.feed(_ACK)

    def lost(self, timed_out: bool) -> None:
        """No ACK came, or our answer could not be sent: nobody is left to tell but the operator's counters."""
        self.engine.count("server_transactions_lost")

    def end(self) -> None:
        """Leave the table and the wheel."""
        if self.first or self.behind:
            self.stop_timers()
        self.user = None
        if self.shelved:
            self.engine.shelf.drop(self.shelved)
            self.shelved = 0
        self.engine.table.servers.pop(self.key, None)


@final
class ClientTransaction(Transaction):
    """A request that we sent; `kept` is what was sent, later the ACK of its refusal."""

    __slots__ = ()

    def __init__(self, engine: "Engine", key: bytes, flow: Flow, invite: bool, user: ClientUser | None) -> None:
        self.engine = engine
        self.key = key
        self.flow = flow
        self.invite = invite
        self.user = user
        self.kept = b""
        self.first = 0
        self.behind = 0
        timers = engine.timers
        self._delays = timers.stream if flow.reliable else timers.datagram
        self._timers = timers
        self._interval = timers.t1
        if invite:
            self.rows = ROWS_5
            self.state = _CALLING
        else:
            self.rows = ROWS_6
            self.state = _TRYING

    @property
    def open(self) -> bool:
        """Whether no final response came yet."""
        return self.state < _COMPLETED

    def start(self, data: bytes) -> None:
        """Send the request."""
        self.feed(_START, data)

    def received(self, response: Response) -> None:
        """A response with our branch came from where the request went."""
        status = response.status
        self.feed(client_input(status, self.invite), b"", response)
        if status >= 200:
            if self.state is _ACCEPTED:
                # Its 2xx may come again and goes on each time; the request is sent no more.
                self.kept = b""
            else:
                self.user = None

    def lost(self, timed_out: bool) -> None:
        """Tell whoever sent the request."""
        user = self.user
        if user is not None:
            self.engine.later(lambda: user.gave_up(timed_out, "no answer" if timed_out else "transport error"))

    def end(self) -> None:
        """Leave the table and the wheel."""
        if self.first or self.behind:
            self.stop_timers()
        self.engine.table.client_ended(self)
        self.user = None
        self.kept = b""
