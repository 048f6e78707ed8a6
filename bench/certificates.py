"""Certificates for one run of the benchmark: an authority and a server under it, gone with the folder."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority's certificate, and the server's certificate with its key."""

    authority: Path
    server: Path


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey, now: datetime.datetime) -> x509.CertificateBuilder:
    subject, parent = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(parent).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))


def make_certificates(folder: Path) -> Certificates:
    """An authority and a certificate for 127.0.0.1 (P-256, both servers show the same), valid for two days."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    above, below = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, address = "twsip benchmark authority", "127.0.0.1"
    authority = _builder(issuer, issuer, above, now).add_extension(x509.BasicConstraints(True, None), critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    server = _builder(address, issuer, below, now).add_extension(names, critical=False)
    plain = serialization.NoEncryption()
    key = below.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem = [one.sign(above, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for one in (authority, server)]
    made = Certificates(folder / "authority.pem", folder / "server.pem")
    made.authority.write_bytes(pem[0])
    made.server.touch(mode=0o600)
    made.server.write_bytes(pem[1] + key)
    return made
