"""One program that a test started: its log, its end, and a bounded wait for both."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PAUSE = 0.02
LAST_LINES = 80


class NotInTime(AssertionError):
    """Something that was waited for did not happen; the text has the end of the logs."""


def wait_until(true: Callable[[], bool], within: float, what: str, tell: Callable[[], str] = str) -> None:
    """Look again and again until it is true; NotInTime after `within` seconds."""
    until = time.monotonic() + within
    while not true():
        if time.monotonic() > until:
            raise NotInTime(f"{what}: not within {within} seconds\n{tell()}")
        time.sleep(PAUSE)


class Program:
    """A running program whose output goes to `log`; only its own process id is ever signalled."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        run: Sequence[str] = (),
        talks: bool = False,
    ) -> None:
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*run, *command],
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        """All that it said so far."""
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        """The end of what it said, under a heading."""
        lines = self.text().splitlines()[-LAST_LINES:]
        return "\n".join([f"--- {self.name} (return code {self.process.poll()}), last lines of its log:", *lines])

    def says(self, text: str, within: float = 10, times: int = 1) -> None:
        """Wait until the text stands in its log (so many times); a program that ended before is a failure at once."""

        def said() -> bool:
            if self.text().count(text) >= times:
                return True
            if self.process.poll() is not None and self.text().count(text) < times:
                raise NotInTime(f"{self.name} ended without saying {text!r}\n{self.tail()}")
            return False

        wait_until(said, within, f"{self.name} says {text!r}", self.tail)

    def write(self, line: str) -> None:
        """Give it one line of input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ends(self, within: float = 15) -> int:
        """Wait for its end; its return code."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired as error:
            raise NotInTime(f"{self.name} ends: not within {within} seconds\n{self.tail()}") from error

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait(5)

    def stop(self) -> int:
        """Ask it to end, and make it end after five seconds; its return code."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait(5)
