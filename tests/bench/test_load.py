"""The benchmark's own parts hold: its site starts, and its load generator finds every unit answered rightly.  No speed is judged."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or not Path("/proc/self/task").is_dir(), reason="needs a C compiler and Linux"
)
WORKLOADS = ["options", "unauth", "register", "message", "call", "message_auth", "call_auth", "bindings", "ringing"]


@pytest.fixture(scope="module")
def load(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program: Path = bench.load.build_load(tmp_path_factory.mktemp("load"))
    return program


@pytest.fixture(scope="module")
def site(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    certificates = bench.certificates.make_certificates(tmp_path_factory.mktemp("certificates"))
    job = bench.servers.Job(users=5, certificates=certificates)
    server = bench.servers.start_twsip(tmp_path_factory.mktemp("site"), None, job)
    yield server
    server.stop()


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_unit_is_answered(bench: Any, load: Path, site: Any, workload: str) -> None:
    found = bench.load.measure(load, site, workload, 2, 60, 0, None, 20)
    assert (found["units"], found["lost"], found["wrong"], found["why"]) == (20, 0, 0, "")
    assert found["cpu_us"] > 0


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("workload", WORKLOADS[:-2])
def test_every_unit_is_answered_over_connections(
    bench: Any, load: Path, site: Any, workload: str, transport: str
) -> None:
    if transport == "tls" and not bench.load.speaks_tls(load):
        pytest.skip("OpenSSL's headers are not installed")
    found = bench.load.measure(load, site, workload, 20, 60, 0, None, 60, transport=transport)
    assert (found["units"], found["lost"], found["wrong"], found["why"]) == (60, 0, 0, "")
    assert bool(found["cipher"]) == (transport == "tls")


def test_without_openssl_there_is_no_tls(bench: Any, site: Any, tmp_path: Path) -> None:
    plain = bench.load.build_load(tmp_path, tls=False)
    assert not bench.load.speaks_tls(plain)
    with pytest.raises(bench.load.Unusable, match="no such transport here"):
        bench.load.measure(plain, site, "options", 2, 60, 0, None, 20, transport="tls")


def test_bindings_in_sqlite_are_in_the_file(bench: Any, load: Path, tmp_path: Path) -> None:
    server = bench.servers.start_twsip(tmp_path, None, bench.servers.Job(durable=True, users=5))
    try:
        found = bench.load.measure(load, server, "register", 2, 60, 0, None, 20)
        assert (found["units"], found["lost"], found["wrong"]) == (20, 0, 0)
        store = sqlite3.connect(f"file:{tmp_path / 'bench.db'}?mode=ro", uri=True)
        assert store.execute("SELECT count(*) FROM location").fetchone() == (5,)
        store.close()
    finally:
        server.stop()


def test_a_banned_source_gets_nothing_and_the_good_one_everything(bench: Any, load: Path, tmp_path: Path) -> None:
    server = bench.servers.start_twsip(tmp_path, None, bench.servers.Job(banned=True, users=5))
    try:
        found = bench.load.flooded(load, server, 500, 50, 0.5, None)
        assert found["flood"]["sent"] > 0
        assert found["flood"]["answered"] == 0
        assert (found["wrong"], found["why"]) == (0, "")
        assert found["units"] > 0
    finally:
        server.stop()


def test_a_flood_that_is_answered_is_found_out(bench: Any, load: Path, site: Any) -> None:
    assert bench.load.flooded(load, site, 500, 50, 0.5, None)["flood"]["answered"] > 0


def test_what_is_answered_wrongly_is_found_out(bench: Any, load: Path, tmp_path: Path) -> None:
    echo = bench.servers.start_echo(load, tmp_path, None)
    try:
        # Everything is a 200 to it: fine for OPTIONS, wrong for a REGISTER without credentials.
        assert bench.load.measure(load, echo, "options", 2, 60, 0, None, 20)["wrong"] == 0
        found = bench.load.measure(load, echo, "unauth", 2, 60, 0, None, 20)
        assert found["units"] == 0
        assert found["wrong"] >= 20
        assert "a wrong status" in found["why"]
        found = bench.load.measure(load, echo, "call", 2, 60, 0, None, 20)
        assert found["units"] == 0
        assert "200 for what never arrived" in found["why"]
        # And it listens on no connections.
        with pytest.raises(bench.load.Unusable, match="no socket to the server"):
            bench.load.measure(load, echo, "options", 2, 60, 0, None, 20, transport="tcp")
    finally:
        echo.stop()


def test_a_certificate_of_somebody_else_is_refused(bench: Any, load: Path, site: Any, tmp_path: Path) -> None:
    if not bench.load.speaks_tls(load):
        pytest.skip("OpenSSL's headers are not installed")
    other = bench.certificates.make_certificates(tmp_path)
    words = ["options", f"tls:{other.authority}", site.tls_port, 0, 1, 0, 0, 5]
    run = subprocess.run([load, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert "no TLS handshake" in run.stdout


@pytest.mark.parametrize("durable", [False, True])
def test_kamailio_does_the_same_job(bench: Any, load: Path, tmp_path: Path, durable: bool) -> None:
    certificates = bench.certificates.make_certificates(tmp_path / "certificates")
    job = bench.servers.Job(durable, banned=True, users=5, certificates=certificates)
    lacks = bench.servers.kamailio_lacks(job)
    if lacks:
        (pytest.fail if os.environ.get("TWSIP_PEERS") == "required" else pytest.skip)(lacks)
    server = bench.servers.start_kamailio(tmp_path / "kamailio", None, job)
    try:
        for transport in ["udp", "tcp", *(["tls"] if bench.load.speaks_tls(load) else [])]:
            for workload in ("register", "call_auth"):
                found = bench.load.measure(load, server, workload, 2, 60, 0, None, 20, transport=transport)
                assert (found["units"], found["lost"], found["wrong"], found["why"]) == (20, 0, 0, "")
        assert bench.load.flooded(load, server, 500, 50, 0.5, None)["flood"]["answered"] == 0
    finally:
        server.stop()


def test_nothing_of_a_server_is_left(bench: Any, load: Path, tmp_path: Path) -> None:
    server = bench.servers.start_twsip(tmp_path, None, bench.servers.Job(users=5))
    pids = server.pids()
    assert server.cpu() > 0
    assert server.resident() > 1
    server.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
