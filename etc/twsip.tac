"""A registrar and proxy for one machine.    Run it:  make run,  or  twistd -ny etc/twsip.tac

Copy this file, put your domain and addresses in, and remove what speaks of loopback.
Environment: TWSIP_VAR is the folder for data (otherwise var), TWSIP_PORT the SIP port (otherwise 5060; TLS is one above).
"""

import os

from twsip.site import TCP, TLS, UDP, Site, plugin  # noqa: F401  plugin: see below
from twsip.checks import Blacklist, Digest, InDialog, NoOpenRelay, NoPrivate, OwnIdentity, Sanity, Trusted  # noqa: F401
from twsip.cred import SQLAccounts
from twsip.handlers import Options, Proxy, Registrar
from twsip.stores import SQLite

domain = "127.0.0.1"  # put your domain here: it is also the realm of the passwords
address = "127.0.0.1"  # "0.0.0.0" and "::" listen on all addresses
loopback = ["127.0.0.0/8", "::1/128"]

var = os.environ.get("TWSIP_VAR", "var")
port = int(os.environ.get("TWSIP_PORT", "5060"))
database = f"{var}/twsip.db"

site = Site(
    domain,
    also=["localhost"],
    listen=[
        UDP(port, address),
        TCP(port, address),
        TLS(port + 1, address, certificate=f"{var}/certificate.pem", key=f"{var}/key.pem"),
    ],
    requests=[  # every new request, in this order
        Sanity(),
        InDialog(),  # proven by our own signature in Record-Route
        # Trusted("192.0.2.16/28"),             # gateways: known by address, never challenged
        Digest({domain: SQLAccounts(database)}),
        OwnIdentity(),  # bob may not register as alice
        # plugin("office-hours", opens="08:00", shuts="19:00"),
        NoOpenRelay(),  # somebody above must have vouched for it
    ],
    handlers=[Registrar(), Options(), Proxy()],
    destinations=[  # every address, after DNS, before a packet leaves
        Blacklist("gateways", "192.0.2.16/28"),
        NoPrivate(welcome=loopback),  # phones on this machine may be called; elsewhere leave `welcome` out
    ],
    bindings=SQLite(database),
    subscribers=database,
    control=f"{var}/control.sock",
    secret=f"{var}/secret",
)

application = site.application()
