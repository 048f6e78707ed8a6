"""Who is calling?   Whoever claims an identity of ours proves it by digest (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, final

from zope.interface import classImplements

from ..api import (
    PASS,
    ConfigError,
    IRequestCheck,
    OurDialog,
    Reply,
    RequestContext,
    TrustedPeer,
    Verdict,
)
from ..api.events import AuthFailed
from ..api.house import House
from ..guard.nonce import Nonce
from ..sip.digest import BASES, QOPS, SIPDigest, ha1_of, verify
from ..sip.fields.auth import MOST_HEADERS, OTHER_SCHEME, DigestCredentials, parse_credentials
from ..sip.proof import Proof
from .agents import AGENTS, Agents, Row, known
from .asserted import home_of_hidden
from .backends import Backends
from .bound import Bound
from .causes import (
    AUTH_DOWNGRADE,
    AUTH_ERROR,
    AUTH_INVALID_PASSWORD,
    AUTH_NO_CREDENTIALS,
    AUTH_NONCE_REUSED,
    AUTH_NONCE_UNKNOWN,
    AUTH_STALE_NONCE,
    AUTH_USER_UNKNOWN,
    AUTH_USERNAME_EXPIRED,
    AUTH_WRONG_URI,
    CHALLENGE,
    REJECT,
    Actions,
    numbers,
)
from .challenges import Challenges
from .logins import NOBODY, Logins
from .offers import DEFAULT_EXPIRE, Realm, Rules
from .route import for_ourselves
from .signed import is_same_uri, known_mode

LEAST_SECRET: Final = 32
_MALFORMED: Final = "Malformed credentials"


@final
class Digest:
    """Challenges whoever claims an identity of ours (To of a REGISTER, From of anything else) and finds out who it is.

    `accounts` are backends by realm ("*" for every other one).  Knows nothing to say to foreign identities, to trusted peers
    and inside our dialogs.

    A realm allows `algorithms` (what its backends can answer of SHA-256 and MD5, unless it is said); the table `agents` says
    which of them a make of phone is offered.  `qop` is "auth", "auth-int" or "auth,auth-int", and must be used unless
    `qop_required` is false.  A nonce lives `nonce_expire` seconds and may be `nonce_auth_max_drift` ahead; with
    `one_time_nonce` it is good for one request, with the bits of `auth_checks_...` only for what it was made for.  `secrets`
    sign the nonces instead of the site's.  `algorithms` and `nonce_expire` may be mappings by realm.  `check_digest_uri` is
    "equivalent", "strict" or "off", `anonymous` asks whoever hides in From.  A login is remembered for `remember` seconds
    (0: never), a name that nobody has for `remember_unknown`.  A backend has `timeout` seconds; then it is down.  Each
    `on_...` is "challenge", "reject" or "drop".  Bounds: 65,536 nonces and as many logins; at the bound the oldest goes.
    """

    def __init__(
        self,
        accounts: Mapping[str, Any],
        *,
        algorithms: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        agents: Sequence[Row] | None = None,
        qop: str = "auth",
        qop_required: bool = True,
        nonce_expire: float | Mapping[str, float] = DEFAULT_EXPIRE,
        nonce_auth_max_drift: float = 3.0,
        one_time_nonce: bool = False,
        auth_checks_register: int = 0,
        auth_checks_no_dlg: int = 0,
        auth_checks_in_dlg: int = 0,
        secrets: Sequence[bytes] = (),
        check_digest_uri: str = "equivalent",
        anonymous: bool | int = False,
        add_authinfo_hdr: bool = True,
        on_user_unknown: str = CHALLENGE,
        on_invalid_password: str = CHALLENGE,
        on_stale_nonce: str = CHALLENGE,
        on_nonce_reused: str = CHALLENGE,
        on_username_expired: str = REJECT,
        on_error: str = REJECT,
        codes: str = "openser",
        remember: float = 60.0,
        remember_unknown: float = 0.0,
        timeout: float = 2.0,
        retry_after: int = 5,
        most_nonces: int = 65536,
        most_logins: int = 65536,
    ) -> None:
        if not isinstance(accounts, Mapping) or not accounts:
            raise ConfigError("Digest() has no accounts; write Digest({'example.org': SQLAccounts('subscribers.db')})")
        # Who says what is offered says it to everybody, unless the table is said as well.
        table = Agents((AGENTS if algorithms is None else ()) if agents is None else agents)
        qops = known("qop", tuple(word.strip() for word in qop.split(",")), QOPS)
        self._rules = Rules(accounts, algorithms, table, qops, nonce_expire, one_time_nonce)
        for option, value, least in (
            ("nonce_expire", self._rules.shortest, 1),
            ("nonce_auth_max_drift", nonce_auth_max_drift, 0),
            ("remember", remember, 0),
            ("remember_unknown", remember_unknown, 0),
            ("timeout", timeout, 0.001),
            ("retry_after", retry_after, 1),
            ("most_nonces", most_nonces, 1),
            ("most_logins", most_logins, 1),
        ):
            if value < least:
                raise ConfigError(f"{option}={value} is too little for Digest; give {least} or more")
        self._challenges = Challenges(
            qop_required,
            self._rules.longest,
            nonce_auth_max_drift,
            most_nonces,
            one_time_nonce,
            Bound(auth_checks_register, auth_checks_no_dlg, auth_checks_in_dlg),
        )
        given: list[Any] = list(secrets)
        for secret in given:
            if not isinstance(secret, bytes) or len(secret) < LEAST_SECRET:
                raise ConfigError(f"secrets= of Digest holds one that is not {LEAST_SECRET} bytes or more; take os.urandom(32)")
        self._secrets: list[bytes] = given
        self._logins = Logins(remember, most_logins, remember_unknown)
        self._backends = Backends(self._rules.accounts, timeout)
        self._numbers = numbers(codes)
        self._actions = Actions(
            {
                AUTH_USER_UNKNOWN: on_user_unknown,
                AUTH_INVALID_PASSWORD: on_invalid_password,
                AUTH_STALE_NONCE: on_stale_nonce,
                AUTH_NONCE_REUSED: on_nonce_reused,
                AUTH_USERNAME_EXPIRED: on_username_expired,
                AUTH_ERROR: on_error,
            }
        )
        self._proves = bool(add_authinfo_hdr)
        self._uri_mode = known_mode(check_digest_uri)
        self._anonymous = bool(anonymous)
        self._retry_after = (("Retry-After", str(retry_after)),)
        self._realms: dict[str, Realm] = {}
        self._by_name: dict[str, Realm] = {}
        self._house: Any = None

    def attach(self, house: House) -> None:
        """Take secret, clock and portal from the site, and open the backends.

        Raises ConfigError for a domain without accounts, accounts without a domain, and algorithms that a backend cannot answer.
        """
        domains = house.domains.domains
        self._realms = self._rules.realms(house.domains, self._backends.of)
        self._logins.expect({algorithm for realm in self._realms.values() for algorithm in realm.allowed})
        self._backends.attach(house)
        self._challenges.attach(self._secrets or [house.secret], house.random)
        self._by_name = {
            domain: self._realms[house.domains.realm_for(domain)] for domain in domains if house.domains.is_local(domain)
        }
        self._house = house

    def forget(self, realm: str, auth_id: str) -> None:
        """Forget a remembered login, when its account was changed or removed."""
        self._logins.forget(realm, auth_id)
        self._backends.changed()

    def backends(self) -> tuple[Any, ...]:
        """All that are asked for accounts."""
        return self._backends.all()

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
        realm = self._by_name.get(host)
        if realm is None:
            if self._anonymous and method != "REGISTER":
                host = home_of_hidden(context, host)
            if not host or not context.site.is_local(host):
                return PASS
            realm = self._realms.get(context.site.realm_for(host))
            if realm is None:
                raise ConfigError(f"Digest was never attached to a site with the domain {host}")
        challenges = self._challenges
        places = request.layout.credentials
        if not places:
            return challenges.challenge(context, realm, False, AUTH_NO_CREDENTIALS)
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
                self._tell(context, realm, AUTH_ERROR, "")
                return self._actions.error(400, _MALFORMED, (), f"{AUTH_ERROR}: {fields}")
            if fields.realm != realm.name:
                continue
            nonce = challenges.mint.read(fields.nonce, fields.realm)
            if isinstance(nonce, Nonce):
                # What was offered and has been disallowed since, with a secret that outlived a restart, is not accepted.
                mask = nonce.mask & realm.mask
                algorithm = challenges.chosen.get((fields.algorithm, fields.qop, mask), 0)
                if not algorithm:
                    algorithm = challenges.algorithm(fields, mask)
                if algorithm > best_algorithm:
                    best, best_algorithm, best_nonce = fields, algorithm, nonce
                if algorithm:
                    continue
                refused = AUTH_DOWNGRADE
            else:
                refused = AUTH_NONCE_UNKNOWN
            self._tell(context, realm, refused, fields.username)
        if best is None or best_nonce is None:
            return challenges.challenge(context, realm, False, refused)
        if best.uri != request.uri.written and not is_same_uri(context, best.uri, self._uri_mode):
            self._tell(context, realm, AUTH_WRONG_URI, best.username)
            return Reply(400, "Digest URI does not match", why=AUTH_WRONG_URI)
        # The sums are done whether or not a login is remembered.  If they do not come out, the backend has the last word:
        # the password may be a new one, and a wrong one takes as long as an unknown subscriber.
        login = self._logins.find(realm.name, best.username)
        ha1 = login.ha1.get(BASES[best_algorithm])
        if ha1 is not None:
            right = verify(best_algorithm, ha1, best, method.encode(), request.body)
            if right and login is not NOBODY and context.now < login.until:
                # Only now does the nonce's age count and is its count spent.
                why = challenges.spend(context, realm, best, best_nonce)
                if why:
                    return self._refuse(context, realm, why, best.username, True)
                if self._proves:
                    proof = context.facts[Proof] = Proof(best_algorithm, ha1, best)
                    if context.now - best_nonce.at >= realm.renew:
                        proof.next_nonce = challenges.next_nonce(context, realm, best_nonce)
                return login.passes
        if login is NOBODY and self._logins.is_missed(realm.name, best.username, context.now):
            return self._refuse(context, realm, AUTH_USER_UNKNOWN, best.username)
        return self._ask(context, realm, best, best_algorithm, best_nonce)

    async def _ask(
        self, context: RequestContext, realm: Realm, fields: DigestCredentials, algorithm: int, nonce: Nonce
    ) -> Verdict:
        request = context.request
        credentials = SIPDigest(fields, algorithm, request.method.encode(), request.body)
        forgotten = self._logins.forgotten
        found = await self._backends.login(realm.name, credentials)
        # What was under way while an account was changed may be the old one.
        is_current = self._logins.forgotten == forgotten
        if isinstance(found, str):
            if found.startswith(AUTH_ERROR):
                return self._actions.error(500, "", self._retry_after, found)
            if found == AUTH_USER_UNKNOWN and is_current:
                self._logins.miss(realm.name, fields.username, context.now)
            return self._refuse(context, realm, found, fields.username)
        if is_current:
            self._logins.keep(credentials, found, context.now)
        why = self._challenges.spend(context, realm, fields, nonce)
        if why:
            return self._refuse(context, realm, why, fields.username, True)
        account = credentials.account
        if self._proves and account is not None:
            ha1 = ha1_of(account, algorithm, fields.username, fields.realm)
            proof = context.facts[Proof] = Proof(algorithm, ha1, fields)
            if context.now - nonce.at >= realm.renew:
                proof.next_nonce = self._challenges.next_nonce(context, realm, nonce)
        return found

    def _refuse(self, context: RequestContext, realm: Realm, why: str, auth_id: str, stale: bool = False) -> Verdict:
        """Ask again, which looks the same from outside whatever the cause, unless the tac file wants it otherwise."""
        self._tell(context, realm, why, auth_id)
        return self._actions.refusal(why) or self._challenges.challenge(context, realm, stale, why)

    def _tell(self, context: RequestContext, realm: Realm, cause: str, auth_id: str) -> None:
        request = context.request
        call_id = request.call_id.decode("utf-8", "replace")
        code = self._numbers[cause]
        self._house.tell(AuthFailed(cause, auth_id, realm.name, context.source, context.transport, request.method, call_id, code))


classImplements(Digest, IRequestCheck)
