"""Where a request goes is decided anew as soon as the bindings are others, and only then."""

from tests.helpers import make_context, make_request
from twsip.api import Binding, Relay, Reply, RequestContext
from twsip.handlers import Proxy, proxy
from twsip.sip.proxy.route import preprocess
from twsip.stores import Memory

NOW = 1_800_000_000.0
BOB = "sip:bob@example.org"


def binding(port: int, expires: float = NOW + 60.0, received: str = "") -> Binding:
    return Binding(f"sip:bob@192.0.2.1:{port}", expires, 1.0, "c", 1, received, "", "", "")


def asks(uri: str = BOB, now: float = NOW) -> RequestContext:
    context = make_context(make_request("MESSAGE", uri), now=now)
    context.routed = preprocess(context.request, lambda uri: False)
    return context


def ports(answer: object) -> list[int]:
    assert isinstance(answer, Relay)
    return [target.uri.port for target in answer.targets]


def test_the_same_bindings_are_decided_once() -> None:
    store = Memory()
    store.apply(BOB, (binding(5061), binding(5062)), NOW)
    handler = Proxy(bindings=store)
    first = handler.handle(asks())
    assert ports(first) == [5061, 5062]
    assert handler.handle(asks()) is first


def test_other_bindings_are_seen_at_once() -> None:
    store = Memory()
    handler = Proxy(bindings=store)
    for port in (5061, 5062):
        store.apply(BOB, (binding(port),), NOW)
        assert ports(handler.handle(asks())) == [port]
    store.apply(BOB, (), NOW)
    answer = handler.handle(asks())
    assert isinstance(answer, Reply) and answer.status == 480


def test_what_was_decided_does_not_outlive_a_binding() -> None:
    store = Memory()
    store.apply(BOB, (binding(5061, NOW + 1.0), binding(5062)), NOW)
    handler = Proxy(bindings=store)
    assert ports(handler.handle(asks())) == [5061, 5062]
    assert ports(handler.handle(asks(now=NOW + 1.0))) == [5062]
    answer = handler.handle(asks(now=NOW + 60.0))
    assert isinstance(answer, Reply) and answer.status == 480


def test_a_sips_request_never_goes_where_a_sip_request_went() -> None:
    store = Memory()
    store.apply(BOB, (binding(5061), binding(5062, received="TLS 192.0.2.1 5062 via 192.0.2.9 5061 #1")), NOW)
    handler = Proxy(bindings=store)
    assert ports(handler.handle(asks())) == [5061, 5062]
    assert ports(handler.handle(asks("sips:bob@example.org"))) == [5062]
    assert ports(handler.handle(asks())) == [5061, 5062]



def test_no_more_than_so_many_decisions_are_remembered() -> None:
    store = Memory()
    handler = Proxy(bindings=store)
    for number in range(proxy.KEPT + 2):
        aor = f"sip:bob{number}@example.org"
        store.apply(aor, (binding(5061),), NOW)
        assert ports(handler.handle(asks(aor))) == [5061]
    assert len(handler._chosen) == 2
