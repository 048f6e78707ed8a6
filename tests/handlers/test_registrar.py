"""The registrar as a handler: whose request it takes, who may, what is kept and what is told."""

from types import SimpleNamespace
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import FakeDomains, FakeFlow, make_context, make_request
from twsip.api import BackendDown, Binding, Caller, ConfigError, Event, IBindings, IHandler, Reply, TrustedPeer
from twsip.api.events import Registered
from twsip.handlers import Registrar
from twsip.handlers.registrar import SWEEP_EVERY
from twsip.sip.fields.address import parse_address
from twsip.sip.proxy.route import Routed
from twsip.stores import MemoryBindings, SQLiteBindings

NOW = 1_800_000_000.0
ALICE = "sip:alice@example.org"
CONTACT = "Contact: <sip:alice@192.0.2.9>"
CALLER = Caller("alice", "example.org", frozenset({ALICE}))


class House:
    """A house with a registrar in it."""

    def __init__(self, bindings: Any = None, **options: Any) -> None:
        self.bindings = MemoryBindings() if bindings is None else bindings
        self.domains = FakeDomains()
        self.told: list[Event] = []
        self.registrar = Registrar(**options)
        self.registrar.attach(self)  # type: ignore[arg-type]

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def ask(self, *lines: str, facts: tuple[object, ...] = (CALLER,), now: float = NOW, **words: Any) -> Any:
        words.setdefault("to", f"<{ALICE}>")
        uri = words.pop("uri", "sip:example.org")
        method = words.pop("method", "REGISTER")
        request = make_request(method, uri, extra=lines, **words)
        answer = self.registrar.handle(make_context(request, *facts, now=now))
        # As the engine does when all is written.
        self.told += getattr(answer, "events", ())
        return answer

    def there(self, aor: str = ALICE, now: float = NOW) -> list[str]:
        return [one.contact for one in self.bindings.get(aor, now)]


@pytest.fixture
def house() -> House:
    return House()


def test_provides_the_interface() -> None:
    assert verifyObject(IHandler, Registrar())


def test_registers(house: House) -> None:
    answer = house.ask(CONTACT, "User-Agent: phone/1")
    assert (answer.status, answer.reason) == (200, "OK")
    assert answer.headers == (
        ("Contact", "<sip:alice@192.0.2.9>;expires=3600"),
        ("Date", "Fri, 15 Jan 2027 08:00:00 GMT"),
    )
    (kept,) = house.bindings.get(ALICE, NOW)
    assert kept == Binding(
        "sip:alice@192.0.2.9",
        NOW + 3600,
        1.0,
        "c1@phone",
        1,
        "UDP 192.0.2.9 5060 via 192.0.2.1 5060",
        "",
        "phone/1",
        "",
        changed=NOW,
    )
    assert house.told == [Registered(ALICE, "sip:alice@192.0.2.9", "added", 3600, "192.0.2.9")]


def test_refreshes_queries_and_removes(house: House) -> None:
    house.ask(CONTACT)
    assert house.ask(CONTACT + ";expires=100", cseq=2).headers[0] == ("Contact", "<sip:alice@192.0.2.9>;expires=100")
    assert house.ask(cseq=3).headers[0] == ("Contact", "<sip:alice@192.0.2.9>;expires=100")
    assert house.ask("Contact: *", "Expires: 0", cseq=4).headers[0][0] == "Date"
    assert house.there() == []
    assert [(event.kind, event.expires) for event in house.told if isinstance(event, Registered)] == [
        ("added", 3600),
        ("refreshed", 100),
        ("removed", 0),
    ]


@pytest.mark.parametrize(
    "words",
    [
        {"method": "INVITE"},
        {"method": "OPTIONS"},
        {"uri": "sip:elsewhere.example"},
    ],
)
def test_leaves_to_others_what_is_not_its_own(house: House, words: dict[str, Any]) -> None:
    assert house.ask(CONTACT, **words) is None


def test_a_route_leads_on(house: House) -> None:
    context = make_context(make_request("REGISTER", "sip:example.org", extra=(CONTACT,)), CALLER)
    route = parse_address(b"<sip:next.example;lr>")
    assert route is not None
    context.routed = Routed(context.request.uri, [route], 0, None)
    assert house.registrar.handle(context) is None


@pytest.mark.parametrize(
    "to",
    [
        "<sip:alice@elsewhere.example>",
        "<sip:example.org>",
        "<tel:+15551234>",
        "<sip:%0Aalice@example.org>",
        "<sip:%ff@example.org>",
        "<sip:%00@example.org>",
    ],
)
def test_no_such_address_of_record(house: House, to: str) -> None:
    trusted = TrustedPeer("edge", spoofable=False)
    assert house.ask(CONTACT, to=to, facts=(trusted,)).status == 404
    assert list(house.bindings.aors()) == []


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ((), 403),
        ((Caller("bob", "example.org", frozenset({"sip:bob@example.org"})),), 403),
        ((Caller("alice", "example.org", frozenset()),), 403),
        ((Caller("bob", "example.org", frozenset()), TrustedPeer("edge", False)), 403),
        ((TrustedPeer("edge", False),), 200),
        ((CALLER,), 200),
    ],
)
def test_somebody_must_have_vouched(house: House, facts: tuple[object, ...], status: int) -> None:
    assert house.ask(CONTACT, facts=facts).status == status
    assert house.there() == (["sip:alice@192.0.2.9"] if status == 200 else [])


