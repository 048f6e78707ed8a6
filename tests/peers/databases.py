"""Both database servers, and Kamailio's table in them."""

from collections.abc import Callable
from pathlib import Path

from .mariadb import MariaDB
from .postgresql import PostgreSQL
from .scene import Missing

__all__ = ["KINDS", "MariaDB", "PostgreSQL", "kamailio_table", "start_database"]

KAMAILIO = Path("/usr/share/kamailio")
KINDS: dict[str, Callable[[], PostgreSQL | MariaDB]] = {"postgresql": PostgreSQL, "mysql": MariaDB}


def start_database(kind: str) -> PostgreSQL | MariaDB:
    """A running server with an empty database; `close` ends it."""
    made = KINDS[kind]()
    try:
        made.set_up()
    except BaseException:
        made.close()
        raise
    return made


def kamailio_table(database: PostgreSQL | MariaDB) -> None:
    """Make Kamailio's `subscriber` table from its own script, or say that the script is not here."""
    folder = KAMAILIO / ("postgres" if database.kind == "postgresql" else "mysql")
    if not folder.exists():
        raise Missing(f"not installed: {folder}; tests/peers/packages.txt names the Debian packages")
    for part in ("standard", "auth_db"):
        database.load(folder / f"{part}-create.sql")
