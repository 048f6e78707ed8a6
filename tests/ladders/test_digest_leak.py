"""Whoever is called may not ask the caller for credentials of ours: the phone would compute a digest for them (B20)."""

import pytest
from street import Street, answer
from test_relay import ONE, TWO, Bob, invite, only

from twsip.api.events import Refused
from twsip.handlers.proxy import Proxy
from twsip.sip import names
from twsip.sip.message import Request, Response

OURS = 'WWW-Authenticate: Digest realm="example.org", nonce="n"'
OURS_TOO = 'proxy-authenticate : Digest nonce="n", Realm = "EXAMPLE.org"'
THEIRS = 'Proxy-Authenticate: Digest realm="far.example", nonce="n"'
BOTH = THEIRS + ', Digest realm="example.org", nonce="n"'
FIRST, SECOND = "198.51.100.1", "198.51.100.2"


def rung(street: Street) -> dict[str, Request]:
    """The calls that left, by address."""
    street.hears(invite())
    return {where.partition(":")[0]: one for where, one in street.sent() if isinstance(one, Request)}


def answered(street: Street) -> Response:
    """What the caller got."""
    return only([(where, one) for where, one in street.sent() if isinstance(one, Response)])  # type: ignore[return-value]


# fmt: off
ROWS = [
    # status  headers                 block   the caller gets
    (401,     (OURS,),                False,  502),
    (407,     (OURS,),                False,  502),
    (407,     (OURS_TOO,),            False,  502),
    (407,     (BOTH,),                False,  502),
    (407,     (THEIRS, OURS),         False,  502),
    (407,     (THEIRS, "X: " + OURS), False,  407),
    (401,     ('WWW-Authenticate: Basic realm="example.org"',), False, 502),
    (401,     ('WWW-Authenticate: Digest realm="far.example',), False, 502),
    (407,     (THEIRS,),              False,  407),
    (401,     (),                     False,  401),
    (407,     (THEIRS,),              True,   502),
    (401,     (),                     True,   502),
    (403,     (OURS,),                True,   403),
    (486,     (),                     True,   486),
]
# fmt: on


@pytest.mark.parametrize(("status", "headers", "block", "expected"), ROWS)
def test_what_the_caller_gets(status: int, headers: tuple[str, ...], block: bool, expected: int) -> None:
    bob = Bob(ONE)
    street = Street(bindings=bob, handlers=[Proxy(bindings=bob, block401407=block)])
    street.hears(answer(rung(street)[FIRST], status, *headers), FIRST, 5070)
    got = answered(street)
    assert got.status == expected
    if expected == 502:
        assert not got.has(names.WWW_AUTHENTICATE)
        assert not got.has(names.PROXY_AUTHENTICATE)
        (event,) = [event for event in street.events if isinstance(event, Refused)]
        assert (event.check, event.status, event.source, event.method) == ("challenge", 502, "192.0.2.9", "INVITE")
        assert f"{status} of UDP {FIRST} 5070" in event.why
    else:
        assert not street.events


# fmt: off
FORKS = [
    # what the other phone says   the caller gets
    ((486, ()),                   486),
    ((603, ()),                   603),
    ((200, ()),                   200),
    ((407, (THEIRS,)),            407),
    ((401, (OURS,)),              502),
    ((500, ()),                   500),
]
# fmt: on


@pytest.mark.parametrize(("other", "expected"), FORKS)
@pytest.mark.parametrize("trap_first", [True, False])
def test_in_a_fork_it_counts_for_nothing(other: tuple[int, tuple[str, ...]], expected: int, trap_first: bool) -> None:
    street = Street(bindings=Bob(ONE, TWO))
    calls = rung(street)
    says = [(FIRST, 401, (OURS,)), (SECOND, *other)]
    for where, status, headers in says if trap_first else reversed(says):
        street.hears(answer(calls[where], status, *headers), where, 5070)
    got = answered(street)
    assert got.status == expected
    assert b'example.org", nonce' not in b"".join(got.lines)


def test_a_phone_that_says_so_after_the_call_was_answered_changes_nothing() -> None:
    street = Street(bindings=Bob(ONE, TWO))
    calls = rung(street)
    street.hears(answer(calls[SECOND], 200), SECOND, 5070)
    assert answered(street).status == 200
    street.hears(answer(calls[FIRST], 401, OURS), FIRST, 5070)
    assert not [one for _, one in street.sent() if isinstance(one, Response)]
    assert not [event for event in street.events if isinstance(event, Refused)]


def test_the_next_group_is_tried_after_it() -> None:
    street = Street(bindings=Bob(ONE, (TWO[0], 0.5)))
    calls = rung(street)
    assert list(calls) == [FIRST]
    street.hears(answer(calls[FIRST], 407, OURS), FIRST, 5070)
    assert [where for where, one in street.sent() if isinstance(one, Request) and one.method == "INVITE"] == [
        f"{SECOND}:5070"
    ]
