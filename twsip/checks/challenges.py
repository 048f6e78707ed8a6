"""The challenges of a Digest check: what is offered to whom, and whether an answer keeps to it (RFC 7616 section 3.3)."""

from collections.abc import Callable, Iterable
from typing import Final, final

from ..api import Challenge
from ..guard.nonce import RANDOM, Ledger, Mint, Nonce, Spent
from ..sip.digest import ALGORITHMS, AUTH, AUTH_INT, MD5, QOPS
from ..sip.fields.auth import DigestCredentials, challenge_ends

AUTH_STALE_NONCE: Final = "AUTH_STALE_NONCE"
AUTH_NONCE_REUSED: Final = "AUTH_NONCE_REUSED"

_RANDOM_AT_ONCE: Final = 64
_FRESH: Final = Spent.FRESH


@final
class Offer:
    """What one realm is challenged with, printed but for the nonce; `mask` says it in bits."""

    __slots__ = ("ends", "mask", "realm")

    def __init__(self, realm: str, algorithms: tuple[str, ...], qops: tuple[str, ...]) -> None:
        self.realm = realm
        self.ends = tuple(challenge_ends(realm, algorithm, ",".join(qops)) for algorithm in algorithms)
        self.mask = sum(ALGORITHMS[algorithm] for algorithm in algorithms) | sum(QOPS[qop] for qop in qops)


@final
class Challenges:
    """Makes challenges without remembering them, and judges what comes back.

    `expire` and `drift` are seconds; `most` nonces that logged somebody in are remembered.
    """

    def __init__(
        self,
        algorithms: tuple[str, ...],
        qops: tuple[str, ...],
        qop_required: bool,
        expire: float,
        drift: float,
        most: int,
    ) -> None:
        self._algorithms = algorithms
        self._qops = qops
        self._qop_required = qop_required
        self._expire = expire
        self._drift = drift
        self.ledger = Ledger(most, expire + drift)
        self.offers: dict[str, Offer] = {}
        self.chosen: dict[tuple[str, str, int], int] = {}
        """What `algorithm` said before, if it was not 0; by names that are known and masks that we signed, so there are few."""
        self.mint = Mint([bytes(RANDOM * 4)])
        self._random: Callable[[int], bytes] = bytes
        self._dice = b""
        self._rolled = 0

    def attach(self, realms: Iterable[str], secret: bytes, random: Callable[[int], bytes]) -> None:
        """Begin: these are the realms, this is what signs the nonces, these are the dice."""
        self.mint = Mint([secret])
        self._random = random
        self.offers = {realm: Offer(realm, self._algorithms, self._qops) for realm in realms}

    def challenge(self, offer: Offer, now: float, stale: bool, why: str) -> Challenge:
        """A new challenge: one value an algorithm, in their order, all with one nonce."""
        at = self._rolled
        dice = self._dice[at : at + RANDOM]
        self._rolled = at + RANDOM
        if not dice:
            # Many at once: a system call for each challenge would cost more than the challenge.
            self._dice = self._random(RANDOM * _RANDOM_AT_ONCE)
            dice = self._dice[:RANDOM]
            self._rolled = RANDOM
        nonce = self.mint.mint(now, dice, offer.realm, offer.mask)
        after = ", stale=true" if stale else ""
        values = []
        for head, tail in offer.ends:
            values.append(head + nonce + tail + after)
        return Challenge(offer.realm, stale, values, why)

    def algorithm(self, fields: DigestCredentials, mask: int) -> int:
        """The bit of the algorithm that the credentials use, if it and their qop were offered with their nonce; else 0."""
        offered = mask & ~(AUTH | AUTH_INT)
        if fields.algorithm:
            algorithm = ALGORITHMS.get(fields.algorithm, 0) & offered
        elif offered & (offered - 1):
            algorithm = MD5 & offered
        else:
            # Only one was offered: whoever leaves the name out can mean no other.
            algorithm = offered
        if fields.qop:
            if not QOPS.get(fields.qop, 0) & mask:
                return 0
        elif self._qop_required:
            return 0
        if algorithm:
            self.chosen[fields.algorithm, fields.qop, mask] = algorithm
        return algorithm

    def spend(self, fields: DigestCredentials, nonce: Nonce, now: float) -> str:
        """Spend the count of credentials whose digest was right: "" if all is well, else the cause to ask again for."""
        age = now - nonce.at
        if age > self._expire or age < -self._drift:
            return AUTH_STALE_NONCE
        spent = self.ledger.spend(fields.nonce, nonce.at, fields.nc, now)
        if spent is _FRESH:
            return ""
        return AUTH_NONCE_REUSED if spent == Spent.SEEN else AUTH_STALE_NONCE
