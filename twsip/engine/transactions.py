"""Live transactions: the cellar's machines, and the carrying out of what they ask (RFC 3261 section 17)."""

from typing import TYPE_CHECKING, Final, Protocol, final

from ..api.context import Flow
from ..api.errors import TransportFailed
from ..sip.build import ack_for
from ..sip.message import Request, Response
from ..sip.transaction.client_invite import InviteClient
from ..sip.transaction.client_other import OtherClient
from ..sip.transaction.server_invite import InviteServer
from ..sip.transaction.server_other import OtherServer
from ..sip.transaction.words import Act, Input, Machine, State, Timers, client_input, server_input, timer_input

if TYPE_CHECKING:
    from .dispatch import Engine

_SEND: Final = Act.SEND
_RESEND: Final = Act.RESEND
_SEND_ACK: Final = Act.SEND_ACK
_TO_USER: Final = Act.TO_USER
_TIMEOUT: Final = Act.TIMEOUT
_START: Final = int(Act.START_A)
_REQUEST: Final = Input.REQUEST
_ACK: Final = Input.ACK
_TRANSPORT_ERROR: Final = Input.TRANSPORT_ERROR
_COMPLETED: Final = State.COMPLETED
_TERMINATED: Final = State.TERMINATED
_TIMER_INPUTS: Final = tuple(Input)


class ServerUser(Protocol):
    """Whoever answers a server transaction and wants to know when the caller gives up."""

    def cancelled(self) -> None:
        """A CANCEL came for it."""


class ClientUser(Protocol):
    """Whoever sent a request and waits for what comes of it."""

    def responded(self, response: Response) -> None:
        """A response that the machine hands up."""

    def gave_up(self, timed_out: bool, why: str) -> None:
        """No final response will come: it timed out, or the transport failed."""


class Transaction:
    """What both sides share: a machine, the flow, the message kept for repeats, and the running timers."""

    __slots__ = ("engine", "flow", "kept", "key", "machine", "running")

    machine: Machine

    def __init__(self, engine: "Engine", key: bytes, flow: Flow) -> None:
        self.engine = engine
        self.key = key
        self.flow = flow
        self.kept = b""
        self.running: tuple[int, ...] = ()
        """The running timers, at most two, each as one number: slot * 32 + which.  There are many of us: every byte counts."""

    def feed(self, event: Input, data: bytes = b"", response: Response | None = None) -> bool:
        """Give the machine one input and carry out what it asks; True when the message was handed to the user."""
        handed = False
        machine = self.machine
        before = machine.state
        acts = machine.on(event)
        if self.running and machine.state is not before and machine.state >= _COMPLETED:
            # What ran out in the state before means nothing in this one: do not wait 32 s to find that out.
            self.stop_timers()
        for act in acts:
            if act >= _START:
                self._start(act)
            elif act is _SEND:
                self.kept = data
                handed = self._send(data) or handed
            elif act is _RESEND:
                if self.kept:
                    self._send(self.kept)
            elif act is _TO_USER:
                handed = True
                if response is not None:
                    self.to_user(response)
            elif act is _SEND_ACK:
                assert response is not None
                self.kept = ack_for(self.kept, response)
                self._send(self.kept)
            else:
                self.lost(act is _TIMEOUT)
        if machine.state is _TERMINATED:
            self.end()
        return handed

    def _send(self, data: bytes) -> bool:
        try:
            self.flow.send(data)
        except TransportFailed:
            # After the rows of this input are done, not inside them: a machine is never entered twice.
            self.engine.later(self.transport_failed)
        return False

    def _start(self, act: Act) -> None:
        delay = self.machine.delay(act)
        if delay > 0.0:
            which = int(timer_input(act))
            self.running += (self.engine.wheel.start(self, which, delay) << 5 | which,)
        elif delay == 0.0:
            self.feed(timer_input(act))

    def timer(self, which: int) -> None:
        """One of its timers has run out."""
        self.running = tuple([one for one in self.running if one & 31 != which])
        self.feed(_TIMER_INPUTS[which])

    def transport_failed(self) -> None:
        """The flow cannot carry its messages."""
        self.feed(_TRANSPORT_ERROR)

    def stop_timers(self) -> None:
        """Leave nothing in the wheel."""
        for one in self.running:
            self.engine.wheel.stop(self, one & 31, one >> 5)
        self.running = ()

    def to_user(self, response: Response) -> None:
        """The machine hands a response up."""

    def lost(self, timed_out: bool) -> None:
        """The machine gave up: nobody answered, or the transport failed."""

    def end(self) -> None:
        """The machine is at its end: leave the table and the wheel."""
        self.stop_timers()


@final
class ServerTransaction(Transaction):
    """A request that somebody sent us: repeats of it get the same answer, and CANCEL finds its user."""

    __slots__ = ("abandoned", "invite", "user")

    def __init__(self, engine: "Engine", key: bytes, flow: Flow, request: Request, timers: Timers) -> None:
        super().__init__(engine, key, flow)
        self.invite = request.method == "INVITE"
        self.user: ServerUser | None = None
        self.abandoned = False
        """Cancelled before anything was decided: 487 went out, and whatever is decided later is not done."""
        self.machine = InviteServer(flow.reliable, timers) if self.invite else OtherServer(flow.reliable, timers)

    def respond(self, status: int, data: bytes) -> None:
        """Send a response through the machine."""
        self.feed(server_input(status, self.invite), data)
        if status >= 200:
            # From here on it only repeats itself: what it was made from need not wait for the last timer.
            self.user = None

    def again(self) -> None:
        """The request came once more."""
        self.feed(_REQUEST)

    def acknowledged(self) -> bool:
        """An ACK came; True when it is for a 2xx and therefore the user's business."""
        return self.feed(_ACK)

    def lost(self, timed_out: bool) -> None:
        """No ACK came, or our answer could not be sent: nobody is left to tell but the operator's counters."""
        self.engine.count("server_transactions_lost")

    def end(self) -> None:
        self.stop_timers()
        self.user = None
        self.engine.table.servers.pop(self.key, None)


@final
class ClientTransaction(Transaction):
    """A request that we sent."""

    __slots__ = ("invite", "sent", "user")

    def __init__(
        self, engine: "Engine", key: bytes, flow: Flow, invite: bool, user: ClientUser | None, timers: Timers
    ) -> None:
        super().__init__(engine, key, flow)
        self.invite = invite
        self.user = user
        self.sent = b""
        self.machine = InviteClient(flow.reliable, timers) if invite else OtherClient(flow.reliable, timers)

    def start(self, data: bytes) -> None:
        """Send the request."""
        self.sent = data
        self.feed(Input.START, data)

    def received(self, response: Response) -> None:
        """A response with our branch came from where the request went."""
        self.feed(client_input(response.status, self.invite), b"", response)
        if response.status >= 300 or (response.status >= 200 and not self.invite):
            self.user = None
            self.sent = b""

    def to_user(self, response: Response) -> None:
        if self.user is not None:
            self.user.responded(response)

    def lost(self, timed_out: bool) -> None:
        user = self.user
        if user is not None:
            self.engine.later(lambda: user.gave_up(timed_out, "no answer" if timed_out else "transport error"))

    def end(self) -> None:
        self.stop_timers()
        self.engine.table.client_ended(self)
        self.user = None
        self.sent = b""
