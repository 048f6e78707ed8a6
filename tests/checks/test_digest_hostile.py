"""Credentials that no honest phone writes: 400 or 401, never an exception, never a login."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checks.digest_scene import Scene, caller, refused
from tests.checks.digest_street import Town
from tests.helpers import make_context, make_request, settled
from twsip.api import Challenge, Pass, Reply
from twsip.api.events import AuthFailed, CheckBroke

NAMES = ["username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "nc", "qop", "opaque"]


def is_400(verdict: Any) -> bool:
    return isinstance(verdict, Reply) and verdict.status == 400


def changed(answer: str, name: str, value: str | None) -> str:
    """The credentials with another value, as it stands there, or (None) without the parameter."""
    parts = [part for part in answer.removeprefix("Digest ").split(", ") if not part.startswith(name + "=")]
    return "Digest " + ", ".join(parts if value is None else [*parts, f"{name}={value}"])


# --- several headers


def test_of_several_headers_the_strongest_counts() -> None:
    scene = Scene(algorithms=("SHA-256", "MD5"))
    strong, weak = (scene.answer(value) for value in scene.ask().values)
    caller(scene.says(weak, strong))
    wrong = scene.answer(scene.ask().values[0], password="x")
    good = scene.answer(scene.ask().values[1])
    for order in ((wrong, good), (good, wrong)):
        refused(scene.says(*order), "AUTH_INVALID_PASSWORD"), "a good weak one does not make up for a wrong strong one"


def test_one_for_us_among_others() -> None:
    scene = Scene()
    ours = scene.answer()
    theirs = ours.replace('realm="example.org"', 'realm="elsewhere.example"')
    forged = scene.answer('Digest realm="example.org", nonce="abc", algorithm=MD5, qop="auth"')
    caller(scene.says(theirs, forged, ours))
    assert scene.causes() == ["AUTH_NONCE_UNKNOWN"]
    spoilt = ours.replace("nc=00000001", "nc=1")
    assert is_400(scene.says(ours, spoilt)), "whoever cannot be read may mean anything"


def test_two_good_ones_of_two_people_are_not_two_callers() -> None:
    scene = Scene()
    challenge = scene.challenge()
    both = [scene.answer(challenge, "bob", "build", nc=1), scene.answer(challenge, nc=2)]
    assert caller(scene.says(*both)).auth_id == "bob", "the first of equals, and nothing of the other one"


@pytest.mark.parametrize("names", [("Proxy-Authorization", "Authorization"), ("Authorization", "Proxy-Authorization")])
def test_a_request_may_have_both_headers(names: tuple[str, str]) -> None:
    scene = Scene()
    lines = (f"{names[0]}: Basic x", f"{names[1]}: {scene.answer()}")
    request = make_request("REGISTER", "sip:example.org", to="<sip:alice@example.org>", extra=lines)
    caller(settled(scene.digest.check(make_context(request, site=scene.house.domains))))


# --- parameters


@pytest.mark.parametrize("spelled", ['"MD5"', '"md5"', "md5", "Md5"])
def test_spellings_of_the_algorithm(spelled: str) -> None:
    scene = Scene()
    caller(scene.says(scene.answer().replace("algorithm=MD5", f"algorithm={spelled}")))


def test_a_missing_algorithm_is_the_one_that_was_challenged() -> None:
    for algorithm in ("MD5", "SHA-256", "SHA-512-256-sess"):
        scene = Scene(algorithms=(algorithm,))
        caller(scene.says(scene.answer().replace(f", algorithm={algorithm}", "")))


@pytest.mark.parametrize("value", ["AKAv1-MD5", "SHA", "MD5-", "SHA-512", "x" * 300])
def test_an_algorithm_that_nobody_offered(value: str) -> None:
    scene = Scene()
    refused(scene.says(scene.answer().replace("algorithm=MD5", f"algorithm={value}")), "AUTH_DOWNGRADE")


def test_a_qop_without_a_count_or_cnonce_is_400() -> None:
    # Seen of a password cracker that got a challenge without qop.
    for qop_required in (True, False):
        scene = Scene(qop_required=qop_required)
        for name in ("nc", "cnonce"):
            assert is_400(scene.says(changed(scene.answer(), name, None)))
    for count in ("00000000", "1", "000000001", "0000000g", '"00000001', "-0000001", "0x000001", ""):
        assert is_400(scene.says(changed(scene.answer(), "nc", count)))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_stands_once(name: str) -> None:
    scene = Scene()
    answer = scene.answer(opaque='"o"')
    again = next(part for part in answer.removeprefix("Digest ").split(", ") if part.startswith(name + "="))
    assert is_400(scene.says(f"{answer}, {again}"))
    assert is_400(scene.says(f"{answer}, {again.replace(name, name.upper(), 1)}"))
    assert is_400(scene.says(f"Digest {again}, {answer.removeprefix('Digest ')}"))


@pytest.mark.parametrize("name", ["username", "realm", "nonce", "uri", "response"])
def test_what_is_missing_is_400(name: str) -> None:
    scene = Scene()
    assert is_400(scene.says(changed(scene.answer(), name, None)))


def test_a_response_of_another_length_is_a_wrong_password() -> None:
    for algorithm in ("MD5", "SHA-256"):
        scene = Scene(algorithms=(algorithm,))
        challenge = scene.challenge()
        right = scene.answer(challenge).split('response="')[1].split('"')[0]
        for response in (right[:-1], right + "0", right[:8], right * 2, "0", ""):
            verdict = scene.says(scene.answer(challenge, response=f'"{response}"'))
            assert is_400(verdict) if len(response) > 128 else isinstance(verdict, Challenge)
            assert not isinstance(verdict, Pass)
        caller(scene.says(scene.answer(challenge, response=f'"{right.upper()}"'))), "hex is hex"


# --- sizes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("username", "x" * 300),
        ("realm", "x" * 300),
        ("nonce", "x" * 600),
        ("uri", "sip:" + "x" * 2100),
        ("cnonce", "x" * 600),
        ("response", "0" * 200),
        ("opaque", "x" * 5000),
    ],
)
def test_what_is_too_long_is_400(name: str, value: str) -> None:
    scene = Scene()
    assert is_400(scene.says(changed(scene.answer(), name, f'"{value}"')))
    assert scene.book.asked == []


def test_many_parameters_are_400_and_many_headers_too() -> None:
    scene = Scene()
    assert is_400(scene.says(scene.answer() + "".join(f", p{number}=x" for number in range(40))))
    assert is_400(scene.says(*[scene.answer()] * 9))


def test_names_that_mean_something_elsewhere_reach_the_backend_as_they_are() -> None:
    scene = Scene()
    for name in ("' OR 1=1 --", "*)(uid=*", "alice; rm -rf /", "%00", "../alice", "alice\\", "áλice"):
        written = name.replace("\\", "\\\\")
        # A name is found only as it is, and what is not found is an unknown subscriber.
        answer = changed(scene.answer(), "username", f'"{written}"')
        refused(scene.says(answer), "AUTH_USER_UNKNOWN")
        assert scene.book.asked[-1] == ("example.org", name)


# --- anything at all


def whole(town: Town, authorization: str) -> int:
    status = town.ask(authorization).status
    assert not [event for event in town.street.events if isinstance(event, CheckBroke)]
    return status


TOWN = Town()
CHALLENGE = TOWN.challenge()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 400), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12), st.integers(0, 12))
def test_credentials_that_were_changed_anywhere_never_log_in_as_somebody_else(at: int, put: str, cut: int) -> None:
    answer = TOWN.answer(CHALLENGE, password="wrong")
    at %= len(answer)
    assert whole(TOWN, answer[:at] + put + answer[at + cut :]) in (400, 401)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=200))
def test_any_text_is_400_or_401(text: str) -> None:
    assert whole(TOWN, "Digest " + text) in (400, 401)


def test_what_is_told_of_it_holds_no_secret() -> None:
    scene = Scene()
    scene.says(scene.answer(password="looking glass"))
    (event,) = scene.house.told
    assert isinstance(event, AuthFailed) and "looking" not in repr(event)
