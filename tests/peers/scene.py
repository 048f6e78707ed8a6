"""What belongs to one test: its cage, its folder, and the programs it started, which end with it."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from .cage import Cage
from .program import Program, wait_until


class Missing(Exception):
    """A program that a test needs is not installed."""


def need(*programs: str) -> None:
    """Raise Missing, naming those that are not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise Missing(f"not installed: {', '.join(missing)}; tests/peers/packages.txt names the Debian packages")


class Scene:
    """Start programs in the cage; `close` ends them in the opposite order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cage = Cage()
        self.programs: list[Program] = []

    def add(self, program: Program) -> Program:
        """Take over a program that somebody else started."""
        self.programs.append(program)
        return program

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        talks: bool = False,
    ) -> Program:
        """Start a program in the cage."""
        need(command[0])
        program = Program(name, command, folder or self.folder, environment, run=self.cage.run, talks=talks)
        return self.add(program)

    def bound(self, program: Program, transport: str, host: str, port: int, within: float = 10) -> None:
        """Wait until somebody in the cage has this IPv4 address and port; over TCP, until somebody listens there."""
        reverse = bytes(int(part) for part in reversed(host.split("."))).hex().upper()
        # Over TCP a connection that has just ended stands in the table too.
        wanted = f" {reverse}:{port:04X} " + ("" if transport == "UDP" else "00000000:0000 0A ")
        table = Path(f"/proc/{self.cage.pid}/net/{'udp' if transport == 'UDP' else 'tcp'}")

        def is_bound() -> bool:
            assert program.process.poll() is None, f"{program.name} ended too early\n{program.tail()}"
            return wanted in table.read_text()

        wait_until(is_bound, within, f"{program.name} listens at {transport} {host}:{port}", program.tail)

    def tails(self) -> str:
        """The ends of all logs."""
        return "\n".join(program.tail() for program in self.programs)

    def close(self) -> None:
        """End everything."""
        for program in reversed(self.programs):
            program.stop()
        self.cage.close()
