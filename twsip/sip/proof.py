"""The server's side of a digest: who knows the secret says so in Authentication-Info (RFC 7616 section 3.5, RFC 3261 section 22.4)."""

from typing import Final, final

from .digest import response
from .fields.auth import DigestCredentials

_BACKSLASH: Final = b"\\"
_BEGINS: Final[dict[str, bytes]] = {
    "auth": b'Authentication-Info: qop=auth, rspauth="',
    "auth-int": b'Authentication-Info: qop=auth-int, rspauth="',
}


@final
class Proof:
    """Credentials that held, and the HA1 that they were made with: a fact for whoever answers the request with a 2xx."""

    __slots__ = ("_algorithm", "_fields", "_ha1", "next_nonce")

    def __init__(self, algorithm: int, ha1_hex: bytes, fields: DigestCredentials) -> None:
        self._algorithm = algorithm
        self._ha1 = ha1_hex
        self._fields = fields
        self.next_nonce = ""
        """What the client should go on with, "" when it may keep the nonce that it has."""

    def line(self) -> bytes:
        """The header line with its line end, for a response without a body; b"" without qop, which is then not proven to be fresh.

        A cnonce with quoted pairs gets none either: nobody sends one, and what it means between our quotes is not worth finding out.
        """
        fields = self._fields
        if not fields.qop or _BACKSLASH in fields.cnonce:
            return b""
        # What the server hashes is what the client did, without a method.
        rspauth = response(self._algorithm, self._ha1, fields, b"", b"")
        end = f'", nextnonce="{self.next_nonce}"\r\n'.encode() if self.next_nonce else b'"\r\n'
        return b"".join((_BEGINS[fields.qop], rspauth, b'", nc=', fields.nc_text, b', cnonce="', fields.cnonce, end))

    def __repr__(self) -> str:
        return f"Proof({self._fields!r}, secret hidden)"
