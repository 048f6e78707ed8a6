"""Prepares `var/` for `make run`: a database with two subscribers, a self-signed certificate, and what to try it with.

Run again it changes nothing and prints the same.  Usage: first_run.py [FOLDER]
"""

import datetime
import ipaddress
import os
import secrets
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from twsip.stores import Subscribers

DOMAIN = "127.0.0.1"
PEOPLE = ("alice", "bob")


def private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def make_subscribers(var: Path) -> None:
    """alice and bob, each with a password of its own."""
    people = Subscribers(str(var / "twsip.db"))
    lines = []
    for name in PEOPLE:
        password = secrets.token_urlsafe(12)
        people.add(name, DOMAIN, password)
        lines.append(f"{name}@{DOMAIN} {password}\n")
    private(var / "credentials.txt", "".join(lines).encode())


def make_certificate(var: Path) -> None:
    """A key, and a certificate for it that nobody has signed: good for trying, not for phones of others."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "twsip on loopback")])
    names = [x509.IPAddress(ipaddress.ip_address(DOMAIN)), x509.DNSName("localhost")]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=825))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private(
        var / "key.pem",
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    (var / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def main(var: Path) -> None:
    """Make what is missing, then say how to try it."""
    var.mkdir(mode=0o700, exist_ok=True)
    port = os.environ.get("TWSIP_PORT", "5060")
    if not (var / "credentials.txt").exists():
        make_subscribers(var)
    if not (var / "key.pem").exists():
        make_certificate(var)
    people = [line.split() for line in (var / "credentials.txt").read_text().splitlines()]
    print("subscribers:")
    for who, password in people:
        print(f"    sip:{who}    password  {password}")
    who, password = people[0]
    name = who.partition("@")[0]
    at = f"{DOMAIN}:{port}"
    print("try it, in another terminal:")
    print(f"    sipsak -U -s sip:{name}@{at} -u {name} -a {password} -C sip:{name}@{DOMAIN}:9999 -x 60 -v")
    print(f"    {os.path.relpath(Path(sys.executable).with_name('twsipctl'))} ul show")
    for line, (who, password) in zip(("baresip account for", "baresip account for"), people, strict=True):
        print(f"{line} {who.partition('@')[0]}:  <sip:{who}:{port}>;auth_user={who.partition('@')[0]};auth_pass={password}")
    print(f"linphone:  user name {name}, domain {at}, the password above, transport UDP, TCP or (port {int(port) + 1}) TLS")
    print(f"TLS certificate to trust:  {var / 'certificate.pem'}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var"))
