"""The response context: all branches of one forwarded request, and the choice among their answers (RFC 3261 16.7)."""

from enum import IntEnum
from typing import Final, final

from .. import names
from ..build import upstream, with_lines
from ..layout import places
from ..message import Response


class Step(IntEnum):
    """What a response context asks for."""

    FORWARD = 0
    """Send these bytes with this status upstream, through the server transaction."""
    CANCEL = 1
    """Send CANCEL on this branch (as soon as it has had a provisional response)."""
    NEXT = 2
    """Start the next group of targets."""
    ANSWER = 3
    """No branch gave anything to forward: answer with this status of our own."""
    SILENT = 4
    """Give up without an answer: RFC 4320 forbids a 408 to a request that is not an INVITE."""


_FORWARD: Final = Step.FORWARD


@final
class Effect:
    """One thing that a response context asks for; which of the fields count is the step's to say."""

    __slots__ = ("branch", "data", "status", "step")

    def __init__(self, step: Step, branch: int = 0, status: int = 0, data: bytes = b"") -> None:
        self.step = step
        self.branch = branch
        self.status = status
        self.data = data

    def __repr__(self) -> str:
        return f"<{self.step.name} branch {self.branch} status {self.status}>"


# §16.7 step 6: within the 4xx class these say most about how to do better.
_TELLING: Final = (401, 407, 415, 420, 484)
_CHALLENGES: Final = (401, 407)


class ResponseContext:
    """One forwarded request: what its branches said so far, and what that means.

    Branches are numbered from 0 in the order they are started.  Every method returns the effects in the order they
    are to be carried out; none of them calls back.
    """

    __slots__ = ("_owing", "all_503", "best", "cancelled", "challenges", "done", "filtered", "groups_left", "invite")

    def __init__(self, invite: bool) -> None:
        self.invite = invite
        self._owing = 0
        """One bit for each branch that still owes an answer."""
        self.groups_left = 0
        self.done = False
        """Whether a final response went upstream; of later ones only a 2xx to an INVITE still goes."""
        self.cancelled = False
        self.best: Response | None = None
        self.challenges: list[bytes] = []
        self.filtered = 0
        """473 when a destination was refused, 408, 500, 502 or 503 for what we found ourselves; 0 when nothing was."""
        self.all_503 = True

    @property
    def pending(self) -> list[int]:
        """The branches that still owe an answer, in their order."""
        return [branch for branch in range(self._owing.bit_length()) if self._owing >> branch & 1]

    @property
    def over(self) -> bool:
        """Whether a final response went upstream and no branch owes one any more."""
        return self.done and not self._owing

    def started(self, branch: int) -> None:
        """A branch was sent and owes an answer."""
        self._owing |= 1 << branch

    def answered(self, branch: int, response: Response) -> list[Effect]:
        """A branch answered (§16.7 steps 4 to 10)."""
        status = response.status
        if status < 200:
            # §16.7 step 5: 100 stays here; others go on until a final one went.  RFC 4320 section 4.1: to a request
            # that is not an INVITE nobody sends them.  A branch that failed has nothing more to say.
            if status == 100 or self.done or not self.invite or not self._owing >> branch & 1:
                return []
            return [Effect(_FORWARD, branch, status, upstream(response))]
        known = self._settled(branch)
        if status < 300:
            return self._success(branch, response)
        if self.done or not known:
            return []
        if status in _CHALLENGES and self.withholds(branch, response):
            # As if it had not answered; another branch may still say something better.
            return self.failed(-1, 502)
        self._keep(response)
        if status >= 600:
            # §16.7 step 5: a 6xx ends the search, but the pending branches are waited for.
            self.groups_left = 0
            return self._cancel_pending() if self._owing else self._settle()
        return self._settle()

    def withholds(self, branch: int, response: Response) -> bool:
        """Whether this challenge (401, 407) must not reach the caller; for whoever knows the realms to say.  Never, here."""
        return False

    def failed(self, branch: int, status: int) -> list[Effect]:
        """A branch ended without an answer: 408 it was silent, 473 filtered, 500 or 503 it could not be sent, 502 it said nonsense."""
        if not self._settled(branch) and branch >= 0:
            return []  # it had its say
        if self.done:
            return []
        if status != 503:
            self.all_503 = False
        if status == 473 or not self.filtered:
            self.filtered = status
        return self._settle()

    def cancel(self) -> list[Effect]:
        """The caller gave up: cancel what is pending, start nothing more (§16.10)."""
        self.cancelled = True
        self.groups_left = 0
        return self._cancel_pending()

    def _settled(self, branch: int) -> bool:
        """Whether this branch owed an answer; now it owes none.  A number below 0 is no branch."""
        bit = 1 << branch if branch >= 0 else 0
        known = self._owing & bit != 0
        if known:
            self._owing ^= bit
        return known

    def _success(self, branch: int, response: Response) -> list[Effect]:
        if self.done and not self.invite:
            return []
        first = not self.done
        self.done = True
        self.groups_left = 0
        effects = [Effect(_FORWARD, branch, response.status, upstream(response))]
        if first and self._owing:
            effects += self._cancel_pending()
        return effects

    def _cancel_pending(self) -> list[Effect]:
        if not self.invite:
            return []
        return [Effect(Step.CANCEL, branch) for branch in self.pending]

    def _keep(self, response: Response) -> None:
        status = response.status
        if status in _CHALLENGES:
            lines = response.lines
            for header in (names.WWW_AUTHENTICATE, names.PROXY_AUTHENTICATE):
                for at in places(response.layout.ids, (header,)):
                    if len(self.challenges) < 32:
                        self.challenges.append(lines[at])
        if status != 503:
            self.all_503 = False
        if status == 408 and not self.invite:
            return  # RFC 4320 section 4.2: it may never go on, so any other answer is better
        if self.best is None or _rank(status) < _rank(self.best.status):
            self.best = response

    def _settle(self) -> list[Effect]:
        if self._owing:
            return []
        if self.groups_left and not self.cancelled:
            self.groups_left -= 1
            return [Effect(Step.NEXT)]
        return self._final()

    def _final(self) -> list[Effect]:
        """§16.7 step 6: choose the best response; step 7: put every challenge into it."""
        self.done = True
        best = self.best
        # A branch that was silent counts as one that answered 408 (§16.8), so it comes before a 5xx; a 473 of ours says
        # more than a 408.
        own = self.filtered
        if own == 408 and not self.invite:
            own = 0
        if best is None or (own == 473 and best.status == 408) or (0 < own < 500 <= best.status < 600):
            status = self.filtered or 408
            if self.cancelled and self.invite:
                status = 487
            if status == 408 and not self.invite:
                return [Effect(Step.SILENT)]
            return [Effect(Step.ANSWER, status=status)]
        if best.status == 503 and not self.all_503:
            return [Effect(Step.ANSWER, status=500)]
        data = upstream(best)
        if best.status in _CHALLENGES:
            there = set(best.lines)
            data = with_lines(data, [line for line in self.challenges if line not in there])
        return [Effect(_FORWARD, -1, best.status, data)]


def _rank(status: int) -> tuple[int, int, int]:
    """Smaller is better: any 6xx, then the lowest class, in the 4xx class the telling ones, then the lowest code."""
    if status >= 600:
        return (0, 0, status)
    return (status // 100, 0 if status in _TELLING else 1, status)
