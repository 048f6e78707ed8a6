"""PostgreSQL as a database server of a test's own."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .database import Database, program_at

PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")


class PostgreSQL(Database):
    """PostgreSQL with Kamailio's tables, who trusts everybody but the user `careful`."""

    kind = "postgresql"
    end = signal.SIGINT

    def __init__(self) -> None:
        self._server = program_at("postgres", *PLACES)
        super().__init__()
        self.data = self.folder / "data"

    def set_up(self) -> None:
        """Make the files, start it, make the test's database."""
        self.do([program_at("initdb", *PLACES), "-D", str(self.data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C"])
        access = self.data / "pg_hba.conf"
        access.write_text("host all careful all scram-sha-256\nlocal all careful scram-sha-256\n" + access.read_text())
        self.start()
        self._admin("CREATE DATABASE kamailio")

    def command(self) -> Sequence[str]:
        """In the foreground, with nothing that costs time for safety."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": 40,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self._server, "-D", str(self.data), *words, *self.tls]

    def with_certificate(self, certificate: Path, key: Path) -> list[str]:
        """The words of its command line for these."""
        return ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={key}"]

    def connect(self, database: str = "") -> Any:
        """Through the Unix socket."""
        import psycopg

        database = database or ("kamailio" if (self.folder / "made").exists() else "postgres")
        return psycopg.connect(host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True)

    def _admin(self, statement: str) -> None:
        connection = self.connect("postgres")
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()
        (self.folder / "made").touch()

    def load(self, script: Path) -> None:
        """Run a script of Kamailio's."""
        self.execute(script.read_text())

    def url(self, user: str = "postgres", password: str = "", *, by_tcp: bool = False, database: str = "kamailio") -> str:
        """Over loopback or the socket."""
        login = f"{user}:{quote(password, '')}" if password else user
        if by_tcp:
            return f"postgres://{login}@127.0.0.1:{self.port}/{database}"
        return f"postgres://{login}@:{self.port}/{database}?host={self.folder}"
