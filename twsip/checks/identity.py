"""Is the caller speaking for themselves?   From (for REGISTER To as well) must be one of the caller's own AORs."""

from collections.abc import Coroutine
from typing import Any, Final, final

from twisted.internet.defer import TimeoutError, maybeDeferred
from zope.interface import classImplements

from ..api import (
    PASS,
    BackendDown,
    Caller,
    ConfigError,
    IRequestCheck,
    MarkedDialog,
    OurDialog,
    Reply,
    RequestContext,
    TrustedPeer,
    Verdict,
)
from ..api.events import AuthFailed, BackendFailed, BackendRecovered, Teller, tell_nobody
from ..api.house import House
from ..guard.identity import asks_privacy, claimed, hides
from .aors import Known, KnownCallers
from .asserted import own_aor, strip
from .causes import AUTH_USER_MISMATCH, numbers

_FROM: Final = "From"
_TO: Final = "To"
_FORBIDDEN: Final = "Forbidden auth ID"
"""OpenSER's words."""


@final
class OwnIdentity:
    """403 when an authenticated caller borrows another identity; silent when nobody was authenticated.

    What a caller asserts besides (P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID) must be their own too, and
    what was asserted by anybody but a trusted peer does not go on.  Inside a dialog that we opened From may be whatever it
    was when the dialog began.

    `check_to` looks at To of a REGISTER, `check_from` at From of everything.  A caller may be `sip:auth_id@realm`, or with
    `use_uri_table` (an IIdentities like UriTable) who the table says, and nobody else; the answer is remembered for
    `remember` seconds (0: never) for the `most_callers` latest callers, and the table has `timeout` seconds to give it.
    `anonymous` lets a caller hide in From.  Each refusal is AuthFailed with the cause AUTH_USER_MISMATCH, whose number is that
    of the family `codes`, "openser" or "kamailio".
    """

    def __init__(
        self,
        *,
        check_to: bool | int = True,
        check_from: bool | int = True,
        use_uri_table: Any = None,
        anonymous: bool | int = False,
        codes: str = "openser",
        remember: float = 60.0,
        most_callers: int = 65536,
        timeout: float = 2.0,
        retry_after: int = 5,
    ) -> None:
        if use_uri_table is not None and not hasattr(use_uri_table, "users"):
            # OpenSER's 0 and 1; only the second lacks something.
            if use_uri_table not in (0, False):
                raise ConfigError(
                    f"use_uri_table={use_uri_table!r} of OwnIdentity names no table; write use_uri_table=UriTable('twsip.db')"
                )
            use_uri_table = None
        for option, value, least in (
            ("remember", remember, 0),
            ("most_callers", most_callers, 1),
            ("timeout", timeout, 0.001),
            ("retry_after", retry_after, 1),
        ):
            if value < least:
                raise ConfigError(f"{option}={value:g} is too little for OwnIdentity; give {least:g} or more")
        self._check_to = bool(check_to)
        self._check_from = bool(check_from)
        self._anonymous = bool(anonymous)
        self._code = numbers(codes, "OwnIdentity")[AUTH_USER_MISMATCH]
        self._table = use_uri_table
        self._usual = self._check_to and self._check_from and self._table is None
        """Whether nothing was asked for that nearly every request could not be answered by at a glance."""
        self._known = KnownCallers(remember, most_callers)
        self._timeout = timeout
        self._retry_after = retry_after
        self._down = False
        self._house: Any = None
        self._tell: Teller = tell_nobody

    def attach(self, house: House) -> None:
        """Open the table, if there is one."""
        self._house = house
        self._tell = house.tell
        attach = getattr(self._table, "attach", None)
        if attach is not None:
            attach(house)

    def forget(self, realm: str, auth_id: str) -> None:
        """Forget what the table said of an account that was changed or removed."""
        self._known.forget(realm, auth_id)

    def check(self, context: RequestContext) -> Verdict | Coroutine[Any, Any, Verdict]:
        """Pass, or 403 for the first identity that is not the caller's (400 if it cannot be read), 500 without the table.

        Answers at once unless the table has to be asked.
        """
        facts = context.facts
        request = context.request
        if Caller not in facts:
            # A trusted peer's word goes on, but not about somebody who does not want it to: who else is trusted is not known here.
            if request.layout.asserts and (TrustedPeer not in facts or asks_privacy(request)):
                strip(context)
            return PASS
        # Not by get(), which is a call.
        caller: Caller = facts[Caller]  # type: ignore[assignment]
        if self._usual:
            aors = caller.aors
            if not request.layout.asserts:
                # Nearly every request ends here.
                uri = request.from_.uri
                if uri.aor in aors and (
                    request.method != "REGISTER" or request.to.uri is uri or request.to.uri.aor in aors
                ):
                    return PASS
        elif self._table is not None:
            known = self._known.find(caller, context.now)
            return self._ask(context, caller) if known is None else self._judge_known(context, known)
        return self._judge(context, caller)

    def _judge_known(self, context: RequestContext, known: Known) -> Verdict:
        verdict = self._judge(context, known.caller)
        # Whoever asks later who is calling finds the addresses-of-record of the table.
        return known.passes if verdict is PASS else verdict

    def _judge(self, context: RequestContext, caller: Caller) -> Verdict:
        request = context.request
        claims = claimed(request)
        if claims is None:
            return Reply(400, "Malformed identity", why="an asserted or preferred identity is malformed")
        register = request.method == "REGISTER"
        # Where nobody looks at From, where it is what it was, and where a caller may hide.
        any_from = (
            not self._check_from
            or (not register and (OurDialog in context.facts or MarkedDialog in context.facts))
            or (not register and self._anonymous and hides(request.from_.uri, context.site.is_local))
        )
        for claim in claims:
            header = claim.header
            if (header == _FROM and any_from) or (header == _TO and not self._check_to):
                continue
            if not own_aor(context, caller, claim.uri):
                return self._refuse(context, caller, f"{header} {claim.uri.aor}")
        if request.layout.asserts:
            strip(context)
        return PASS

    def _refuse(self, context: RequestContext, caller: Caller, claimed: str) -> Verdict:
        request = context.request
        call_id = request.call_id.decode("utf-8", "replace")
        self._tell(
            AuthFailed(
                AUTH_USER_MISMATCH,
                caller.auth_id,
                caller.realm,
                context.source,
                context.transport,
                request.method,
                call_id,
                self._code,
                claimed,
            )
        )
        return Reply(403, _FORBIDDEN, why=f"{AUTH_USER_MISMATCH}: {caller.auth_id} in {claimed}", told=True)

    async def _ask(self, context: RequestContext, caller: Caller) -> Verdict:
        forgotten = self._known.forgotten
        waiting = maybeDeferred(self._table.users, caller.realm, caller.auth_id)
        waiting.addTimeout(self._timeout, self._house.reactor)
        try:
            users = await waiting
        except BackendDown as error:
            return self._unavailable(str(error))
        except TimeoutError:
            return self._unavailable(f"no answer within {self._timeout:g} seconds")
        if not isinstance(users, (list, tuple)) or not all(isinstance(user, str) for user in users):
            return self._unavailable(f"it gave {type(users).__name__} instead of a list of users")
        if self._down:
            self._down = False
            self._tell(BackendRecovered(self._called()))
        return self._judge_known(context, self._known.keep(caller, users, context.now, forgotten))

    def _unavailable(self, error: str) -> Verdict:
        if not self._down:
            self._down = True
            self._tell(BackendFailed(self._called(), error))
        return Reply(500, "", (("Retry-After", str(self._retry_after)),), why=error)

    def _called(self) -> str:
        name = getattr(self._table, "name", "")
        return name if isinstance(name, str) and name else type(self._table).__name__


classImplements(OwnIdentity, IRequestCheck)
