"""TLS with real handshakes on loopback, and every paper that stops a site from starting."""

import datetime
import time
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet import reactor as the_reactor
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from tests.transport.papers import DAY, NOW, Authority
from tests.transport.recorder import Notes, Peer, PeerFactory, SplitClock, WorldCase, message
from twsip.api.errors import ConfigError
from twsip.api.events import ConnectionClosed
from twsip.api.facts import Destination
from twsip.transport import TCP, TLS, Transports
from twsip.transport.tls import ServerSide, addresses_of, names_of, plain

reactor: Any = the_reactor


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Foreign:
    """Somebody else's TLS: any version, any paper."""

    def __init__(self, paper: str = "", newest: int = 0, authorities: str = "") -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        if newest:
            self.context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
            self.context.set_max_proto_version(newest)
        if paper:
            self.context.use_certificate_chain_file(paper)
            self.context.use_privatekey_file(paper)
        if authorities:
            self.context.load_verify_locations(authorities)
            self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        self.asked_for: list[bytes | None] = []
        self.context.set_tlsext_servername_callback(lambda one: self.asked_for.append(one.get_servername()))

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self.context, None)

    serverConnectionForTLS = clientConnectionForTLS


class TLSCase(WorldCase):
    def setUp(self) -> None:
        self.papers = self.folder()
        self.authority = Authority(self.papers)

    def call(self, transports: Transports, foreign: Foreign) -> Peer:
        peer = Peer()
        factory = TLSMemoryBIOFactory(foreign, True, PeerFactory(peer), reactor)
        connector = reactor.connectTCP("127.0.0.1", transports.listening[0][2], factory)
        self.addCleanup(self.hang_up, connector, peer)
        return peer

    def tls_server(self, foreign: Foreign, *peers: Peer) -> Destination:
        factory = TLSMemoryBIOFactory(foreign, False, PeerFactory(*peers), reactor)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        for peer in peers:
            self.addCleanup(self.hang_up, None, peer)
        return Destination("TLS", "127.0.0.1", port.getHost().port)


