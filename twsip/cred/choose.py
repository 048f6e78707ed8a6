"""Several backends side by side: by realm, then in order, because a cred Portal keeps one checker an interface."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..api import ConfigError, ISIPDigest, UnknownSubscriber
from .digest import AccountsChecker, CallerRealm, provides_accounts

ANY_REALM = "*"


@final
@implementer(ICredentialsChecker)
class ByRealm:
    """Asks the backends of the credentials' realm in their order, until one knows the subscriber.

    A backend that is down ends the search: what it would have said is not known, and a later one must not answer for it.
    """

    credentialInterfaces = (ISIPDigest,)

    def __init__(self, accounts: Mapping[str, Any]) -> None:
        """A backend or a list of them by realm, "*" for every other realm.  Raises ConfigError for what is no backend."""
        self._checkers: dict[str, tuple[Any, ...]] = {}
        for realm, given in accounts.items():
            backends = tuple(given) if isinstance(given, list | tuple) else (given,)
            if not backends:
                raise ConfigError(f"the realm {realm!r} has an empty list of accounts; give it a backend or remove it")
            self._checkers[realm] = tuple(_checker(realm, backend) for backend in backends)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """The Account, from the first backend that knows it."""
        checkers = self._checkers.get(credentials.realm) or self._checkers.get(ANY_REALM) or ()
        if len(checkers) == 1:
            answer: Deferred[Any] = checkers[0].requestAvatarId(credentials)
            return answer
        return Deferred.fromCoroutine(_ask(checkers, credentials))


async def _ask(checkers: Sequence[Any], credentials: Any) -> object:
    for checker in checkers:
        try:
            return await checker.requestAvatarId(credentials)
        except UnknownSubscriber:
            continue
    raise UnknownSubscriber(f"{credentials.auth_id!r} is no subscriber of {credentials.realm}")


def _checker(realm: str, backend: Any) -> Any:
    if provides_accounts(backend):
        return AccountsChecker(backend)
    # A backend that is asked (RADIUS, Diameter) is a checker itself.
    if ICredentialsChecker.providedBy(backend) and ISIPDigest in backend.credentialInterfaces:
        return backend
    raise ConfigError(
        f"the accounts of realm {realm!r} are {backend!r}, which provides neither IAccounts nor a checker of ISIPDigest; "
        "give a backend like SQLAccounts('subscribers.db')"
    )


def portal_for(accounts: Mapping[str, Any]) -> Portal:
    """The door: give it ISIPDigest credentials and ask for ICaller."""
    return Portal(CallerRealm(), [ByRealm(accounts)])
