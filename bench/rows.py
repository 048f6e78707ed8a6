"""What is measured, row by row, and the marks that the figures are held against."""

from dataclasses import dataclass

UNITS = {
    "options": "OPTIONS, 200",
    "unauth": "REGISTER, 401",
    "register": "digest registration (4 messages)",
    "message": "relayed MESSAGE, 200",
    "call": "call (INVITE 100 180 200 ACK BYE 200)",
    "message_auth": "relayed MESSAGE with 407",
    "call_auth": "call with 407",
}


@dataclass(frozen=True)
class Row:
    """One unit of work over one transport; durable: with bindings in SQLite."""

    name: str
    text: str
    workload: str
    transport: str = "udp"
    durable: bool = False

    @property
    def main(self) -> bool:
        """Whether it is one of the rows that are also measured at half the rate."""
        return self.transport == "udp" and not self.durable


def _all_rows() -> dict[str, Row]:
    rows = [Row(name, text, name) for name, text in UNITS.items()]
    rows.append(Row("register_durable", "digest registration, kept in SQLite", "register", durable=True))
    for transport in ("tcp", "tls"):
        rows += [Row(f"{name}_{transport}", f"{text}, {transport.upper()}", name, transport) for name, text in UNITS.items()]
    return {row.name: row for row in rows}


ROWS = _all_rows()
FULL = [name for name in ROWS if not name.startswith("message_auth_")]
QUICK = ["options", "unauth", "register", "message", "call", "register_durable", "call_tcp", "call_tls"]

# Printed beside the figures, never a reason to fail.
TO_TUNED = {"options": 1.6, "unauth": 1.6, "register": 1.6, "message": 1.0, "call": 1.1}
TO_DEBIAN = 0.7
INTERPRETED = 2.5
FIRST_MARKS = {"options": 30.0, "register": 130.0, "message": 90.0, "call": 400.0}  # us, interpreted, of issue 2
BINDINGS_MIB = 80.0
