"""Digest for `twisted.cred`: a checker over accounts, and the cred realm that turns an account into a Caller (RFC 7616)."""

from collections.abc import Callable
from typing import Any, final

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from zope.interface import classImplements, implementer

from ..api import (
    Account,
    BackendDown,
    Caller,
    IAccounts,
    ICaller,
    ISIPDigest,
    UnknownSubscriber,
    WrongResponse,
)
from ..guard.identity import aors_of
from ..sip.digest import SIPDigest

__all__ = ["AccountsChecker", "CallerRealm", "SIPDigest"]

# The sums live in the cellar, which knows no zope; the promise is made here.
classImplements(SIPDigest, ISIPDigest)


@final
@implementer(ICredentialsChecker)
class AccountsChecker:
    """Holds credentials against one backend that knows the secret; the avatar id is the Account.

    Fails with UnknownSubscriber (after the same sums), WrongResponse or BackendDown, and with nothing else of its own.
    """

    credentialInterfaces = (ISIPDigest,)

    def __init__(self, accounts: Any) -> None:
        self.accounts = accounts

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """The Account whose secret made this response."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: Any) -> Account:
        found = self.accounts.find(credentials.realm, credentials.auth_id)
        account = found if found is None or isinstance(found, Account) else await found
        if account is None:
            credentials.waste()
            raise UnknownSubscriber(f"{credentials.auth_id!r} is no subscriber of {credentials.realm}")
        if not isinstance(account, Account):
            raise BackendDown(f"{called(self.accounts)} returned {type(account).__name__} instead of an account")
        if not credentials.holds_for(account):
            raise WrongResponse(f"{credentials.auth_id!r} of {credentials.realm} gave a wrong response")
        return account


@final
@implementer(IRealm)
class CallerRealm:
    """The cred realm (not a digest realm): its avatars are Callers, who may be sip:auth_id@realm."""

    def requestAvatar(
        self, avatarId: Any, mind: object, *interfaces: Any
    ) -> tuple[Any, Caller, Callable[[], None]]:
        """The Caller for an Account.  Raises NotImplementedError when ICaller was not asked for, as cred wants it."""
        if ICaller not in interfaces:
            raise NotImplementedError("the only avatar here is an ICaller")
        account: Account = avatarId
        aors = aors_of(account.auth_id, account.realm)
        return ICaller, Caller(account.auth_id, account.realm, aors, account.attributes), _nothing


def _nothing() -> None:
    """Logging out: nobody waits for it."""


def called(accounts: Any) -> str:
    """How events and errors call a backend."""
    name = getattr(accounts, "name", "")
    return name if isinstance(name, str) and name else type(accounts).__name__


def provides_accounts(backend: object) -> bool:
    """Whether it is a backend that knows the secret."""
    return bool(IAccounts.providedBy(backend))  # type: ignore[attr-defined,unused-ignore]
