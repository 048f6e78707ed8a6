"""The site that is measured: the example site's checks, all on, and one neighbour on 127.0.0.2 that is known by address.

From the environment: where it listens, where accounts are, where bindings go, and whom a flood comes from (servers.py).
"""

import os

from twsip.checks import Blacklist, Digest, InDialog, NoOpenRelay, NoPrivate, OwnIdentity, Sanity, Sources, Trusted
from twsip.cred import SQLAccounts
from twsip.handlers import Options, Proxy, Registrar
from twsip.site import TCP, TLS, UDP, Site
from twsip.stores import Memory, SQLite

domain = "bench.example"
database = os.environ["TWSIP_BENCH_DATABASE"]
port = int(os.environ["TWSIP_BENCH_PORT"])
tls_port = int(os.environ.get("TWSIP_BENCH_TLS_PORT", "0"))
certificate = os.environ.get("TWSIP_BENCH_CERTIFICATE", "")
banned = os.environ.get("TWSIP_BENCH_BANNED", "")

site = Site(
    domain,
    listen=[
        UDP(port, "127.0.0.1"),
        TCP(port, "127.0.0.1"),
        *([TLS(tls_port, "127.0.0.1", certificate=certificate)] if certificate else []),
    ],
    ingress=[Sources(deny=[banned])] if banned else [],
    requests=[
        Sanity(),
        InDialog(),
        Trusted("127.0.0.2", trust_udp=True),
        # An equal job: Kamailio sends no Authentication-Info unless it is told to.  bench/auth.py says what it costs.
        Digest({domain: SQLAccounts(database)}, add_authinfo_hdr=False),
        OwnIdentity(),
        NoOpenRelay(),
    ],
    handlers=[Registrar(), Options(), Proxy()],
    destinations=[
        Blacklist("gateways", "192.0.2.16/28"),
        NoPrivate(welcome=["127.0.0.0/8"]),
    ],
    bindings=SQLite(database) if os.environ.get("TWSIP_BENCH_BINDINGS") == "sqlite" else Memory(),
    subscribers=database,
)

application = site.application()