class InboundTest(TLSCase):
    def word(self, **options: Any) -> TLS:
        paper = self.authority.paper("sip:example.org")
        return TLS(0, "127.0.0.1", certificate=paper, authorities=self.authority.file, **options)

    async def test_what_one_chunk_causes_is_one_record(self) -> None:
        notes, transports = self.world(self.word())
        notes.answer = lambda arrival: arrival.flow.send(b"ok ")
        peer = self.call(transports, Foreign())
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await peer.until(lambda: peer.data == b"ok ")
        flow: Any = notes.arrivals[0].flow
        encrypted: list[bytes] = []
        real = flow._wire._tlsConnection
        send = real.send
        real.send = lambda data: (encrypted.append(bytes(data)), send(data))[1]
        peer.transport.write(message() * 3 + b"\r\n\r\n")
        await peer.until(lambda: peer.data == b"ok " * 4 + b"\r\n")
        assert encrypted == [b"ok ok ok \r\n"]

    async def test_there_and_back(self) -> None:
        notes, transports = self.world(self.word())
        notes.answer = lambda arrival: arrival.flow.send(b"ok")
        peer = self.call(transports, Foreign())
        await peer.until(lambda: peer.open)
        peer.transport.write(b"\r\n\r\n" + message())
        await peer.until(lambda: peer.data == b"ok\r\n")
        flow: Any = notes.arrivals[0].flow
        assert (flow.transport, flow.secure, flow.reliable, flow.peer_names) == ("TLS", True, True, ())

    async def test_a_broken_stream_is_answered_and_closed(self) -> None:
        notes, transports = self.world(self.word())
        notes.answer = lambda arrival: arrival.flow.send(b"400")
        peer = self.call(transports, Foreign())
        await peer.until(lambda: peer.open)
        peer.transport.write(b"bad sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n" + message())
        await peer.until(lambda: peer.ended)
        assert peer.data == b"400"
        await notes.until(lambda: len(notes.broke) == 1)

    async def test_tls_1_1_is_refused_and_told(self) -> None:
        notes, transports = self.world(self.word())
        peer = self.call(transports, Foreign(newest=SSL.TLS1_1_VERSION))
        await peer.until(lambda: peer.ended)
        await notes.until(lambda: len(notes.told(ConnectionClosed)) == 1)
        assert "TLS failed" in notes.told(ConnectionClosed)[0].why

    async def test_tls_1_2_is_spoken(self) -> None:
        notes, transports = self.world(self.word())
        peer = self.call(transports, Foreign(newest=SSL.TLS1_2_VERSION))
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await notes.until(lambda: notes.data == [message()])

    async def test_sip_without_tls_is_closed(self) -> None:
        notes, transports = self.world(self.word())
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await peer.until(lambda: peer.ended)
        assert notes.arrivals == []

    async def test_a_handshake_that_stalls_is_ended(self) -> None:
        clock = SplitClock(reactor)
        notes = Notes()
        transports = Transports([self.word()], notes, clock, notes.tell, now=time.time)
        transports.start()
        self.addCleanup(transports.stop)
        peer = self.connect(transports)
        await peer.until(lambda: peer.open)
        peer.transport.write(b"\x16\x03\x01")
        await notes.until(lambda: len(transports._flows) == 1)
        clock.pump([1.0] * 9)
        assert notes.events == []
        clock.pump([1.0] * 2)
        await peer.until(lambda: peer.ended)
        assert [event.why for event in notes.told(ConnectionClosed)] == ["no handshake within 10 seconds"]

    async def names(self, foreign: Foreign, **options: Any) -> tuple[str, ...]:
        notes, transports = self.world(self.word(**options))
        peer = self.call(transports, foreign)
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 1)
        flow: Any = notes.arrivals[0].flow
        return tuple(flow.peer_names)

    async def test_a_client_that_proves_itself_has_its_names(self) -> None:
        assert await self.names(Foreign(self.authority.paper("sip:friend.example"))) == ("friend.example",)

    async def test_a_client_with_papers_from_elsewhere_has_none(self) -> None:
        assert await self.names(Foreign(Authority(self.papers, "elsewhere").paper("sip:friend.example"))) == ()

    async def test_an_expired_client_has_none(self) -> None:
        paper = self.authority.paper("sip:friend.example", since=NOW - 2 * DAY, until=NOW - DAY)
        assert await self.names(Foreign(paper)) == ()

    async def test_nobody_is_asked_when_the_site_says_so(self) -> None:
        assert await self.names(Foreign(self.authority.paper("sip:friend.example")), verify_peers="no") == ()

    async def test_a_required_certificate_lets_its_owner_in(self) -> None:
        foreign = Foreign(self.authority.paper("friend.example"))
        assert await self.names(foreign, verify_peers="require") == ("friend.example",)

    async def test_a_required_certificate_keeps_everybody_else_out(self) -> None:
        notes, transports = self.world(self.word(verify_peers="require"))
        for foreign in (Foreign(), Foreign(Authority(self.papers, "elsewhere").paper("friend.example"))):
            peer = self.call(transports, foreign)
            await peer.until(lambda peer=peer: peer.open)  # type: ignore[misc]
            peer.transport.write(message())
            await peer.until(lambda peer=peer: peer.ended)  # type: ignore[misc]
        assert notes.arrivals == []
        assert len(notes.told(ConnectionClosed)) == 2


