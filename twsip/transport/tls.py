"""TLS for both sides: contexts, and who a certificate speaks for (RFC 5922 sections 7.1 to 7.5, RFC 5246, RFC 8446)."""

import datetime
import ipaddress
from collections.abc import Callable
from typing import Any, Final, final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtensionOID, NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from ..api.errors import ConfigError
from ..sip.abnf import HOST, only
from .words import TLS

CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"
"""TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else."""
MOST_NAMES: Final = 100
_DEPTH: Final = 9
_UNPROVEN: Final = "unproven"


@final
@implementer(IOpenSSLServerConnectionCreator)
class ServerSide:
    """Makes the server end of connections, and says which names a client proved."""

    def __init__(self, word: TLS, now: float) -> None:
        self._context = _context(word, now)
        self._asks = word.verify_peers != "no"
        if self._asks:
            _trust(self._context, word.authorities)
            if word.verify_peers == "require":
                self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
            else:
                # A certificate that proves nothing is no worse than none: the handshake goes on, the names do not count.
                # No session is ever resumed, so this is asked for every connection.
                self._context.set_verify(SSL.VERIFY_PEER, _note)

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A fresh connection object."""
        return SSL.Connection(self._context, None)

    def names(self, connection: SSL.Connection) -> tuple[str, ...]:
        """The names the client proved, () if none."""
        if not self._asks or connection.get_app_data() == _UNPROVEN:
            return ()
        certificate = connection.get_peer_certificate(as_cryptography=True)
        return names_of(certificate) if isinstance(certificate, x509.Certificate) else ()

    def objection(self, connection: SSL.Connection, server_name: str, host: str) -> str:
        """Never asked of this side."""
        return "a server does not choose its clients"


@final
class ClientSide:
    """Proves servers, and shows our own certificate to those who ask."""

    def __init__(self, word: TLS | None, now: float) -> None:
        self._verify = word is None or word.verify_outbound
        self._context = _context(word, now)
        if self._verify:
            _trust(self._context, word.authorities if word is not None else "")
            self._context.set_verify(SSL.VERIFY_PEER)
        else:
            self._context.set_verify(SSL.VERIFY_NONE)

    def toward(self, server_name: str) -> "Greeting":
        """What makes the client end of one connection."""
        return Greeting(self._context, server_name)

    def names(self, connection: SSL.Connection) -> tuple[str, ...]:
        """The names the server proved, () when nobody asked it to."""
        certificate = connection.get_peer_certificate(as_cryptography=True)
        return names_of(certificate) if self._verify and isinstance(certificate, x509.Certificate) else ()

    def objection(self, connection: SSL.Connection, server_name: str, host: str) -> str:
        """Why this is not the server we wanted; the chain was proven by the handshake already."""
        if not self._verify:
            return ""
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if not isinstance(certificate, x509.Certificate):
            return "TLS failed: the server shows no certificate"
        wanted = plain(server_name) or host
        found = names_of(certificate) if server_name else addresses_of(certificate)
        if wanted in found:
            return ""
        return f"TLS failed: the certificate is for {', '.join(found) or 'nobody we know'}, not for {wanted}"


@final
@implementer(IOpenSSLClientConnectionCreator)
class Greeting:
    """The client end of one connection: it names the server it wants (RFC 6066), never an address."""

    def __init__(self, context: SSL.Context, server_name: str) -> None:
        self._context = context
        self._server_name = plain(server_name).encode("ascii", "ignore")

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A fresh connection object."""
        connection = SSL.Connection(self._context, None)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        return connection


class Wrapped(TLSMemoryBIOFactory):
    """Puts TLS around a factory that may also refuse.

    Not Twisted's buffering one: our flows join their writes themselves, and it would hold each back for a reactor turn.
    """

    noisy = False
    protocol = TLSMemoryBIOProtocol

    def buildProtocol(self, addr: Any) -> Any:
        """The wrapped protocol, or None when the inner factory refuses."""
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)


def _note(connection: SSL.Connection, certificate: Any, error: int, depth: int, good: int) -> bool:
    if not good:
        connection.set_app_data(_UNPROVEN)
    return True


