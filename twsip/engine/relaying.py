"""One forwarded request: its branches and the choice among their answers, carried out (RFC 3261 sections 16.6, 16.7)."""

from typing import TYPE_CHECKING, Any, Final, final

from ..api.answer import Relay
from ..api.context import Domains, RequestContext
from ..api.events import Refused
from ..api.facts import Target
from ..sip import names
from ..sip.fields.challenge import asks_for
from ..sip.message import Response
from ..sip.proxy.forward import Forwarding, printed
from ..sip.proxy.response import Effect, ResponseContext, Step
from .egress import Branch
from .transactions import ServerTransaction

if TYPE_CHECKING:
    from .dispatch import Engine

_FORWARD: Final = Step.FORWARD
_CANCEL: Final = Step.CANCEL
_NEXT: Final = Step.NEXT
_ANSWER: Final = Step.ANSWER
_DIALOGS: Final = ("INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "UPDATE")


@final
class Relaying(ResponseContext):
    """One forwarded request: the transaction user between a server transaction and its branches."""

    __slots__ = (
        "blocked",
        "branches",
        "context",
        "engine",
        "forwarding",
        "groups",
        "last_status",
        "loop_mark",
        "record_route",
        "share",
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
        ResponseContext.__init__(self, transaction.invite)
        self.engine = engine
        self.context: RequestContext | None = context
        """The request; None when nothing more can come of it."""
        self.transaction = transaction
        self.forwarding: Forwarding | None = forwarding
        self.loop_mark = loop_mark
        self.record_route = relay.record_route and context.request.method in _DIALOGS and not context.request.in_dialog
        self.blocked = False
        """Whether a destination check refused one."""
        self.last_status = 500
        self.branches: list[Branch] = []
        targets = relay.targets
        self.share = forwarding.breadth
        self.groups: list[tuple[Target, ...]] = [targets]
        if len(targets) > 1:
            self.groups = [
                tuple([target for target in targets if target.q == q])
                for q in sorted({target.q for target in targets}, reverse=True)
            ]
            self.share = max(1, forwarding.breadth // max([len(group) for group in self.groups]))
        self.groups_left = len(self.groups)

    def begin(self) -> None:
        """Start the first group."""
        self.transaction.user = self
        self.groups_left -= 1
        self._start_group()

    def _start_group(self) -> None:
        if self.done:
            return
        if self.cancelled:
            # Between the decision to go on and this moment the caller gave up.
            self.run(self.failed(-1, 487))
            return
        # §RFC 5393: as many at once as Max-Breadth leaves; the rest of the group follows as a group of its own.
        group = self.groups.pop(0)
        most = self.share if self.forwarding is None else self.forwarding.breadth
        if len(group) > most:
            self.groups.insert(0, group[most:])
            self.groups_left += 1
            group = group[:most]
        if len(group) == 1:
            self._add(group[0]).start()
            return
        # All of them owe an answer before the first one can fail.
        for branch in [self._add(target) for target in group]:
            branch.start()

    def _add(self, target: Target) -> Branch:
        number = len(self.branches)
        branch = Branch(self, number, target)
        self.branches.append(branch)
        self.started(number)
        return branch

    def message(self, target: Target, flow: Any) -> tuple[bytes, bytes]:
        """The bytes for this target over this flow, and the key of their client transaction."""
        engine, forwarding, context = self.engine, self.forwarding, self.context
        assert forwarding is not None and context is not None
        branch = engine.new_branch(self.loop_mark)
        via = flow.sent_by.via + branch
        records = engine.record_routes(context, flow) if self.record_route else []
        if context.edits is not None:
            records = records + context.edits.lines_for(flow.host)
        data = printed(forwarding, target.uri, target.route, via, records, self.share)
        return data, branch + b" " + forwarding.method

    def withholds(self, branch: int, response: Response) -> bool:
        """A challenge for a realm of ours would make the caller's phone compute a digest for whoever sent it: not passed on."""
        context = self.context
        assert context is not None
        relay = context.facts.get(Relay)
        if relay is not None and relay.block401407:
            why = "challenges are blocked"
        elif _asks_for_ours(response, self.engine.domains):
            why = "a challenge for a realm of ours"
        else:
            return False
        destination = self.branches[branch].destination
        where = "" if destination is None else f"{destination.transport} {destination.host} {destination.port}"
        self.engine.tell(
            Refused(
                check="challenge",
                verdict="Reply",
                status=502,
                why=f"{response.status} of {where}: {why}",
                source=context.flow.host,
                transport=context.flow.transport,
                method=context.method,
                call_id=context.request.call_id.decode("utf-8", "replace"),
            )
        )
        return True

    def run(self, effects: list[Effect]) -> None:
        """Carry out what the response context asks for."""
        for effect in effects:
            step = effect.step
            if step is _FORWARD:
                self.transaction.respond(effect.status, effect.data)
            elif step is _CANCEL:
                self.branches[effect.branch].cancel()
            elif step is _NEXT:
                # Not from inside: a hundred groups that all fail at once would be a hundred calls deep.
                self.engine.later(self._start_group)
            elif step is _ANSWER:
                assert self.context is not None
                self.engine.outcome.answer(self.context, self.transaction, effect.status)
            else:
                self.transaction.end()
        if self.over and self.branches:
            # Branches know us: if we went on knowing them, only the garbage collector could tell that all is over.
            self.branches = []
            # A 2xx may come again for half a minute and needs no more than the way back: the request itself may go.
            self.context = None
            self.forwarding = None

    def given_up(self) -> None:
        """The caller sent CANCEL."""
        self.run(self.cancel())


def _asks_for_ours(response: Response, site: Domains) -> bool:
    realms = frozenset([site.realm_for(domain).lower().encode() for domain in site.domains])
    for header in (names.WWW_AUTHENTICATE, names.PROXY_AUTHENTICATE):
        for value in response.values(header):
            if asks_for(value, realms):
                return True
    return False