class OutboundTest(TLSCase):
    def site(self, **options: Any) -> tuple[Any, Transports]:
        paper = self.authority.paper("sip:example.org")
        return self.world(TLS(0, "127.0.0.1", certificate=paper, authorities=self.authority.file, **options))

    async def reaches(self, paper: str, server_name: str, **options: Any) -> tuple[Any, Foreign]:
        _, transports = self.site(**options)
        foreign, peer = Foreign(paper), Peer()
        there = self.tls_server(foreign, peer)
        flow: Any = transports.flow_to(Destination("TLS", there.host, there.port, server_name))
        flow.send(message())
        transports.flush()
        await peer.until(lambda: peer.data == message())
        return flow, foreign

    async def is_refused(self, paper: str, server_name: str) -> str:
        notes, transports = self.site()
        peer = Peer()
        there = self.tls_server(Foreign(paper), peer)
        flow = transports.flow_to(Destination("TLS", there.host, there.port, server_name))
        flow.send(message())
        transports.flush()
        await notes.until(lambda: len(notes.broke) == 1)
        await peer.until(lambda: peer.ended)
        assert notes.broke[0][0] is flow
        assert peer.data == b""
        return str(notes.broke[0][1])

    async def test_the_right_server_is_spoken_to_and_named(self) -> None:
        flow, foreign = await self.reaches(self.authority.paper("sip:far.example"), "Far.Example")
        assert foreign.asked_for == [b"far.example"]
        assert flow.peer_names == ("far.example",)

    async def test_a_dns_name_does_without_a_sip_uri(self) -> None:
        await self.reaches(self.authority.paper("far.example", "other.example"), "other.example")

    async def test_an_address_proves_itself_by_address_and_is_never_named(self) -> None:
        _, foreign = await self.reaches(self.authority.paper("127.0.0.1"), "")
        assert foreign.asked_for == [None]

    async def test_anybody_will_do_when_the_site_says_so(self) -> None:
        paper = Authority(self.papers, "elsewhere").paper("sip:wrong.example")
        flow, _ = await self.reaches(paper, "far.example", verify_outbound=False)
        assert flow.peer_names == ()

    async def test_another_domain(self) -> None:
        why = await self.is_refused(self.authority.paper("sip:evil.example"), "far.example")
        assert why == "TLS failed: the certificate is for evil.example, not for far.example"

    async def test_a_wildcard(self) -> None:
        assert "nobody we know" in await self.is_refused(self.authority.paper("*.example"), "far.example")

    async def test_a_dns_name_beside_a_sip_uri_of_another_domain(self) -> None:
        paper = self.authority.paper("sip:evil.example", "far.example")
        assert "evil.example" in await self.is_refused(paper, "far.example")

    async def test_a_name_instead_of_the_address(self) -> None:
        assert "not for 127.0.0.1" in await self.is_refused(self.authority.paper("far.example"), "")

    async def test_an_unknown_authority(self) -> None:
        paper = Authority(self.papers, "elsewhere").paper("sip:far.example")
        assert "verify failed" in await self.is_refused(paper, "far.example")

    async def test_an_expired_server(self) -> None:
        paper = self.authority.paper("sip:far.example", since=NOW - 2 * DAY, until=NOW - DAY)
        assert "verify failed" in await self.is_refused(paper, "far.example")

    async def test_a_server_that_speaks_no_tls(self) -> None:
        notes, transports = self.site()
        peer = Peer()
        there = self.server(peer)
        transports.flow_to(Destination("TLS", there.host, there.port, "far.example"))
        await peer.until(lambda: peer.data != b"")
        peer.transport.write(message())
        await notes.until(lambda: len(notes.broke) == 1)
        assert "TLS failed" in notes.broke[0][1]

    async def test_each_name_has_its_own_connection(self) -> None:
        _, transports = self.site()
        paper = self.authority.paper("sip:one.example", "sip:two.example")
        peers = [Peer(), Peer()]
        there = self.tls_server(Foreign(paper), *peers)
        one, two = (
            transports.flow_to(Destination("TLS", there.host, there.port, name))
            for name in ("one.example", "two.example")
        )
        assert one is not two
        for peer in peers:
            await peer.until(lambda peer=peer: peer.open)  # type: ignore[misc]

    async def test_our_own_certificate_is_shown_to_who_asks(self) -> None:
        _, transports = self.site()
        paper = self.authority.paper("sip:far.example")
        peer = Peer()
        there = self.tls_server(Foreign(paper, authorities=self.authority.file), peer)
        flow = transports.flow_to(Destination("TLS", there.host, there.port, "far.example"))
        flow.send(message())
        transports.flush()
        await peer.until(lambda: peer.data == message())

    async def test_a_connection_from_there_serves_only_for_a_name_it_proved(self) -> None:
        notes, transports = self.site()
        peer = self.call(transports, Foreign(self.authority.paper("sip:far.example")))
        await peer.until(lambda: peer.open)
        peer.transport.write(message())
        await notes.until(lambda: len(notes.arrivals) == 1)
        inbound: Any = notes.arrivals[0].flow
        assert transports.flow_to(Destination("TLS", "127.0.0.1", inbound.port, "far.example")) is inbound
        for name in ("evil.example", ""):
            other = transports.flow_to(Destination("TLS", "127.0.0.1", inbound.port, name))
            assert other is not inbound
        await notes.until(lambda: len(notes.broke) == 2)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refusal(**options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        ServerSide(TLS(5061, "127.0.0.1", **options), time.time())
    return str(caught.value)


def test_a_missing_certificate_is_named(authority: Authority) -> None:
    why = refusal(certificate="nowhere.pem")
    assert why.startswith("TLS 127.0.0.1:5061: the certificate file nowhere.pem cannot be read (No such file")


def test_a_missing_key_is_named(authority: Authority) -> None:
    assert "the key file nowhere.key cannot be read" in refusal(
        certificate=authority.paper("a.example"), key="nowhere.key"
    )


def test_a_file_without_a_certificate_is_named(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    assert f"in {tmp_path}/empty.pem there is no PEM certificate" in refusal(certificate=str(tmp_path / "empty.pem"))


def test_a_certificate_without_its_key_is_named(authority: Authority) -> None:
    assert "there is no PEM private key" in refusal(certificate=authority.file)


def test_a_key_with_a_password_is_named(authority: Authority) -> None:
    assert "without a password" in refusal(certificate=authority.paper("a.example", password=b"secret"))


def test_a_key_of_another_certificate_is_named(authority: Authority) -> None:
    one, two = authority.paper("a.example"), authority.paper("a.example")
    assert f"the key in {two} does not belong to the first certificate in {one}" in refusal(certificate=one, key=two)


def test_an_expired_certificate_is_named_with_its_day(authority: Authority) -> None:
    then = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    assert "expired on 2020-01-02; renew it" in refusal(certificate=authority.paper("a", since=then - DAY, until=then))


def test_a_certificate_of_tomorrow_is_named(authority: Authority) -> None:
    assert "is valid only from" in refusal(certificate=authority.paper("a", since=NOW + DAY, until=NOW + 2 * DAY))


def test_unreadable_authorities_are_named(authority: Authority) -> None:
    why = refusal(certificate=authority.paper("a.example"), authorities="nowhere.pem")
    assert "TLS(authorities='nowhere.pem') cannot be read" in why


@pytest.mark.parametrize(
    ("alternative", "common", "names"),
    [
        (["sip:Example.ORG"], "common.example", ("example.org",)),
        (["sip:a.example", "sip:b.example"], "common.example", ("a.example", "b.example")),
        (["sip:a.example", "b.example"], "common.example", ("a.example",)),
        (["sip:alice@a.example", "b.example"], "common.example", ("b.example",)),
        (["sips:a.example", "https://b.example/"], "common.example", ()),
        (["sip:a.example:5061"], "common.example", ()),
        (["*.example"], "common.example", ()),
        (["192.0.2.1"], "common.example", ()),
        ([], "common.example", ("common.example",)),
        ([], "Not a host name", ()),
        ([], "*.example", ()),
        ([], "", ()),
    ],
)
def test_whom_a_certificate_speaks_for(
    authority: Authority, alternative: list[str], common: str, names: tuple[str, ...]
) -> None:
    assert names_of(authority.certificate(*alternative, common=common)[0]) == names


def test_the_addresses_a_certificate_speaks_for(authority: Authority) -> None:
    certificate = authority.certificate("192.0.2.1", "2001:db8::1", "a.example")[0]
    assert addresses_of(certificate) == ("192.0.2.1", "2001:db8::1")
    assert addresses_of(authority.certificate()[0]) == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [("A.example.", "a.example"), ("", ""), ("a b", ""), ("\u00fc.example", ""), ("x" * 254, ""), ("a\0.example", "")],
)
def test_plain_names(name: str, said: str) -> None:
    assert plain(name) == said


def test_only_known_wishes_about_peers() -> None:
    with pytest.raises(ConfigError, match="verify_peers"):
        TLS(certificate="x", verify_peers="maybe")  # type: ignore[arg-type]
    assert str(TCP()) == "TCP 0.0.0.0:5060"