def test_one_user_in_any_spelling(house: House) -> None:
    house.ask(CONTACT, to="<sips:al%69ce@EXAMPLE.org:5061;user=phone>")
    assert list(house.bindings.aors()) == [ALICE]


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        ("sip:alice@192.0.2.1", 403),
        ("sip:alice@192.0.2.1:5060;transport=tcp", 403),
        ("sip:alice@192.0.2.1:5070", 200),
        ("sip:alice@example.org", 403),
        ("sip:alice@EXAMPLE.org:5070", 403),
        ("sips:alice@[2001:db8::1]", 403),
        ("sip:alice@phone.example;maddr=192.0.2.1", 403),
        ("sip:alice@phone.example;maddr=[2001:DB8::1]", 403),
        ("sip:alice@phone.example;maddr=2001:db8::1", 403),
        ("sip:alice@192.0.2.9", 200),
    ],
)
def test_contacts_that_lead_back_here(house: House, contact: str, status: int) -> None:
    assert house.ask(f"Contact: <{contact}>").status == status


def test_refusals_of_the_core_come_through(house: House) -> None:
    answer = house.ask(CONTACT + ";expires=5")
    assert (answer.status, answer.headers) == (423, (("Min-Expires", "60"),))
    assert house.told == []


def test_options_reach_the_core() -> None:
    house = House(default_expires=100, min_expires=10, max_expires=200, max_contacts=1, on_max_contacts="refuse")
    assert house.ask(CONTACT).headers[0] == ("Contact", "<sip:alice@192.0.2.9>;expires=100")
    assert house.ask(CONTACT + ";expires=500", cseq=2).headers[0] == ("Contact", "<sip:alice@192.0.2.9>;expires=200")
    assert house.ask("Contact: <sip:a@192.0.2.8>", cseq=3).status == 403


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"on_max_contacts": "explode"}, "on_max_contacts"),
        ({"max_contacts": 0}, "max_contacts"),
        ({"max_contacts": 65}, "max_contacts"),
        ({"min_expires": -1}, "min_expires"),
        ({"min_expires": 3601, "default_expires": 4000}, "min_expires"),
        ({"default_expires": 0, "min_expires": 0}, "default_expires"),
        ({"default_expires": 59}, "default_expires"),
        ({"max_expires": 3599}, "default_expires"),
    ],
)
def test_nonsense_is_refused_at_build_time(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Registrar(**options)


def test_what_expired_is_told_by_and_by(house: House) -> None:
    house.ask(CONTACT + ";expires=60")
    house.told.clear()
    bob = Caller("bob", "example.org", frozenset({"sip:bob@example.org"}))
    for cseq in range(1, SWEEP_EVERY + 1):
        house.ask("Contact: <sip:bob@192.0.2.8>", facts=(bob,), to="<sip:bob@example.org>", cseq=cseq, now=NOW + 60)
    assert Registered(ALICE, "sip:alice@192.0.2.9", "expired", 0, "") in house.told
    assert list(house.bindings.aors()) == ["sip:bob@example.org"]
    assert house.registrar.sweep(NOW + 9999) == 1
    assert list(house.bindings.aors()) == []


def test_an_expired_binding_does_not_order_a_new_one(house: House) -> None:
    house.ask(CONTACT + ";expires=60", cseq=9)
    assert house.ask(CONTACT, cseq=1, now=NOW + 60).status == 200
    assert house.told[-1] == Registered(ALICE, "sip:alice@192.0.2.9", "added", 3600, "192.0.2.9")


class Broken(MemoryBindings):
    """A store that keeps nothing."""

    def apply(self, aor: str, bindings: tuple[Binding, ...], now: float) -> None:
        raise BackendDown("the disk is full")


def test_a_store_that_is_down() -> None:
    house = House(Broken())
    answer = house.ask(CONTACT)
    assert (answer.status, answer.why) == (500, "the disk is full")
    assert house.told == []


def test_nowhere_to_keep_it() -> None:
    registrar = Registrar()
    with pytest.raises(ConfigError, match="bindings="):
        registrar.attach(SimpleNamespace(bindings=None, tell=print, domains=FakeDomains()))  # type: ignore[arg-type]
    context = make_context(make_request("REGISTER", "sip:example.org", to=f"<{ALICE}>", extra=(CONTACT,)), CALLER)
    assert registrar.handle(context).status == 500
    assert registrar.sweep(NOW) == 0


def test_a_location_service_of_its_own_is_opened_and_committed(tmp_path: Any) -> None:
    path = str(tmp_path / "own.db")
    own = SQLiteBindings(path)
    house = House(bindings=own)
    own.close()
    house = House(bindings=MemoryBindings())
    house.registrar = Registrar(own)
    house.registrar.attach(house)  # type: ignore[arg-type]
    assert house.ask(CONTACT).status == 200
    own.close()
    again = SQLiteBindings(path).open()
    assert len(again.get(ALICE, NOW)) == 1
    again.close()


def test_a_store_without_sweep_and_a_flow_without_id() -> None:
    class Plain:
        """The interface and nothing more."""

        def __init__(self) -> None:
            self.kept: dict[str, tuple[Binding, ...]] = {}

        def get(self, aor: str, now: float) -> tuple[Binding, ...]:
            return self.kept.get(aor, ())

        def apply(self, aor: str, bindings: tuple[Binding, ...], now: float) -> None:
            self.kept[aor] = bindings

        def commit(self) -> None:
            pass

        def aors(self) -> list[str]:
            return list(self.kept)

    assert set(IBindings.names()) <= set(dir(Plain))
    house = House(Plain())
    flow = FakeFlow()
    flow.id = ""
    request = make_request("REGISTER", "sip:example.org", to=f"<{ALICE}>", extra=(CONTACT,))
    answer = house.registrar.handle(make_context(request, CALLER, flow=flow, now=NOW))
    assert isinstance(answer, Reply)
    assert answer.status == 200
    assert house.bindings.get(ALICE, NOW)[0].received == "UDP 192.0.2.9 5060"
