"""Who is calling: digest credentials through `twisted.cred`, and the backends that know the accounts."""

from .choose import ByRealm, portal_for
from .digest import AccountsChecker, CallerRealm, SIPDigest
from .sql import SQLAccounts

__all__ = ["AccountsChecker", "ByRealm", "CallerRealm", "SIPDigest", "SQLAccounts", "portal_for"]
