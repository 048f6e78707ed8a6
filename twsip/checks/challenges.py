"""The challenges of a Digest check: how one is made, and whether an answer keeps to it (RFC 7616 section 3.3)."""

from collections.abc import Callable
from typing import Final, final

from ..api import Challenge, RequestContext
from ..guard.nonce import RANDOM, Ledger, Mint, Nonce, Spent
from ..sip.digest import ALGORITHMS, AUTH, AUTH_INT, MD5, QOPS
from ..sip.fields.auth import DigestCredentials
from .bound import Bound
from .causes import AUTH_NONCE_REUSED, AUTH_STALE_NONCE
from .offers import Realm

_RANDOM_AT_ONCE: Final = 64
_FRESH: Final = Spent.FRESH


@final
class Challenges:
    """Makes challenges without remembering them, and judges what comes back.

    `longest` is how long the nonces of any realm live and `drift` how far they may be ahead, in seconds; `most` nonces
    that logged somebody in are remembered.  With `one_time` each nonce is good for one request.
    """

    def __init__(
        self, qop_required: bool, longest: float, drift: float, most: int, one_time: bool, bound: Bound
    ) -> None:
        self._qop_required = qop_required
        self._drift = drift
        self.one_time = one_time
        self._bound = bound
        self.ledger = Ledger(most, longest + drift)
        self.chosen: dict[tuple[str, str, int], int] = {}
        """What `algorithm` said before, if it was not 0; by names that are known and masks that we signed, so there are few."""
        self.mint = Mint([bytes(RANDOM * 4)])
        self._random: Callable[[int], bytes] = bytes
        self._dice = b""
        self._rolled = 0

    def attach(self, secrets: list[bytes], random: Callable[[int], bytes]) -> None:
        """Begin: this is what signs the nonces (the first) and verifies them (all), these are the dice."""
        self.mint = Mint(secrets)
        self._random = random

    def challenge(self, context: RequestContext, realm: Realm, stale: bool, why: str) -> Challenge:
        """A new challenge: one value an algorithm, in their order, all with one nonce."""
        at = self._rolled
        dice = self._dice[at : at + RANDOM]
        self._rolled = at + RANDOM
        if not dice:
            # Many at once: a system call for each challenge would cost more than the challenge.
            self._dice = self._random(RANDOM * _RANDOM_AT_ONCE)
            dice = self._dice[:RANDOM]
            self._rolled = RANDOM
        offer = realm.only or realm.offer(context)
        bound = self._bound
        nonce = self.mint.mint(context.now, dice, realm.name, offer.mask, bound.binding(context) if bound.any else b"")
        after = ", stale=true" if stale else ""
        values = []
        for head, tail in offer.ends:
            values.append(head + nonce + tail + after)
        return Challenge(realm.name, stale, values, why)

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

    def spend(self, context: RequestContext, realm: Realm, fields: DigestCredentials, nonce: Nonce) -> str:
        """Spend the count of credentials whose digest was right: "" if all is well, else the cause to ask again for."""
        now = context.now
        age = now - nonce.at
        if age > realm.expire or age < -self._drift:
            return AUTH_STALE_NONCE
        bound = self._bound
        if bound.any:
            binding = bound.binding(context)
            if binding and not self.mint.fits(fields.nonce, realm.name, binding):
                return AUTH_STALE_NONCE
        # A nonce that is good once is spent whole, as one without a count is.
        spent = self.ledger.spend(fields.nonce, nonce.at, 0 if self.one_time else fields.nc, now)
        if spent is _FRESH:
            return ""
        return AUTH_NONCE_REUSED if spent == Spent.SEEN else AUTH_STALE_NONCE

    def next_nonce(self, context: RequestContext, realm: Realm, nonce: Nonce) -> str:
        """A nonce to go on with, for what the last one was made with."""
        mask = nonce.mask & realm.mask
        return self.mint.mint(context.now, self._random(RANDOM), realm.name, mask, self._bound.binding(context))
