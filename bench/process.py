"""One server as a process: started on its core, asked what it spent by the operating system, ended by its own id."""

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

DOMAIN = "bench.example"
FIRST = "TWSIP_BENCH_FIRST"
UP_WITHIN = 20.0


@dataclass
class Server:
    """One running server: what it is, its process, its ports, and how many users it knows for each transport."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    callee: int
    users: int = 0
    tls_port: int = 0
    authority: Path | None = None
    notes: list[str] = field(default_factory=list)

    def pids(self) -> list[int]:
        """The process and everything it forked."""
        found = [self.process.pid]
        for pid in found:
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue
        return found

    def cpu(self) -> float:
        """Seconds of user and system time so far, all threads and children, as the kernel's scheduler counts them."""
        total = 0.0
        for pid in self.pids():
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    total += int((task / "schedstat").read_text().split()[0]) * 1e-9
            except (OSError, ValueError, IndexError):
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                except OSError:
                    continue
        return total

    def resident(self) -> float:
        """MiB of memory that is its own or shared with its children only (PSS, else RSS)."""
        total = 0.0
        for pid in self.pids():
            for file, name in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
                try:
                    lines = [line.split() for line in Path(f"/proc/{pid}/{file}").read_text().splitlines()]
                except OSError:
                    continue
                total += next((int(line[1]) for line in lines if line and line[0] == name), 0) / 1024
                break
        return total

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def free_port() -> int:
    """A UDP and TCP port that nobody uses just now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def answers(port: int) -> bool:
    """Whether something answers an OPTIONS there within a quarter of a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.25)
        probe.connect(("127.0.0.1", port))
        here = probe.getsockname()[1]
        text = (
            f"OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{here};branch=z9hG4bKup{time.monotonic_ns()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:up@{DOMAIN}>;tag=up\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: up{time.monotonic_ns()}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            probe.send(text.encode())
            return probe.recv(2000).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def put(core: int | None) -> None:
    """Bind this process to the core, and let it go before all others if --first asked for that."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    if FIRST in os.environ:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def spawn(
    name: str, command: list[str], port: int, folder: Path, core: int | None, environment: dict[str, str]
) -> Server:
    """Start a server in a process group of its own, on its core; it is up when this returns.

    RuntimeError with the end of its log if it ends or is silent for 20 seconds.
    """
    log = folder / f"{name.replace(' ', '-')}.log"

    def settle() -> None:
        os.setpgid(0, 0)
        put(core)

    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | environment,
            preexec_fn=settle,
        )
    server = Server(name, process, port, folder, free_port())
    until = time.monotonic() + UP_WITHIN
    while time.monotonic() < until and process.poll() is None:
        if answers(port):
            return server
        time.sleep(0.1)
    server.stop()
    raise RuntimeError(f"{name} does not run; its log ends:\n{log.read_text(errors='replace')[-2500:]}")
