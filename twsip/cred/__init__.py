"""Who is calling: digest credentials through `twisted.cred`, and the backends that know the accounts."""

from .choose import ByRealm, portal_for
from .digest import AccountsChecker, CallerRealm, SIPDigest
from .sql import SQLAccounts
from .uris import UriTable

__all__ = ["AccountsChecker", "ByRealm", "CallerRealm", "SIPDigest", "SQLAccounts", "UriTable", "portal_for"]
