"""The backends behind a Digest check: asked through `twisted.cred`, with a limit of time, and told of once when they are down."""

from collections.abc import Mapping
from typing import Any, Final, final

from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, TimeoutError

from ..api import BackendDown, ICaller, Pass, SealBroken, UnknownSubscriber, UsernameExpired
from ..api.events import BackendFailed, BackendRecovered
from ..api.house import House
from ..sip.digest import SIPDigest
from .causes import AUTH_ERROR, AUTH_INVALID_PASSWORD, AUTH_USER_UNKNOWN, AUTH_USERNAME_EXPIRED
from .offers import ANY_REALM, backends_of

MOST_TOLD: Final = 64
"""Of so many broken accounts each is told."""


@final
class Backends:
    """Accounts by realm, "*" for every other one; a backend has `timeout` seconds, then it is down."""

    def __init__(self, accounts: Mapping[str, Any], timeout: float) -> None:
        self._accounts = dict(accounts)
        self._timeout = timeout
        self._down: set[str] = set()
        self._broken: set[str] = set()
        self._portal: Portal | None = None
        self._house: Any = None

    def attach(self, house: House) -> None:
        """Open the backends, and the portal before them."""
        for given in self._accounts.values():
            for backend in backends_of(given):
                attach = getattr(backend, "attach", None)
                if attach is not None:
                    attach(house)
        self._portal = house.portal(self._accounts)
        self._house = house

    def of(self, realm: str) -> tuple[Any, ...]:
        """The backends that are asked for this realm; () when nobody has accounts for it."""
        given = self._accounts.get(realm, self._accounts.get(ANY_REALM))
        return () if given is None else backends_of(given)

    def all(self) -> tuple[Any, ...]:
        """All of them."""
        return tuple(backend for given in self._accounts.values() for backend in backends_of(given))

    def changed(self) -> None:
        """The operator changed an account: one that is still broken is news again."""
        self._broken.clear()

    async def login(self, realm: str, credentials: SIPDigest) -> Pass | str:
        """A Pass with the Caller, or the cause why not; AUTH_ERROR with what the operator should know behind it."""
        # twsip.cred promises ISIPDigest for SIPDigest, which mypy cannot see from here.
        provided: Any = credentials
        waiting: Deferred[Any] = self._portal.login(provided, None, ICaller)  # type: ignore[union-attr]
        waiting.addTimeout(self._timeout, self._house.reactor)
        cause = ""
        caller: Any = None
        try:
            _, caller, _ = await waiting
        except UnknownSubscriber:
            cause = AUTH_USER_UNKNOWN
        except UsernameExpired:
            cause = AUTH_USERNAME_EXPIRED
        except UnauthorizedLogin:
            cause = AUTH_INVALID_PASSWORD
        except SealBroken as error:
            self._recovered(realm)
            return self._unavailable(realm, str(error), True)
        except BackendDown as error:
            return self._unavailable(realm, str(error))
        except TimeoutError:
            return self._unavailable(realm, f"no answer within {self._timeout:g} seconds")
        self._recovered(realm)
        return cause or Pass(caller)

    def _unavailable(self, realm: str, error: str, is_one_account: bool = False) -> str:
        backend = self._called(realm)
        # Other accounts may be sound: then it is this sentence that is told once, whoever logs in meanwhile.
        told, trouble = (self._broken, error) if is_one_account else (self._down, backend)
        if trouble not in told and (not is_one_account or len(told) < MOST_TOLD):
            told.add(trouble)
            self._house.tell(BackendFailed(backend, error))
        return f"{AUTH_ERROR}: {backend}: {error}"

    def _recovered(self, realm: str) -> None:
        if self._down:
            backend = self._called(realm)
            if backend in self._down:
                self._down.discard(backend)
                self._house.tell(BackendRecovered(backend))

    def _called(self, realm: str) -> str:
        return ", ".join([getattr(backend, "name", "") or type(backend).__name__ for backend in self.of(realm)])
