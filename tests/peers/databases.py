"""Real database servers of a test's own: PostgreSQL and MariaDB in a temporary folder, as an ordinary user, on loopback and a Unix socket."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .certificates import Authority
from .program import Program, wait_until
from .scene import Missing, need

NOBODY = "nobody"
KAMAILIO = Path("/usr/share/kamailio")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str, *places: str) -> str:
    # Debian keeps a server's programs where no PATH leads.
    for place in places:
        found = sorted(Path("/").glob(f"{place}/{name}"))
        if found:
            return str(found[-1])
    found_in_path = shutil.which(name)
    if found_in_path is None:
        raise Missing(f"not installed: {name}; tests/peers/packages.txt names the Debian packages")
    return found_in_path


class Database:
    """What both have: a folder, a port, a start, three ways to end.  Neither server runs as root."""

    kind = ""
    end = signal.SIGTERM

    def __init__(self) -> None:
        # Not pytest's folder: nobody may look into it, and a Unix socket's path must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="twsip-"))
        self.run: list[str] = []
        if os.geteuid() == 0:
            need("setpriv")
            who = pwd.getpwnam(NOBODY)
            os.chown(self.folder, who.pw_uid, who.pw_gid)
            self.run = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
        self.port = _free_port()
        self.starts = 0
        self.program: Program | None = None
        self.tls: list[str] = []

    def restart_with(self, authority: Authority | None) -> None:
        """Start it anew with a certificate of 127.0.0.1, or without one."""
        self.stop()
        self.tls = []
        if authority is not None:
            authority.issue("database", "127.0.0.1")
            for ending in ("pem", "key"):
                copy = self.folder / f"database.{ending}"
                copy.unlink(missing_ok=True)
                copy.touch(0o600)
                copy.write_bytes((authority.folder / copy.name).read_bytes())
                if os.geteuid() == 0:
                    shutil.chown(copy, NOBODY)
            self.tls = self.with_certificate(self.folder / "database.pem", self.folder / "database.key")
        self.start()

    def with_certificate(self, certificate: Path, key: Path) -> list[str]:
        """The words of its command line for these."""
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        """What starts it."""
        raise NotImplementedError

    def connect(self) -> Any:
        """A connection of the test's own, with every right, to the test's database."""
        raise NotImplementedError

    def url(self, user: str = "", password: str = "", *, by_tcp: bool = False, database: str = "kamailio") -> str:
        """A URL for SQLAccounts."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, the first time or again, and wait until it answers."""
        self.starts += 1
        self.program = Program(f"{self.kind}-{self.starts}", self.command(), self.folder / "log", run=self.run)
        wait_until(self.answers, 30, f"{self.kind} answers", self.program.tail)

    def answers(self) -> bool:
        """Whether a connection can be made."""
        assert self.program is None or self.program.process.poll() is None, self.program.tail()
        try:
            self.connect().close()
        except Exception:
            return False
        return True

    def execute(self, *statements: str) -> None:
        """Run statements in the test's database."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def stop(self) -> None:
        """Ask it to end and hang up on everybody."""
        assert self.program is not None
        self.program.process.send_signal(self.end)
        self.program.ends(20)

    def kill(self) -> None:
        """End it as a power failure would, with every process that it started."""
        assert self.program is not None
        children = self._children()
        self.program.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 10, f"{self.kind} is gone")

    def freeze(self) -> None:
        """Let it neither answer nor end, like a machine that is far too busy."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self.program is not None
        for pid in [*self._children(), self.program.process.pid]:
            os.kill(pid, number)

    def _children(self) -> list[int]:
        # PostgreSQL has one process for each connection.
        assert self.program is not None
        pid = self.program.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def close(self) -> None:
        """End it and remove everything."""
        if self.program is not None and self.program.process.poll() is None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _do(self, command: Sequence[str], **words: Any) -> None:
        done = subprocess.run(
            [*self.run, *command], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False, **words
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


class PostgreSQL(Database):
    """PostgreSQL with Kamailio's tables, who trusts everybody but the user `careful`."""

    kind = "postgresql"
    end = signal.SIGINT

    def __init__(self) -> None:
        super().__init__()
        places = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
        self._server = _program("postgres", *places)
        self.data = self.folder / "data"
        self._do([_program("initdb", *places), "-D", str(self.data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C"])
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


class MariaDB(Database):
    """MariaDB with Kamailio's tables."""

    kind = "mysql"

    def __init__(self) -> None:
        super().__init__()
        self._server = _program("mariadbd", "usr/sbin", "usr/libexec")
        self.data = self.folder / "data"
        self.socket = self.folder / "mysqld.sock"
        self._do(
            [
                _program("mariadb-install-db", "usr/bin"),
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


MAKERS: dict[str, Callable[[], PostgreSQL | MariaDB]] = {"postgresql": PostgreSQL, "mysql": MariaDB}


def kamailio_table(database: PostgreSQL | MariaDB) -> None:
    """Make Kamailio's `subscriber` table from its own script, or say that the script is not here."""
    folder = KAMAILIO / ("postgres" if database.kind == "postgresql" else "mysql")
    if not folder.exists():
        raise Missing(f"not installed: {folder}; tests/peers/packages.txt names the Debian packages")
    for part in ("standard", "auth_db"):
        database.load(folder / f"{part}-create.sql")