def _context(word: TLS | None, now: float) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(
        SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_verify_depth(_DEPTH)
    context.set_cipher_list(CIPHERS)
    if word is not None:
        _identify(context, word, now)
    return context


def _identify(context: SSL.Context, word: TLS, now: float) -> None:
    """Our own certificate and key, looked at closely first: OpenSSL's own complaints help nobody."""
    chain = _read(word, word.certificate, "certificate", x509.load_pem_x509_certificates, "no PEM certificate")
    key = _read(
        word, word.key, "key", lambda pem: load_pem_private_key(pem, None), "no PEM private key without a password"
    )
    ours = chain[0]
    if _spki(ours) != _spki(key):
        raise ConfigError(
            f"{word}: the key in {word.key} does not belong to the first certificate in {word.certificate}; "
            "put the site's own certificate first, or name its key with key="
        )
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    if moment > ours.not_valid_after_utc:
        raise ConfigError(
            f"{word}: the certificate in {word.certificate} expired on {ours.not_valid_after_utc:%Y-%m-%d}; renew it"
        )
    if moment < ours.not_valid_before_utc:
        raise ConfigError(
            f"{word}: the certificate in {word.certificate} is valid only from {ours.not_valid_before_utc:%Y-%m-%d}; "
            "set the clock, or take another certificate"
        )
    try:
        context.use_certificate(ours)
        for authority in chain[1:]:
            context.add_extra_chain_cert(authority)
        context.use_privatekey(key)
    except (SSL.Error, TypeError, ValueError) as error:
        raise ConfigError(
            f"{word}: OpenSSL does not take the certificate in {word.certificate} ({error}); make a new one, "
            "RSA with 2048 bits or more, or ECDSA"
        ) from error


def _read(word: TLS, path: str, what: str, load: Callable[[bytes], Any], missing: str) -> Any:
    try:
        with open(path, "rb") as file:
            pem = file.read(1048576)
    except OSError as error:
        raise ConfigError(
            f"{word}: the {what} file {path} cannot be read ({error.strerror}); name one that exists and that this user may read"
        ) from error
    try:
        return load(pem)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{word}: in {path} there is {missing}; put it there, or name another {what} file") from error


def _spki(holder: Any) -> bytes:
    public = holder.public_key()
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _trust(context: SSL.Context, authorities: str) -> None:
    if not authorities:
        context.set_default_verify_paths()
        return
    try:
        context.load_verify_locations(authorities)
    except SSL.Error as error:
        raise ConfigError(
            f"TLS(authorities={authorities!r}) cannot be read or holds no PEM certificate; "
            "name a file of the authorities' certificates, or leave it out for the system's"
        ) from error


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The domains a certificate speaks for, in lower case (RFC 5922 section 7.1).

    Its sip: URIs without a user; if there are none, its DNS names; its common name only if it has no alternative names at
    all.  Wildcards speak for nobody (section 7.2).  At most 100 are looked at; a malformed certificate has none.
    """
    try:
        found = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        try:
            common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except ValueError:
            return ()
        return tuple(name for name in (plain(str(entry.value)) for entry in common[:1]) if name)
    except ValueError:
        return ()
    if not isinstance(found, x509.SubjectAlternativeName):
        return ()
    uris = found.get_values_for_type(x509.UniformResourceIdentifier)[:MOST_NAMES]
    domains = [plain(uri[4:]) for uri in uris if uri[:4].lower() == "sip:"]
    if not any(domains):
        domains = [plain(name) for name in found.get_values_for_type(x509.DNSName)[:MOST_NAMES]]
    return tuple(domain for domain in domains if domain)


def addresses_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The addresses a certificate speaks for."""
    try:
        found = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    if not isinstance(found, x509.SubjectAlternativeName):
        return ()
    addresses = found.get_values_for_type(x509.IPAddress)[:MOST_NAMES]
    return tuple(str(one) for one in addresses if isinstance(one, ipaddress.IPv4Address | ipaddress.IPv6Address))


def plain(name: str) -> str:
    """The name in lower case without its final dot, "" for anything that is no plain host name."""
    raw = name.encode("utf-8", "surrogateescape").lower().rstrip(b".")
    if not raw or len(raw) > 253 or not only(raw, HOST):
        return ""
    return raw.decode("ascii")
