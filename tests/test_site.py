"""A Site refuses nonsense when it is made, each with a sentence that names the culprit; and it knows its own names."""

import pytest
from zope.interface import implementer

from twsip.api import PASS, ConfigError, IEventReader, IRequestCheck
from twsip.api.events import Event
from twsip.checks import Digest, InDialog, NoOpenRelay, NoPrivate, OwnIdentity, Sanity, Trusted
from twsip.cred import SQLAccounts
from twsip.dns import FixedResolver
from twsip.handlers import Options, Proxy, Registrar
from twsip.ops import Ears
from twsip.site import TCP, TLS, UDP, Site
from twsip.stores import Memory
from twsip.transport import Names

REQUESTS = (Sanity(), InDialog(), Digest({"example.org": SQLAccounts("x.db")}), OwnIdentity(), NoOpenRelay())


def site(name="example.org", **words):
    words.setdefault("listen", [UDP(0, "127.0.0.1")])
    return Site(name, **words)


def test_a_whole_site():
    made = site(requests=REQUESTS, handlers=[Registrar(), Options(), Proxy()], bindings=Memory(), destinations=[NoPrivate()])
    assert made.name == "example.org"
    assert made.application()


def test_the_order_is_shown_and_numbered():
    made = site(
        listen=[UDP(5060, "127.0.0.1"), TCP(5060, "127.0.0.1")],
        requests=REQUESTS,
        handlers=[Options(), Proxy()],
        destinations=[NoPrivate()],
    )
    assert made.order() == [
        "example.org on UDP 127.0.0.1:5060, TCP 127.0.0.1:5060",
        "ingress (every packet): none",
        "requests (every new request):",
        "   1 sanity",
        "   2 in-dialog",
        "   3 digest",
        "   4 own-identity",
        "   5 no-open-relay",
        "handlers (the first that answers):",
        "   6 options",
        "   7 proxy",
        "destinations (every address, before a packet leaves):",
        "   8 no-private",
    ]


@implementer(IRequestCheck)
class Claims:
    """Says that it is a check and has no check()."""


@implementer(IRequestCheck)
class Odd:
    def check(self):
        return PASS


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"name": "sip:example.org"}, "'sip:example.org' is no domain"),
        ({"name": ""}, "is no domain"),
        ({"name": None}, "is no domain"),
        ({"name": "example.org:5060"}, "is no domain"),
        ({"also": ["a b"]}, "'a b' is no domain"),
        ({"also": "localhost"}, r"also=\[...\]"),
        ({"listen": []}, "listens nowhere"),
        ({"listen": UDP(5060)}, r"listen=\[...\]"),
        ({"listen": [5060]}, "listen= holds 5060"),
        ({"listen": [UDP(5060), UDP(5060)]}, "UDP 0.0.0.0:5060 is taken"),
        ({"listen": [TCP(5061), TLS(5061, certificate="c.pem")]}, "TLS 0.0.0.0:5061 is taken"),
        ({"requests": [object()]}, "requests= holds object, which does not provide IRequestCheck"),
        ({"requests": [NoOpenRelay]}, r"the class NoOpenRelay; write NoOpenRelay\(\)"),
        ({"requests": [Options()]}, "options, which does not provide IRequestCheck; it belongs in handlers="),
        ({"handlers": [NoPrivate()]}, "no-private, .* belongs in destinations="),
        ({"requests": [Claims()]}, "claims, which does not keep IRequestCheck"),
        ({"requests": [Odd()]}, "odd, which does not keep IRequestCheck"),
        ({"bindings": "twsip.db"}, "does not provide IBindings"),
        ({"resolver": object()}, "does not provide IResolver"),
        ({"readers": [print]}, "does not provide IEventReader"),
        ({"secret": b"short"}, "secret= has 5 bytes"),
        ({"handlers": [Proxy()]}, r"end requests= with NoOpenRelay\(\)"),
        ({"handlers": [Proxy()], "requests": [NoOpenRelay(), *REQUESTS[:4]]}, "own-identity runs after"),
        ({"handlers": [Proxy()], "requests": [Sanity(), OwnIdentity(), NoOpenRelay()]}, "nothing in requests= can vouch"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(words, sentence):
    with pytest.raises(ConfigError, match=sentence) as refused:
        site(**words)
    assert "\n" not in str(refused.value)


def test_a_trusted_peer_vouches_too():
    assert site(handlers=[Proxy()], requests=[Trusted("192.0.2.1"), NoOpenRelay()])


def test_udp_and_tcp_may_share_a_port_and_port_0_is_never_taken():
    assert site(listen=[UDP(5060), TCP(5060), UDP(0), UDP(0)])


def test_a_secret_is_made_once_and_kept(tmp_path):
    path = tmp_path / "secret"
    made = site(secret=str(path)).secret_bytes()
    assert len(made) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert site(secret=str(path)).secret_bytes() == made
    assert site().secret_bytes() != site().secret_bytes()
    assert site(secret=b"x" * 40).secret_bytes() == b"x" * 40


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_damaged_secret_is_refused(tmp_path, content):
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ConfigError, match="remove it"):
        site(secret=str(tmp_path / "secret")).secret_bytes()


