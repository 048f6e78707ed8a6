"""Certificates made on the spot: an authority, and whatever it signs."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def sans(*names: str) -> list[x509.GeneralName]:
    """General names: sip:... is a URI, an address an address, anything else a DNS name."""
    found: list[x509.GeneralName] = []
    for name in names:
        if ":" in name and not name.replace(":", "").isalnum():
            found.append(x509.UniformResourceIdentifier(name))
            continue
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.UniformResourceIdentifier(name) if name[:4].lower() == "sip:" else x509.DNSName(name))
    return found


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self._builder(self._name, self._key, NOW + DAY, NOW - DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = str(folder / f"{name}.pem")
        Path(self.file).write_bytes(certificate.public_bytes(Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime.datetime, since: datetime.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )

    def certificate(
        self,
        *names: str,
        common: str = "common.example",
        until: datetime.datetime = NOW + DAY,
        since: datetime.datetime = NOW - DAY,
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A certificate for these names, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
        builder = self._builder(subject, key, until, since)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans(*names)), critical=False)
        return builder.sign(self._key, hashes.SHA256()), key

    def paper(
        self,
        *names: str,
        common: str = "common.example",
        until: datetime.datetime = NOW + DAY,
        since: datetime.datetime = NOW - DAY,
        password: bytes = b"",
    ) -> str:
        """The file of a fresh certificate and its key."""
        certificate, key = self.certificate(*names, common=common, until=until, since=since)
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        file = self.folder / f"paper{certificate.serial_number}.pem"
        file.write_bytes(
            certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        )
        return str(file)
