"""One forwarded request: its branches and the choice among their answers, carried out (RFC 3261 sections 16.6, 16.7)."""

from typing import TYPE_CHECKING, Any, Final, final

from ..api.answer import Relay
from ..api.context import RequestContext
from ..api.facts import Target
from ..sip.message import Response
from ..sip.proxy.forward import Forwarding, printed
from ..sip.proxy.response import Effect, ResponseContext, Step
from .egress import Branch
from .transactions import ServerTransaction

if TYPE_CHECKING:
    from .dispatch import Engine

_DIALOGS: Final = ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "UPDATE")


@final
class Relaying:
    """One forwarded request: the transaction user between a server transaction and its branches."""

    __slots__ = (
        "answers",
        "branches",
        "context",
        "engine",
        "filtered",
        "forwarding",
        "groups",
        "invite",
        "last_status",
        "loop_mark",
        "record_route",
        "share",
        "spare",
        "transaction",
    )

    def __init__(
        self,
        engine: "Engine",
        context: RequestContext,
        transaction: ServerTransaction,
        forwarding: Forwarding,
        relay: Relay,
        loop_mark: bytes,
    ) -> None:
        self.engine = engine
        self.context = context
        self.transaction = transaction
        self.forwarding = forwarding
        self.loop_mark = loop_mark
        self.invite = transaction.invite
        self.record_route = relay.record_route and context.method in _DIALOGS and not context.request.in_dialog
        self.filtered = False
        self.last_status = 500
        self.spare: Response | None = None
        self.branches: list[Branch] = []
        self.answers = ResponseContext(self.invite)
        self.groups: list[tuple[Target, ...]] = []
        targets = relay.targets
        self.share = forwarding.breadth
        if len(targets) == 1:
            self.groups.append(targets)
        else:
            for q in sorted({target.q for target in targets}, reverse=True):
                self.groups.append(tuple([target for target in targets if target.q == q]))
            self.share = max(1, forwarding.breadth // max([len(group) for group in self.groups]))
        self.answers.groups_left = len(self.groups)

    def begin(self) -> None:
        """Start the first group; a provisional 100 for an INVITE keeps the caller from repeating it."""
        self.transaction.user = self
        self.answers.groups_left -= 1
        self._start_group()

    def _start_group(self) -> None:
        if self.answers.cancelled:
            # Between the decision to go on and this moment the caller gave up.
            self.run(self.answers.failed(-1, 487))
            return
        # §RFC 5393: as many at once as Max-Breadth leaves; the rest of the group follows as a group of its own.
        group = self.groups.pop(0)
        most = self.forwarding.breadth
        if len(group) > most:
            self.groups.insert(0, group[most:])
            self.answers.groups_left += 1
            group = group[:most]
        answers = self.answers
        fresh = []
        for target in group:
            branch = Branch(self, len(self.branches), target)
            self.branches.append(branch)
            answers.started(branch.number)
            fresh.append(branch)
        for branch in fresh:
            branch.start()

    def message(self, target: Target, flow: Any) -> tuple[bytes, bytes]:
        """The bytes for this target over this flow, and the key of their client transaction."""
        engine = self.engine
        branch = engine.new_branch(self.loop_mark)
        via = flow.sent_by.via + branch
        records = engine.record_routes(self.context, flow) if self.record_route else []
        data = printed(self.forwarding, target.uri, target.route, via, records, self.share)
        return data, branch + b" " + self.forwarding.method

    def run(self, effects: list[Effect]) -> None:
        """Carry out what the response context asks for."""
        for effect in effects:
            step = effect.step
            if step is Step.FORWARD:
                self.transaction.respond(effect.status, effect.data)
            elif step is Step.CANCEL:
                self.branches[effect.branch].cancel()
            elif step is Step.NEXT:
                # Not from inside: a hundred groups that all fail at once would be a hundred calls deep.
                self.engine.later(self._start_group)
            elif step is Step.ANSWER:
                self.engine.outcome.answer(self.context, self.transaction, effect.status)
            else:
                self.transaction.end()
        if self.answers.done and not self.answers.pending:
            # Branches know us: if we went on knowing them, only the garbage collector could tell that all is over.
            self.branches = []

    def cancelled(self) -> None:
        """The caller sent CANCEL."""
        self.run(self.answers.cancel())
