"""A made-up To tag proves nothing; the mark that we signed does, for its own dialog and no other."""

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import make_context, make_request
from twsip.api import ConfigError, IRequestCheck, OurDialog, Pass
from twsip.checks import InDialog
from twsip.guard.mark import Marks, side
from twsip.sip.fields.address import Address, parse_address


class House:
    """All that the check takes from a site."""

    def __init__(self, secret: bytes = b"s" * 32) -> None:
        self.secret = secret


@pytest.fixture
def check() -> InDialog:
    house: Any = House()
    one = InDialog()
    one.attach(house)
    verifyObject(IRequestCheck, one)
    return one


def facts(check: InDialog, method: str = "BYE", uri: str = "sip:bob@192.0.2.77", **words: object) -> tuple[object, ...]:
    verdict = check.check(make_context(make_request(method, uri, **{**INSIDE, **words})))
    assert isinstance(verdict, Pass), "this check refuses nobody"
    return verdict.facts


def address(value: bytes) -> Address:
    found = parse_address(value)
    assert found is not None
    return found


ALICE = address(b"<sip:alice@example.org>;tag=a1")
BOB = address(b"<sip:bob@example.org>")
MARK = Marks(b"s" * 32).sign(b"c1@phone", side(ALICE, BOB), b"hers", b"his").decode()
INSIDE: dict[str, object] = {"from_": "<sip:alice@example.org>;tag=a1", "to": "<sip:bob@example.org>;tag=b1"}
OURS = (OurDialog(b"c1@phone"),)


@pytest.mark.parametrize(
    "route",
    [
        f"Route: <sip:192.0.2.1;lr;m={MARK}>",
        f"Route: <sip:example.org:5060;m={MARK};lr>",
        f"Route: <sip:[2001:db8::1];lr;m={MARK}>",
        f"Route: <sip:192.0.2.1;lr;M={MARK.upper()}>, <sip:far.example;lr>",
        f"Route: <sip:192.0.2.1;transport=tcp;lr;m={MARK}>, <sip:192.0.2.1;lr;m={MARK}>",
    ],
)
def test_the_caller_brings_it_back(check: InDialog, route: str) -> None:
    assert facts(check, extra=(route,)) == OURS


def test_so_does_the_callee_whose_tags_are_swapped(check: InDialog) -> None:
    swapped = {"from_": "<sip:bob@example.org>;tag=b1", "to": "<sip:alice@example.org>;tag=a1"}
    assert facts(check, extra=(f"Route: <sip:192.0.2.1;lr;m={MARK}>",), **swapped) == OURS


def test_a_strict_router_leaves_it_in_the_request_uri(check: InDialog) -> None:
    uri = f"sip:192.0.2.1;lr;m={MARK}"
    assert facts(check, uri=uri, extra=("Route: <sip:bob@192.0.2.77>",)) == OURS


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ((), {}),
        (("Route: <sip:192.0.2.1;lr>",), {}),
        (("Route: <sip:192.0.2.1;lr;m>",), {}),
        ((f"Route: <sip:192.0.2.1;lr;m={'0' * len(MARK)}>",), {}),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK[:-1]}>",), {}),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK[1:] + MARK[:1]}>",), {}),
        ((f"Route: <sip:192.0.2.1;lr;n={MARK}>",), {}),
        ((f"Route: <sip:elsewhere.example;lr;m={MARK}>",), {}),
        ((f"Route: <sip:192.0.2.1:5999;lr;m={MARK}>",), {}),
        ((f"Route: <sip:elsewhere.example;lr>, <sip:192.0.2.1;lr;m={MARK}>",), {}),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>, <sip:a@@>",), {}),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>",), {"call_id": "c2@phone"}),
        # Whoever was called knows the mark: it must not let anybody speak as a third one, or to a third one.
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>",), {"from_": "<sip:carol@example.org>;tag=a1"}),
        (
            (f"Route: <sip:192.0.2.1;lr;m={MARK}>",),
            {"from_": "<sip:carol@example.org>;tag=b1", "to": "<sip:alice@example.org>;tag=a1"},
        ),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>",), {"to": "<sip:carol@example.org>;tag=b1"}),
        (
            (f"Route: <sip:192.0.2.1;lr;m={MARK}>",),
            {"from_": "<sip:bob@example.org>;tag=a1", "to": "<sip:alice@example.org>;tag=b1"},
        ),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>",), {"from_": "<sip:alice@example.org>;tag=a2"}),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>",), {"to": "<sip:bob@example.org>"}),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>",), {"method": "REGISTER"}),
        ((f"Route: <sip:192.0.2.1;lr;m={MARK}>",), {"method": "PUBLISH"}),
    ],
)
def test_everything_else_is_no_proof(check: InDialog, route: tuple[str, ...], words: dict[str, Any]) -> None:
    assert facts(check, extra=route, **words) == ()


def test_another_house_signs_otherwise() -> None:
    house: Any = House(b"t" * 32)
    other = InDialog()
    other.attach(house)
    assert facts(other, extra=(f"Route: <sip:192.0.2.1;lr;m={MARK}>",)) == ()


def test_without_a_site_it_says_so_instead_of_passing() -> None:
    with pytest.raises(ConfigError, match="never attached"):
        facts(InDialog(), extra=(f"Route: <sip:192.0.2.1;lr;m={MARK}>",))
