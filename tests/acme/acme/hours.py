"""Calls leave the office only by day."""

from dataclasses import dataclass
from datetime import datetime, time

from twsip.api import IRequestCheck, Pass, Reply, RequestContext, Verdict
from zope.interface import implementer


@implementer(IRequestCheck)
@dataclass(frozen=True)
class OfficeHours:
    opens: time
    shuts: time

    def check(self, context: RequestContext) -> Verdict:
        if context.method != "INVITE":
            return Pass()
        now = datetime.fromtimestamp(context.now).time()
        return Pass() if self.opens <= now < self.shuts else Reply(480, "The office is closed")


def make(opens: str, shuts: str) -> OfficeHours:
    return OfficeHours(time.fromisoformat(opens), time.fromisoformat(shuts))
