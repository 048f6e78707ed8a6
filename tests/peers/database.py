"""A real database server of a test's own: in a temporary folder, as an ordinary user, on loopback and a Unix socket."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .certificates import Authority
from .program import Program, wait_until
from .scene import Missing, need

NOBODY = "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program_at(name: str, *places: str) -> str:
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

    def set_up(self) -> None:
        """Make the files, start it, make the test's database."""
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

    def do(self, command: Sequence[str], **words: Any) -> None:
        """Run a command to its end."""
        done = subprocess.run(
            [*self.run, *command], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False, **words
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
