"""Who is calling?   Whoever claims an identity of ours proves it by digest (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from collections.abc import Coroutine, Mapping
from typing import Any, Final, final

from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, TimeoutError
from zope.interface import classImplements

from ..api import (
    PASS,
    BackendDown,
    ConfigError,
    ICaller,
    IRequestCheck,
    OurDialog,
    Pass,
    Reply,
    RequestContext,
    SealBroken,
    TrustedPeer,
    UnknownSubscriber,
    Verdict,
)
from ..api.events import AuthFailed, BackendFailed, BackendRecovered
from ..api.house import House
from ..guard.nonce import Nonce
from ..sip.digest import ALGORITHMS, BASES, HAS_SHA_512_256, QOPS, SHA_512_256, SIPDigest, verify
from ..sip.fields.auth import MOST_HEADERS, OTHER_SCHEME, DigestCredentials, parse_credentials
from ..sip.uri import parse_uri
from .asserted import home_of_hidden
from .challenges import Challenges, Offer
from .logins import NOBODY, Logins
from .route import for_ourselves

AUTH_NO_CREDENTIALS: Final = "AUTH_NO_CREDENTIALS"
AUTH_USER_UNKNOWN: Final = "AUTH_USER_UNKNOWN"
AUTH_INVALID_PASSWORD: Final = "AUTH_INVALID_PASSWORD"  # noqa: S105
AUTH_NONCE_UNKNOWN: Final = "AUTH_NONCE_UNKNOWN"
AUTH_DOWNGRADE: Final = "AUTH_DOWNGRADE"
AUTH_WRONG_URI: Final = "AUTH_WRONG_URI"
AUTH_ERROR: Final = "AUTH_ERROR"

ANY_REALM: Final = "*"
MOST_TOLD: Final = 64
"""Of so many broken accounts each is told."""
_URI_MODES: Final = ("equivalent", "strict", "off")


@final
class Digest:
    """Challenges whoever claims an identity of ours (To of a REGISTER, From of anything else) and finds out who it is.

    `accounts` are backends by realm ("*" for every other one).  Knows nothing to say to foreign identities, to trusted peers and inside our dialogs.

    `algorithms` is offered in this order (see docs/checks/digest.md before adding SHA-256 to MD5), `qop` is "auth", "auth-int" or
    "auth,auth-int", and must be used unless `qop_required` is false.  A nonce lives `nonce_expire` seconds and may be
    `nonce_auth_max_drift` ahead.  `check_digest_uri` is "equivalent", "strict" or "off", `anonymous` asks whoever hides in From.  A login is remembered for
    `remember` seconds (0: never).  A backend has `timeout` seconds; then it is down.  Bounds: 65,536 nonces
    and as many logins; at the bound the oldest goes.
    """

    def __init__(
        self,
        accounts: Mapping[str, Any],
        *,
        algorithms: tuple[str, ...] | list[str] = ("MD5",),
        qop: str = "auth",
        qop_required: bool = True,
        nonce_expire: float = 300.0,
        nonce_auth_max_drift: float = 3.0,
        check_digest_uri: str = "equivalent",
        anonymous: bool | int = False,
        remember: float = 60.0,
        timeout: float = 2.0,
        retry_after: int = 5,
        most_nonces: int = 65536,
        most_logins: int = 65536,
    ) -> None:
        if not isinstance(accounts, Mapping) or not accounts:
            raise ConfigError("Digest() has no accounts; write Digest({'example.org': SQLAccounts('subscribers.db')})")
        self._accounts = dict(accounts)
        self._algorithms = _known("algorithms", tuple(algorithms), ALGORITHMS)
        qops = _known("qop", tuple(word.strip() for word in qop.split(",")), QOPS)
        if check_digest_uri not in _URI_MODES:
            raise ConfigError(f"check_digest_uri={check_digest_uri!r} is not known; use one of {', '.join(_URI_MODES)}")
        for option, value, least in (
            ("nonce_expire", nonce_expire, 1),
            ("nonce_auth_max_drift", nonce_auth_max_drift, 0),
            ("remember", remember, 0),
            ("timeout", timeout, 0.001),
            ("retry_after", retry_after, 1),
            ("most_nonces", most_nonces, 1),
            ("most_logins", most_logins, 1),
        ):
            if value < least:
                raise ConfigError(f"{option}={value} is too little for Digest; give {least} or more")
        self._challenges = Challenges(
            self._algorithms, qops, qop_required, nonce_expire, nonce_auth_max_drift, most_nonces
        )
        self._logins = Logins(self._algorithms, remember, most_logins)
        self._uri_mode = check_digest_uri
        self._anonymous = bool(anonymous)
        self._timeout = timeout
        self._retry_after = retry_after
        self._down: set[str] = set()
        self._broken: set[str] = set()
        self._by_name: dict[str, Offer] = {}
        self._portal: Portal | None = None
        self._house: Any = None

    def attach(self, house: House) -> None:
        """Take secret, clock and portal from the site, and open the backends.

        Raises ConfigError for a domain without accounts, accounts without a domain, and algorithms that a backend cannot answer.
        """
        domains = house.domains.domains
        realms = {house.domains.realm_for(domain) for domain in domains}
        for realm in self._accounts:
            if realm != ANY_REALM and realm not in realms:
                raise ConfigError(f"Digest has accounts for {realm!r}, which is no domain of the site; the site's are {', '.join(domains)}")
        for realm in sorted(realms):
            if realm not in self._accounts and ANY_REALM not in self._accounts:
                raise ConfigError(f"nobody has accounts for the domain {realm!r}; add {realm!r}: SQLAccounts(...) to Digest")
        for given in self._accounts.values():
            for backend in _backends(given):
                self._refuse_unanswerable(backend)
                attach = getattr(backend, "attach", None)
                if attach is not None:
                    attach(house)
        self._challenges.attach(realms, house.secret, house.random)
        offers = self._challenges.offers
        self._by_name = {
            domain: offers[house.domains.realm_for(domain)] for domain in domains if house.domains.is_local(domain)
        }
        self._portal = house.portal(self._accounts)
        self._house = house

    def _refuse_unanswerable(self, backend: Any) -> None:
        can = getattr(backend, "algorithms", None)
        for algorithm in self._algorithms:
            base = BASES[ALGORITHMS[algorithm]]
            if base == BASES[SHA_512_256] and not HAS_SHA_512_256:
                raise ConfigError(f"this machine's OpenSSL has no {base}; take {algorithm} out of algorithms=")
            if can is not None and base not in can:
                raise ConfigError(
                    f"{backend!r} has no secrets for {algorithm}, only for {', '.join(can)}; "
                    f"take it out of algorithms= or give the backend such a column"
                )

    def forget(self, realm: str, auth_id: str) -> None:
        """Forget a remembered login, when its account was changed or removed."""
        self._logins.forget(realm, auth_id)
        self._broken.clear()

    def backends(self) -> tuple[Any, ...]:
        """All that are asked for accounts."""
        return tuple(backend for given in self._accounts.values() for backend in _backends(given))

    def check(self, context: RequestContext) -> Verdict | Coroutine[Any, Any, Verdict]:
        """Pass with the Caller, a Challenge, 400 for credentials that cannot be read, 500 when a backend is down.

        Answers at once unless the login is not remembered.
        """
        facts = context.facts
        if facts and (TrustedPeer in facts or OurDialog in facts):
            return PASS
        request = context.request
        method = request.method
        if method == "OPTIONS" and for_ourselves(context):
            # "Are you there?" gets its answer under any name, as from strangers: sipsak and monitors use ours.
            return PASS
        host = request.to.uri.host if method == "REGISTER" else request.from_.uri.host
        offer = self._by_name.get(host)
        if offer is None:
            if self._anonymous and method != "REGISTER":
                host = home_of_hidden(context, host)
            if not host or not context.site.is_local(host):
                return PASS
            offer = self._challenges.offers.get(context.site.realm_for(host))
            if offer is None:
                raise ConfigError(f"Digest was never attached to a site with the domain {host}")
        challenges = self._challenges
        places = request.layout.credentials
        if not places:
            return challenges.challenge(offer, context.now, False, AUTH_NO_CREDENTIALS)
        best, best_algorithm, best_nonce = None, 0, None
        refused = AUTH_NO_CREDENTIALS
        seen = 0
        for at in places:
            seen += 1
            value = request.field_values[at]
            fields = parse_credentials(value) if seen <= MOST_HEADERS else "too many headers with credentials"
            if isinstance(fields, str):
                if fields == OTHER_SCHEME:
                    continue
                self._tell(context, offer, AUTH_ERROR, "")
                return Reply(400, "Malformed credentials", why=f"{AUTH_ERROR}: {fields}")
            if fields.realm != offer.realm:
                continue
            nonce = challenges.mint.read(fields.nonce, fields.realm)
            if isinstance(nonce, Nonce):
                algorithm = challenges.chosen.get((fields.algorithm, fields.qop, nonce.mask), 0)
                if not algorithm:
                    algorithm = challenges.algorithm(fields, nonce.mask)
                if algorithm > best_algorithm:
                    best, best_algorithm, best_nonce = fields, algorithm, nonce
                if algorithm:
                    continue
                refused = AUTH_DOWNGRADE
            else:
                refused = AUTH_NONCE_UNKNOWN
            self._tell(context, offer, refused, fields.username)
        if best is None or best_nonce is None:
            return challenges.challenge(offer, context.now, False, refused)
        if self._uri_mode != "off" and best.uri != request.uri.written and not self._is_same_uri(context, best.uri):
            self._tell(context, offer, AUTH_WRONG_URI, best.username)
            return Reply(400, "Digest URI does not match", why=AUTH_WRONG_URI)
        # The sums are done whether or not a login is remembered.  If they do not come out, the backend has the last word:
        # the password may be a new one, and a wrong one takes as long as an unknown subscriber.
        login = self._logins.find(offer.realm, best.username)
        ha1 = login.ha1.get(BASES[best_algorithm])
        if ha1 is not None:
            right = verify(best_algorithm, ha1, best, method.encode(), request.body)
            if right and login is not NOBODY and context.now < login.until:
                # Only now does the nonce's age count and is its count spent.
                why = challenges.spend(best, best_nonce, context.now)
                return self._refuse(context, offer, why, best.username, True) if why else login.passes
        return self._ask(context, offer, best, best_algorithm, best_nonce)

    def _is_same_uri(self, context: RequestContext, raw: bytes) -> bool:
        """Whether the URI that was signed means the Request-URI although it is written otherwise."""
        asked = context.request.uri
        if self._uri_mode == "strict":
            return False
        signed = parse_uri(raw)
        if signed is None:
            return False
        if signed == asked:
            return True
        # Two of our own names or addresses are the same place, if nothing sends one of them elsewhere.
        return (
            signed.is_sip
            and asked.is_sip
            and signed.user == asked.user
            and "maddr" not in signed.params
            and "maddr" not in asked.params
            and context.site.is_local(signed.host)
            and context.site.is_local(asked.host)
        )

    async def _ask(
        self, context: RequestContext, offer: Offer, fields: DigestCredentials, algorithm: int, nonce: Nonce
    ) -> Verdict:
        request = context.request
        credentials = SIPDigest(fields, algorithm, request.method.encode(), request.body)
        # twsip.cred promises ISIPDigest for SIPDigest, which mypy cannot see from here.
        provided: Any = credentials
        forgotten = self._logins.forgotten
        waiting: Deferred[Any] = self._portal.login(provided, None, ICaller)  # type: ignore[union-attr]
        waiting.addTimeout(self._timeout, self._house.reactor)
        try:
            _, caller, _ = await waiting
        except UnknownSubscriber:
            self._recovered(offer)
            return self._refuse(context, offer, AUTH_USER_UNKNOWN, fields.username)
        except UnauthorizedLogin:
            self._recovered(offer)
            return self._refuse(context, offer, AUTH_INVALID_PASSWORD, fields.username)
        except SealBroken as error:
            self._recovered(offer)
            return self._unavailable(offer, str(error), True)
        except BackendDown as error:
            return self._unavailable(offer, str(error))
        except TimeoutError:
            return self._unavailable(offer, f"no answer within {self._timeout:g} seconds")
        self._recovered(offer)
        passes = Pass(caller)
        # What was under way while an account was changed may be the old one.
        if self._logins.forgotten == forgotten:
            self._logins.keep(credentials, passes, context.now)
        why = self._challenges.spend(fields, nonce, context.now)
        return self._refuse(context, offer, why, fields.username, True) if why else passes

    def _refuse(self, context: RequestContext, offer: Offer, why: str, auth_id: str, stale: bool = False) -> Verdict:
        """Ask again, which looks the same from outside whatever the cause."""
        self._tell(context, offer, why, auth_id)
        return self._challenges.challenge(offer, context.now, stale, why)

    def _tell(self, context: RequestContext, offer: Offer, cause: str, auth_id: str) -> None:
        request = context.request
        call_id = request.call_id.decode("utf-8", "replace")
        self._house.tell(AuthFailed(cause, auth_id, offer.realm, context.source, context.transport, request.method, call_id))

    def _unavailable(self, offer: Offer, error: str, is_one_account: bool = False) -> Verdict:
        backend = self._called(offer)
        # Other accounts may be sound: then it is this sentence that is told once, whoever logs in meanwhile.
        known, trouble = (self._broken, error) if is_one_account else (self._down, backend)
        if trouble not in known and (not is_one_account or len(known) < MOST_TOLD):
            known.add(trouble)
            self._house.tell(BackendFailed(backend, error))
        return Reply(500, "", (("Retry-After", str(self._retry_after)),), why=f"{AUTH_ERROR}: {backend}: {error}")

    def _recovered(self, offer: Offer) -> None:
        if self._down:
            backend = self._called(offer)
            if backend in self._down:
                self._down.discard(backend)
                self._house.tell(BackendRecovered(backend))

    def _called(self, offer: Offer) -> str:
        given = self._accounts.get(offer.realm, self._accounts.get(ANY_REALM))
        return ", ".join(getattr(backend, "name", "") or type(backend).__name__ for backend in _backends(given))


def _backends(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _known(option: str, given: tuple[str, ...], table: Mapping[str, int]) -> tuple[str, ...]:
    if not given or len(set(given)) != len(given):
        raise ConfigError(f"{option}= of Digest needs one or more, each once: {', '.join(table)}")
    for one in given:
        if one not in table:
            raise ConfigError(f"{option}= of Digest holds {one!r}, which is not known; it takes {', '.join(table)}")
    return given


classImplements(Digest, IRequestCheck)
