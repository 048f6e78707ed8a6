"""Bounds and options of a Digest check."""

from typing import Any

import pytest

from tests.checks.digest_scene import NOW, Book, Scene, caller, refused
from tests.helpers import FakeDomains, FakeFlow, make_context, make_request
from twsip.api import (
    ConfigError,
)
from twsip.checks import Digest


def test_challenges_are_not_remembered() -> None:
    scene = Scene()
    nonces = {scene.challenge() for _ in range(200)}
    assert len(nonces) == 200
    assert (len(scene.digest._challenges.ledger), len(scene.digest._logins)) == (0, 0)
    scene.says(scene.answer(password="x"))
    assert (len(scene.digest._challenges.ledger), len(scene.digest._logins)) == (0, 0)


def test_what_a_full_ledger_forgot_is_stale() -> None:
    scene = Scene(most_nonces=1)
    first, second = scene.challenge(), scene.challenge(now=NOW + 1)
    caller(scene.says(scene.answer(first)))
    caller(scene.says(scene.answer(second), now=NOW + 1))
    refused(scene.says(scene.answer(first), now=NOW + 1), "AUTH_STALE_NONCE", stale=True)
    refused(scene.says(scene.answer(first, nc=2), now=NOW + 1), "AUTH_STALE_NONCE", stale=True)


def test_clear_passwords_are_not_kept() -> None:
    scene = Scene()
    scene.says(scene.answer())
    (login,) = scene.digest._logins._kept.values()
    assert b"wonder" not in b"".join(login.ha1.values())
    assert "secrets hidden" in repr(login)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"algorithms": ("MD4",)}, "'MD4'"),
        ({"algorithms": ()}, "algorithms="),
        ({"algorithms": ("MD5", "MD5")}, "algorithms="),
        ({"qop": ""}, "qop="),
        ({"qop": "auth-conf"}, "auth-conf"),
        ({"check_digest_uri": "maybe"}, "check_digest_uri="),
        ({"nonce_expire": 0}, "nonce_expire=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"accounts": {"elsewhere.example": Book()}}, "'elsewhere.example', which is no domain"),
        ({"domains": FakeDomains(("example.org", "example.com"))}, "nobody has accounts for the domain 'example.com'"),
        ({"accounts": {"example.org": "subscribers.db"}}, "SQLAccounts"),
    ],
)
def test_options_that_make_no_sense_stop_the_start(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Scene(**options)


def test_algorithms_that_the_backend_cannot_answer_stop_the_start() -> None:
    book = Book()
    book.algorithms = ("MD5",)  # type: ignore[attr-defined]
    Scene(accounts={"example.org": book}, algorithms=("MD5-sess", "MD5"))
    with pytest.raises(ConfigError, match="no secrets for SHA-256"):
        Scene(accounts={"example.org": book}, algorithms=("SHA-256",))


def test_no_accounts_at_all() -> None:
    for nothing in ({}, None, "x"):
        with pytest.raises(ConfigError, match="SQLAccounts"):
            Digest(nothing)  # type: ignore[arg-type]


def test_before_the_site_starts_nobody_is_let_in() -> None:
    digest = Digest({"example.org": Book()})
    with pytest.raises(ConfigError, match="never attached"):
        digest.check(make_context(make_request(), flow=FakeFlow()))
