"""MariaDB as a database server of a test's own."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .database import Database, program_at


class MariaDB(Database):
    """MariaDB with Kamailio's tables."""

    kind = "mysql"

    def __init__(self) -> None:
        self._server = program_at("mariadbd", "usr/sbin", "usr/libexec")
        super().__init__()
        self.data = self.folder / "data"
        self.socket = self.folder / "mysqld.sock"

    def set_up(self) -> None:
        """Make the files, start it, make the test's database."""
        self.do(
            [
                program_at("mariadb-install-db", "usr/bin"),
                "--no-defaults",
                f"--datadir={self.data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
        )
        self.start()
        connection = self.connect("")
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE kamailio CHARACTER SET utf8mb4")
        connection.close()

    def command(self) -> Sequence[str]:
        """In the foreground, with nothing that costs time for safety."""
        return [
            self._server,
            "--no-defaults",
            f"--datadir={self.data}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            "--innodb-buffer-pool-size=32M",
            "--innodb-flush-log-at-trx-commit=0",
            *self.tls,
        ]

    def with_certificate(self, certificate: Path, key: Path) -> list[str]:
        """The words of its command line for these."""
        return [f"--ssl-cert={certificate}", f"--ssl-key={key}"]

    def connect(self, database: str = "kamailio") -> Any:
        """Through the Unix socket."""
        import pymysql

        return pymysql.connect(unix_socket=str(self.socket), user="root", database=database or None, autocommit=True, charset="utf8mb4")

    def answers(self) -> bool:
        """Whether a connection can be made."""
        assert self.program is None or self.program.process.poll() is None, self.program.tail()
        # PyMySQL forgets to close a socket that it cannot connect.
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self.socket)):
                return False
        self.connect("").close()
        return True

    def load(self, script: Path) -> None:
        """Run a script of Kamailio's: one statement at a time."""
        lines = [line for line in script.read_text().splitlines() if not line.startswith("--")]
        self.execute(*(statement for statement in "\n".join(lines).split(";") if statement.strip()))

    def url(self, user: str = "root", password: str = "", *, by_tcp: bool = False, database: str = "kamailio") -> str:
        """Over loopback or the socket."""
        login = f"{user}:{quote(password, '')}" if password else user
        if by_tcp:
            return f"mysql://{login}@127.0.0.1:{self.port}/{database}"
        return f"mysql://{login}@localhost/{database}?unix_socket={self.socket}"
