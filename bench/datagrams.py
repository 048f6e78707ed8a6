"""The datagram loop alone: an echo through twsip's transports, one by one and in the kernel's batches.    python bench/datagrams.py

CPU of the server by the operating system, microseconds a datagram there and back; with --count instructions by callgrind
(user space only).  The batches need the extension: TWSIP_COMPILE=1 python setup.py build_ext --inplace.
"""

import argparse
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

DATA = b"OPTIONS sip:bench.example SIP/2.0\r\n" + b"X: " + b"y" * 400 + b"\r\n\r\n"
END = b"end"


class Echo:
    """A receiver that sends back what comes, and stops the reactor when it is told to."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.turns = 0
        self.took = 0

    def received(self, arrival: Any) -> None:
        if arrival.data == END:
            self._reactor.stop()
        else:
            self.took += 1
            arrival.flow.send(arrival.data)

    def turn_ends(self) -> None:
        self.turns += 1

    def flow_broke(self, flow: object, why: str, quoted: bytes = b"") -> None:
        pass


def serve(name: str) -> None:
    """The server's side: says its port, then what it used."""
    from twisted.internet import reactor

    from twsip.api.events import tell_nobody
    from twsip.transport import UDP, Transports, batches, udp

    udp.fastest = lambda: getattr(batches, name)
    echo = Echo(reactor)
    transports = Transports([UDP(0, "127.0.0.1")], echo, reactor, tell_nobody, now=time.time)
    transports.start()
    print(transports.listening[0][2], flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF)
    reactor.run()  # type: ignore[attr-defined]
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime, echo.took, echo.turns, flush=True)


def load(port: int, times: int, window: int) -> None:
    """Keeps so many datagrams under way until so many came back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.connect(("127.0.0.1", port))
        mine.settimeout(5)
        for first in range(0, times, window):
            for _ in range(min(window, times - first)):
                mine.send(DATA)
            for _ in range(min(window, times - first)):
                mine.recv(65536)
        mine.send(END)


def measure(name: str, times: int, window: int, before: list[str]) -> tuple[float, float, int, int]:
    """One run of one way."""
    command = [*before, sys.executable, __file__, "--serve", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        load(int(server.stdout.readline()), times, window)
        user, system, took, turns = server.stdout.readline().split()
    return float(user), float(system), int(took), int(turns)


def counted(name: str, window: int, folder: Path) -> float:
    """Instructions a datagram: of many less those of few, so that starting and stopping fall out."""
    sums = []
    for times in (400, 1200):
        out = folder / f"{name}.{times}"
        measure(name, times, window, ["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={out}"])
        (line,) = (line for line in out.read_text(errors="replace").splitlines() if line.startswith("summary:"))
        sums.append(int(line.split()[1]))
    return (sums[1] - sums[0]) / 800


def main() -> None:
    """One row a way and a window."""
    parser = argparse.ArgumentParser(description="the datagram loop alone")
    parser.add_argument("--serve")
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--times", type=int, default=60000)
    parser.add_argument("--only", default="OneByOne,Together")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    folder = Path(tempfile.mkdtemp(prefix="twsip-datagrams-"))
    try:
        for window in (1, 4, 32):
            for name in options.only.split(","):
                if options.count:
                    print(
                        f"{name:10} {window:3} under way: {counted(name, window, folder):8.0f} instructions", flush=True
                    )
                    continue
                user, system, took, turns = min(measure(name, options.times, window, []) for _ in range(3))
                each = 1e6 / took
                print(
                    f"{name:10} {window:3} under way: {(user + system) * each:6.2f} us "
                    f"({user * each:.2f} user, {system * each:.2f} system), {took / turns:.1f} a turn",
                    flush=True,
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
