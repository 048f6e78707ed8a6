"""Which backend answers for whom, and what each failure is called."""

from typing import Any

import pytest
from twisted.cred.checkers import AllowAnonymousAccess, ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.helpers import digest_answer, settled
from twsip.api import (
    Account,
    BackendDown,
    ConfigError,
    IAccounts,
    ICaller,
    ISIPDigest,
    UnknownSubscriber,
    WrongResponse,
)
from twsip.cred import AccountsChecker, ByRealm, CallerRealm, SIPDigest, portal_for
from twsip.sip.digest import MD5
from twsip.sip.fields.auth import DigestCredentials, parse_credentials


@implementer(IAccounts)
class Table:
    """Accounts in a dictionary of passwords."""

    name = "table"

    def __init__(self, answer: Any = None, **passwords: str) -> None:
        self.answer = answer
        self.passwords = passwords
        self.asked = 0

    def find(self, realm: str, auth_id: str) -> Any:
        self.asked += 1
        if self.answer is not None:
            return self.answer
        password = self.passwords.get(auth_id)
        return None if password is None else Account(auth_id, realm, {}, password)


def credentials(name: str, password: str, realm: str = "example.org") -> SIPDigest:
    answer = digest_answer(f'Digest realm="{realm}", nonce="n", qop="auth"', name, password, "REGISTER", "sip:r")
    fields = parse_credentials(answer.encode())
    assert isinstance(fields, DigestCredentials)
    return SIPDigest(fields, MD5, b"REGISTER", b"")


def login(accounts: dict[str, Any], *words: str) -> Any:
    return settled(portal_for(accounts).login(credentials(*words), None, ICaller))[1]


def test_interfaces_are_kept() -> None:
    assert verifyObject(ICredentialsChecker, AccountsChecker(Table()))
    assert verifyObject(ICredentialsChecker, ByRealm({"r": Table()}))
    assert verifyObject(IRealm, CallerRealm())
    assert verifyObject(ISIPDigest, credentials("a", "b"))
    assert ICredentials.providedBy(credentials("a", "b"))  # type: ignore[attr-defined]


def test_by_realm_and_any_realm() -> None:
    accounts = {"example.org": Table(alice="a"), "*": Table(alice="b")}
    assert login(accounts, "alice", "a").realm == "example.org"
    assert login(accounts, "alice", "b", "example.com").realm == "example.com"
    with pytest.raises(WrongResponse):
        login(accounts, "alice", "b")
    with pytest.raises(UnknownSubscriber):
        login({"example.org": Table(alice="a")}, "alice", "a", "example.com")


def test_in_order_until_one_knows_the_subscriber() -> None:
    first, second = Table(alice="a"), Table(alice="x", bob="b")
    accounts = {"example.org": [first, second]}
    assert login(accounts, "bob", "b").auth_id == "bob"
    assert (first.asked, second.asked) == (1, 1)
    with pytest.raises(WrongResponse):
        login(accounts, "alice", "x")
    assert second.asked == 1, "who knows the subscriber has the last word"
    with pytest.raises(UnknownSubscriber):
        login(accounts, "carol", "c")


def test_a_backend_that_is_down_ends_the_search() -> None:
    second = Table(alice="a")
    with pytest.raises(BackendDown, match="gone"):
        login({"example.org": [Table(fail(BackendDown("gone"))), second]}, "alice", "a")
    assert second.asked == 0


def test_answers_may_come_later_and_must_make_sense() -> None:
    later: Deferred[Account | None] = Deferred()
    results: list[Any] = []
    portal_for({"example.org": Table(later)}).login(credentials("alice", "a"), None, ICaller).addBoth(results.append)
    assert results == []
    later.callback(Account("alice", "example.org", {}, "a"))
    assert results[0][1].auth_id == "alice"
    with pytest.raises(BackendDown, match="str instead of an account"):
        login({"example.org": Table(succeed("alice"))}, "alice", "a")


def test_refusals_are_what_cred_calls_unauthorized() -> None:
    for name, password in (("alice", "x"), ("bob", "x")):
        with pytest.raises(UnauthorizedLogin):
            login({"example.org": Table(alice="a")}, name, password)


def test_the_only_avatar_is_a_caller() -> None:
    with pytest.raises(NotImplementedError):
        CallerRealm().requestAvatar(Account("a", "r", {}), None, ICredentials)


def test_no_backend_is_refused_at_the_start() -> None:
    for nonsense in (object(), AllowAnonymousAccess(), "subscribers.db", []):
        with pytest.raises(ConfigError, match=r"example\.org"):
            portal_for({"example.org": nonsense})


def test_an_unknown_subscriber_costs_the_same_sums() -> None:
    @implementer(ISIPDigest)
    class Counting:
        auth_id, realm = "mallory", "example.org"
        sums = 0

        def holds_for(self, account: Account) -> bool:
            self.sums += 1
            return False

        def waste(self) -> None:
            self.sums += 1

    for table, error in ((Table(), UnknownSubscriber), (Table(mallory="x"), WrongResponse)):
        credentials = Counting()
        with pytest.raises(error):
            settled(portal_for({"example.org": table}).login(credentials, None, ICaller))
        assert credentials.sums == 1


def test_a_checker_of_sip_digest_is_asked_itself() -> None:
    @implementer(ICredentialsChecker)
    class Oracle:
        credentialInterfaces = (ISIPDigest,)

        def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
            return succeed(Account(credentials.auth_id, credentials.realm, {}))

    assert login({"example.org": Oracle()}, "anyone", "x").auth_id == "anyone"
