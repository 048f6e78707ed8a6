"""The servers that are measured, each doing the same job: twsip from any checkout, Kamailio, and an echo in C as the floor."""

import shutil
import sqlite3
import sys
from dataclasses import dataclass, replace
from functools import partial
from hashlib import md5, sha256
from pathlib import Path
from typing import Protocol

import process
from certificates import Certificates
from process import DOMAIN, Server, free_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
USERS = 1000
PASSWORD = "correct horse"
BANNED = "127.0.0.3"
TRANSPORTS = 3  # each has users of its own, so that a call rings on one of them only
TABLES = Path("/usr/share/kamailio/db_sqlite")
MODULES = (
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib64/kamailio/modules/",
)


@dataclass(frozen=True)
class Job:
    """What a server is to do: bindings in SQLite or in memory, a banned source or none, TLS with these certificates or without."""

    durable: bool = False
    banned: bool = False
    users: int = USERS
    certificates: Certificates | None = None


class Start(Protocol):
    """Starts a server in the folder, on the core."""

    def __call__(self, folder: Path, core: int | None, job: Job = ..., /) -> Server: ...


def prepare_accounts(database: Path, users: int) -> None:
    """So many subscribers for each transport in OpenSER's columns, secrets as HA1 only."""
    schema = (ROOT / "etc" / "subscriber.sql").read_text()
    with sqlite3.connect(database) as store:
        store.executescript(schema)
        known = {row[1] for row in store.execute("PRAGMA table_info(subscriber)")}
        for index in range(TRANSPORTS * users):
            user = f"u{index}"
            secret = f"{user}:{DOMAIN}:{PASSWORD}".encode()
            row = {"username": user, "domain": DOMAIN, "ha1": md5(secret).hexdigest()}
            if "ha1_sha256" in known:
                row["ha1_sha256"] = sha256(secret).hexdigest()
            marks = ", ".join("?" * len(row))
            store.execute(f"INSERT INTO subscriber ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    store.close()


def twsip_environment(folder: Path, job: Job, tree: Path = ROOT) -> dict[str, str]:
    """What bench.tac reads, with accounts made for this run; the code is that of `tree`."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "bench.db"
    prepare_accounts(database, job.users)
    wanted = {
        "TWSIP_BENCH_PORT": str(free_port()),
        "TWSIP_BENCH_DATABASE": str(database),
        "TWSIP_BENCH_BINDINGS": "sqlite" if job.durable else "memory",
        "TWSIP_BENCH_BANNED": BANNED if job.banned else "",
        "PYTHONPATH": str(tree),
    }
    if job.certificates is not None:
        wanted |= {"TWSIP_BENCH_TLS_PORT": str(free_port()), "TWSIP_BENCH_CERTIFICATE": str(job.certificates.server)}
    return wanted


def known(server: Server, job: Job, tls_port: int) -> Server:
    """The server, with what the load generator must know about it."""
    server.users = job.users
    if job.certificates is not None:
        server.tls_port, server.authority = tls_port, job.certificates.authority
    return server


def start_twsip(
    folder: Path, core: int | None, job: Job = Job(), *, tree: Path = ROOT, name: str = "twsip"
) -> Server:
    """The site of bench.tac, run from this tree."""
    environment = twsip_environment(folder, job, tree)
    program = "from twisted.scripts.twistd import run; run()"
    words = ["--nodaemon", "--pidfile=", "--logfile=-", "-y", str(HERE / "bench.tac")]
    command = [sys.executable, "-c", program, *words]
    server = process.spawn(name, command, int(environment["TWSIP_BENCH_PORT"]), folder, core, environment)
    return known(server, job, int(environment.get("TWSIP_BENCH_TLS_PORT", "0")))


def modules() -> Path:
    """Where Kamailio's modules are."""
    return next((Path(path) for path in MODULES if Path(path).is_dir()), Path(MODULES[0]))


def kamailio_lacks(job: Job) -> str:
    """Why Kamailio cannot do this job here: one sentence, "" if it can."""
    if shutil.which("kamailio") is None:
        return "kamailio is not installed (Debian: apt install kamailio): its columns are left out"
    if job.certificates is not None and not (modules() / "tls.so").exists():
        return "kamailio has no TLS (Debian: apt install kamailio-tls-modules): its TLS rows are left out"
    if job.durable and not ((modules() / "db_sqlite.so").exists() and (TABLES / "usrloc-create.sql").exists()):
        return "kamailio has no SQLite (Debian: apt install kamailio-sqlite-modules): twsip stands alone in register_durable"
    return ""


def start_kamailio(folder: Path, core: int | None, job: Job = Job(), *, allocator: str = "tlsf") -> Server:
    """Kamailio with one worker for UDP, one for connections, and this allocator; without TLS if its module is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    port, secure, database = free_port(), free_port(), folder / "kamailio.db"
    # A module that is missing costs its rows, never the whole column.
    if job.certificates is not None and not (modules() / "tls.so").exists():
        job = replace(job, certificates=None)
    define = [word for word, wanted in (("DURABLE", job.durable), ("BANNED", job.banned)) if wanted]
    if job.durable:
        prepare_location(database)
    text = (HERE / "kamailio.cfg").read_text()
    words = {"PORT": port, "SECURE": secure, "USERS": TRANSPORTS * job.users, "MODULES": f"{modules()}/", "DATABASE": database}
    if job.certificates is not None:
        define.append("WITH_TLS")
        words["CERTIFICATE"] = job.certificates.server
    for word, value in words.items():
        text = text.replace(word, str(value))
    config = folder / "kamailio.cfg"
    config.write_text(text)
    command = ["kamailio", "-f", str(config), "-DD", "-m", "3072", "-M", "64", "-x", allocator, "-Y", str(folder)]
    command += ["-w", str(folder), *(part for word in define for part in ("-A", word))]
    return known(process.spawn(f"kamailio {allocator}", command, port, folder, core, {}), job, secure)


def prepare_location(database: Path) -> None:
    """Kamailio's table of bindings, with the write-ahead log that twsip uses too."""
    with sqlite3.connect(database) as store:
        store.execute("PRAGMA journal_mode = WAL").fetchall()
        for part in ("standard", "usrloc"):
            store.executescript((TABLES / f"{part}-create.sql").read_text())
    store.close()


def start_echo(load: Path, folder: Path, core: int | None) -> Server:
    """The floor: C that receives and sends and does nothing between; it shows how fast this machine is just now."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    server = process.spawn("echo in C", [str(load), "echo", str(port)], port, folder, core, {})
    server.users = USERS
    return server


@dataclass(frozen=True)
class Column:
    """One column of the table: its name, how its server is started, whose code it is, and whether its memory is looked at."""

    name: str
    start: Start
    commit: str = ""
    remembered: bool = True

    def can(self, job: Job) -> bool:
        """Whether its server can do this job on this machine."""
        return not self.name.startswith("kamailio") or not kamailio_lacks(job)


def twsip_column(name: str, tree: Path, commit: str) -> Column:
    """twsip from this tree."""
    return Column(name, partial(start_twsip, tree=tree, name=name), commit)


def kamailio_column(allocator: str) -> Column:
    """Kamailio with this allocator; memory is looked at once, with the tuned one."""
    return Column(f"kamailio {allocator}", partial(start_kamailio, allocator=allocator), remembered=allocator == "tlsf")
