"""The site that is measured: the example site's checks, all on, and one neighbour on 127.0.0.2 that is known by address."""

import os

from twsip.checks import Blacklist, Digest, InDialog, NoOpenRelay, NoPrivate, OwnIdentity, Sanity, Trusted
from twsip.cred import SQLAccounts
from twsip.handlers import Options, Proxy, Registrar
from twsip.site import UDP, Site
from twsip.stores import SQLite

domain = "bench.example"
database = os.environ["TWSIP_BENCH_DATABASE"]

site = Site(
    domain,
    listen=[UDP(int(os.environ["TWSIP_BENCH_PORT"]), "127.0.0.1")],
    requests=[
        Sanity(),
        InDialog(),
        Trusted("127.0.0.2", trust_udp=True),
        Digest({domain: SQLAccounts(database)}),
        OwnIdentity(),
        NoOpenRelay(),
    ],
    handlers=[Registrar(), Options(), Proxy()],
    destinations=[
        Blacklist("gateways", "192.0.2.16/28"),
        NoPrivate(welcome=["127.0.0.0/8"]),
    ],
    bindings=SQLite(database),
    subscribers=database,
)

application = site.application()
