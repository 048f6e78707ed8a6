"""Why somebody is not let in: each cause by its symbol, with the numbers that OpenSER and Kamailio give it, and what is then done."""

from collections.abc import Mapping
from typing import Final, final

from ..api import ConfigError, Drop, Reply, Verdict

AUTH_OK: Final = "AUTH_OK"
AUTH_USER_UNKNOWN: Final = "AUTH_USER_UNKNOWN"
AUTH_INVALID_PASSWORD: Final = "AUTH_INVALID_PASSWORD"  # noqa: S105
AUTH_STALE_NONCE: Final = "AUTH_STALE_NONCE"
AUTH_NO_CREDENTIALS: Final = "AUTH_NO_CREDENTIALS"
AUTH_ERROR: Final = "AUTH_ERROR"
AUTH_NONCE_REUSED: Final = "AUTH_NONCE_REUSED"
AUTH_USERNAME_EXPIRED: Final = "AUTH_USERNAME_EXPIRED"
AUTH_USER_MISMATCH: Final = "AUTH_USER_MISMATCH"
AUTH_NONCE_UNKNOWN: Final = "AUTH_NONCE_UNKNOWN"
AUTH_DOWNGRADE: Final = "AUTH_DOWNGRADE"
AUTH_WRONG_URI: Final = "AUTH_WRONG_URI"

FAMILIES: Final = ("openser", "kamailio")
# fmt: off
NUMBERS: Final[dict[str, tuple[int, int]]] = {
    # symbol               OpenSER  Kamailio
    AUTH_OK:                  (1,  1),
    AUTH_USER_UNKNOWN:       (-1, -3),
    AUTH_INVALID_PASSWORD:   (-2, -2),
    AUTH_STALE_NONCE:        (-3, -4),
    AUTH_NO_CREDENTIALS:     (-4, -5),
    AUTH_ERROR:              (-5, -1),
    AUTH_NONCE_REUSED:       (-3, -6),
    AUTH_USERNAME_EXPIRED:   (-5, -7),
    AUTH_USER_MISMATCH:      (-5, -8),
    # Causes that the others do not tell apart, or do not see.
    AUTH_NONCE_UNKNOWN:      (-3, -4),
    AUTH_DOWNGRADE:          (-5, -1),
    AUTH_WRONG_URI:          (-5, -1),
}
# fmt: on
"""What OpenSER's functions and Kamailio's return for each cause.  Where OpenSER has no such cause it is its generic error."""

CHALLENGE: Final = "challenge"
REJECT: Final = "reject"
DROP: Final = "drop"
ACTIONS: Final = (CHALLENGE, REJECT, DROP)


def number(cause: str, codes: str) -> int:
    """The number of a cause as the family `codes` ("openser" or "kamailio") has it."""
    return NUMBERS[cause][FAMILIES.index(codes)]


def numbers(codes: str, check: str = "Digest") -> dict[str, int]:
    """The numbers of all causes in one family.  Raises ConfigError for a family that is none, given to that check."""
    if codes not in FAMILIES:
        raise ConfigError(f"codes={codes!r} of {check} is not known; use one of {', '.join(FAMILIES)}")
    return {cause: number(cause, codes) for cause in NUMBERS}


@final
class Actions:
    """What is done for each cause that the tac file may decide about: challenge again, reject with 403, or say nothing."""

    __slots__ = ("_refusals", "drops_errors")

    def __init__(self, chosen: Mapping[str, str]) -> None:
        """By cause.  AUTH_ERROR cannot be challenged: who was right would take it for a wrong password."""
        self._refusals: dict[str, Verdict] = {}
        self.drops_errors = False
        for cause, action in chosen.items():
            known = ACTIONS[1:] if cause == AUTH_ERROR else ACTIONS
            if action not in known:
                option = "on_" + cause.removeprefix("AUTH_").lower()
                raise ConfigError(f"{option}={action!r} of Digest is not known; use one of {', '.join(known)}")
            if cause == AUTH_ERROR:
                self.drops_errors = action == DROP
            elif action == REJECT:
                self._refusals[cause] = Reply(403, why=cause)
            elif action == DROP:
                self._refusals[cause] = Drop(cause)

    def refusal(self, cause: str) -> Verdict | None:
        """The refusal that is given instead of a challenge, or None."""
        return self._refusals.get(cause)

    def error(self, status: int, reason: str, headers: tuple[tuple[str, str], ...], why: str) -> Verdict:
        """The answer to what is neither right nor wrong: `why` begins with AUTH_ERROR."""
        return Drop(why) if self.drops_errors else Reply(status, reason, headers, why)
