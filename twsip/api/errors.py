"""What can go wrong, each cause with its own name (the deck: the action depends on the cause)."""

from twisted.cred.error import UnauthorizedLogin


class TwsipError(Exception):
    """Every error of ours; its text is one sentence for the operator."""


class ConfigError(TwsipError):
    """A site that cannot be run: the text names the culprit and the mend."""


class TransportFailed(TwsipError):
    """Bytes could not be sent to where they should go; the next destination is tried."""


class BackendDown(TwsipError):
    """A backend did not answer or answered nonsense: 500, nobody is let in, nobody is told "wrong password"."""


class SealBroken(BackendDown):
    """What is stored of one account cannot be opened: 500 for that account, while the backend answers for others."""


class UnknownSubscriber(TwsipError, UnauthorizedLogin):
    """The backend knows no such account."""


class WrongResponse(TwsipError, UnauthorizedLogin):
    """The account exists, the digest response is not its."""


class UsernameExpired(TwsipError, UnauthorizedLogin):
    """The username was good for a while only, and that is over (usernames that carry their own time)."""