def test_a_secret_that_cannot_be_made_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        site(secret=str(tmp_path / "nowhere" / "secret")).secret_bytes()


def names(name="example.org", domains=(), also=(), listen=(), now=lambda: 1000.0):
    return Names(name, domains, also, listen, now)


def test_realms():
    ours = names(domains=["partner.example"], also=["sip.example.org"], listen=[UDP(5060, "192.0.2.1")])
    assert ours.domains == ("example.org", "partner.example")
    assert ours.realm_for("example.org") == "example.org"
    assert ours.realm_for("partner.example") == "partner.example"
    for other in ("sip.example.org", "192.0.2.1", "elsewhere.example"):
        assert ours.realm_for(other) == "example.org"


@pytest.mark.parametrize(
    ("host", "port", "ours"),
    [
        ("example.org", 0, True),
        ("example.org", 5060, True),
        ("example.org", 5080, True),
        ("example.org", 6000, False),
        ("sip.example.org", 0, True),
        ("elsewhere.example", 0, False),
        ("192.0.2.1", 0, True),
        ("192.0.2.1", 5080, True),
        ("192.0.2.1", 5060, False),
        ("192.0.2.2", 0, False),
        ("[2001:db8::1]", 5081, True),
        ("[2001:db8::2]", 0, False),
        ("nat.example.org", 0, True),
        ("127.0.0.1", 0, False),
    ],
)
def test_what_is_ours(host, port, ours):
    listen = [UDP(5080, "192.0.2.1", advertise="nat.example.org"), UDP(5081, "2001:db8::1")]
    assert names(also=["sip.example.org"], listen=listen).is_local(host, port) is ours


def test_behind_a_listener_on_all_addresses_every_one_of_this_machine_is_ours():
    everywhere = names(listen=[UDP(5060)])
    assert everywhere.is_local("127.0.0.1", 5060)
    assert everywhere.is_local("127.0.0.2")
    assert not everywhere.is_local("127.0.0.1", 6000)
    for foreign in ("192.0.2.77", "224.0.0.1", "255.255.255.255", "1", "1.2.3", "[::zz]", "[::ffff:192.0.2.1]", "1a.example"):
        assert not everywhere.is_local(foreign), foreign


def test_what_the_kernel_said_is_bounded_and_grows_old():
    clock = [1000.0]
    everywhere = names(listen=[UDP(5060)], now=lambda: clock[0])
    for number in range(3000):
        everywhere.is_local(f"203.0.113.{number}")
    assert len(everywhere._asked) <= 1024
    everywhere.is_local("127.0.0.1")
    everywhere._asked["127.0.0.1"] = False
    assert not everywhere.is_local("127.0.0.1")
    clock[0] += 61
    assert everywhere.is_local("127.0.0.1")


@implementer(IEventReader)
class Reader:
    def __init__(self, broken=False):
        self.heard = []
        self.broken = broken

    def told(self, event):
        self.heard.append(event)
        if self.broken:
            raise ValueError("broken")


def test_a_broken_reader_harms_nobody_and_is_told_nothing_more():
    broken, whole = Reader(broken=True), Reader()
    ears = Ears([broken, whole])
    ears.tell(Event())
    ears.tell(Event())
    assert len(broken.heard) == 1
    assert len(whole.heard) == 2


def test_a_resolver_of_ones_own():
    resolver = FixedResolver({})
    assert site(resolver=resolver).resolver is resolver
