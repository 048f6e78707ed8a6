"""Nonces prove themselves; counts are spent once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.guard.nonce import LENGTH, MOST_REALMS, Fault, Ledger, Mint, Nonce, Spent

OLD, NEW = b"o" * 32, b"n" * 32
NOW = 1_800_000_000.125


def minted(mint: Mint, **words: object) -> bytes:
    given = {"now": NOW, "random": b"12345678", "realm": "example.org", "mask": 65} | words
    return mint.mint(**given).encode()  # type: ignore[arg-type]


def test_a_nonce_says_when_and_what_was_offered() -> None:
    mint = Mint([OLD])
    nonce = minted(mint)
    assert len(nonce) == LENGTH
    assert nonce.replace(b"-", b"a").replace(b"_", b"a").isalnum()
    read = mint.read(nonce, "example.org")
    assert isinstance(read, Nonce)
    assert (read.at, read.mask) == (NOW, 65)


def test_two_nonces_of_one_moment_differ() -> None:
    mint = Mint([OLD])
    assert minted(mint) != minted(mint, random=b"87654321")


def test_every_changed_character_is_noticed() -> None:
    mint = Mint([OLD])
    nonce = minted(mint)
    for at in range(LENGTH):
        for other in b"A", b"B", b"=", b"+", b"/", b"\xff":
            changed = nonce[:at] + other + nonce[at + 1 :]
            if changed != nonce:
                assert isinstance(mint.read(changed, "example.org"), Fault), changed


def test_the_realm_is_part_of_it() -> None:
    mint = Mint([OLD])
    assert mint.read(minted(mint), "example.com") == Fault.FORGED


def test_a_binding_fits_or_not_and_the_nonce_is_ours_either_way() -> None:
    mint = Mint([OLD])
    bound = minted(mint, binding=b"192.0.2.1")
    assert isinstance(mint.read(bound, "example.org"), Nonce)
    assert mint.fits(bound, "example.org", b"192.0.2.1")
    assert not mint.fits(bound, "example.org", b"192.0.2.2")
    assert not mint.fits(bound, "example.org", b"")
    assert not mint.fits(minted(mint), "example.org", b"192.0.2.1"), "one that was not bound fits nowhere"
    # Realm and binding do not flow into each other, and each nonce says it in other bytes.
    assert not mint.fits(minted(mint, realm="a", binding=b"bc"), "ab", b"c")
    assert minted(mint, binding=b"x") != minted(mint, random=b"87654321", binding=b"x")
    during = Mint([NEW, OLD])
    assert during.fits(bound, "example.org", b"192.0.2.1"), "old keys bind as well"
    assert not during.fits(bound, "example.org", b"192.0.2.2")


def test_keys_rotate() -> None:
    before, during, after = Mint([OLD]), Mint([NEW, OLD]), Mint([NEW])
    old, new = minted(before), minted(during)
    assert isinstance(during.read(old, "example.org"), Nonce)
    assert isinstance(after.read(new, "example.org"), Nonce), "the first key signs"
    assert after.read(old, "example.org") in (Fault.UNKNOWN_KEY, Fault.FORGED)
    assert before.read(new, "example.org") in (Fault.UNKNOWN_KEY, Fault.FORGED)


def test_weak_secrets_are_refused() -> None:
    for secrets in ([], [b"short"], [OLD, b""]):
        with pytest.raises(ValueError, match="secret"):
            Mint(secrets)


@given(st.binary(max_size=60))
def test_reading_never_raises(raw: bytes) -> None:
    mint = Mint([OLD])
    assert isinstance(mint.read(raw, "example.org"), Fault)
    assert isinstance(mint.read(raw[:LENGTH].ljust(LENGTH, b"A"), "example.org"), Fault)


def spend(ledger: Ledger, *counts: int, nonce: bytes = b"n") -> list[Spent]:
    return [ledger.spend(nonce, 100.0, count, 101.0) for count in counts]


def test_counts_may_come_out_of_order_but_once() -> None:
    ledger = Ledger(10, 300.0)
    assert spend(ledger, 1, 3, 2) == [Spent.FRESH] * 3
    assert spend(ledger, 1, 2, 3) == [Spent.SEEN] * 3
    assert spend(ledger, 4) == [Spent.FRESH]


def test_the_window_is_64_wide() -> None:
    ledger = Ledger(10, 300.0)
    assert spend(ledger, 100, 37, 36, 37) == [Spent.FRESH, Spent.FRESH, Spent.SEEN, Spent.SEEN]
    assert spend(ledger, 163, 100, 99) == [Spent.FRESH, Spent.SEEN, Spent.SEEN]
    assert spend(ledger, 2**32 - 1, 2**32 - 1, 2**32 - 2, 164) == [Spent.FRESH, Spent.SEEN, Spent.FRESH, Spent.SEEN]


@given(st.lists(st.integers(1, 90), max_size=80))
def test_no_count_is_ever_fresh_twice(counts: list[int]) -> None:
    ledger = Ledger(10, 300.0)
    fresh = [count for count in counts if ledger.spend(b"n", 0.0, count, 1.0) == Spent.FRESH]
    assert len(fresh) == len(set(fresh))


def test_without_a_count_a_nonce_is_good_once() -> None:
    ledger = Ledger(10, 300.0)
    assert spend(ledger, 0, 0, 1, 2**32 - 1) == [Spent.FRESH, Spent.SEEN, Spent.SEEN, Spent.SEEN]
    assert spend(ledger, 5, 0, nonce=b"m") == [Spent.FRESH, Spent.SEEN]


def test_what_a_full_ledger_forgets_cannot_be_replayed() -> None:
    ledger = Ledger(2, 300.0)
    for at in (10.0, 20.0, 30.0):
        assert ledger.spend(b"n%d" % at, at, 1, 40.0) == Spent.FRESH
    assert len(ledger) == 2
    assert ledger.spend(b"n10", 10.0, 1, 40.0) == Spent.FORGOTTEN
    assert ledger.spend(b"n20", 20.0, 1, 40.0) == Spent.SEEN
    assert ledger.spend(b"never seen", 9.0, 1, 40.0) == Spent.FORGOTTEN
    assert ledger.spend(b"young", 40.0, 1, 40.0) == Spent.FRESH


def test_dead_nonces_make_room_without_harm() -> None:
    ledger = Ledger(100, 300.0)
    for at in range(10):
        ledger.spend(b"%d" % at, 0.0, 1, 1.0)
    for at in range(10):
        ledger.spend(b"later %d" % at, 1000.0, 1, 1000.0)
    assert len(ledger) == 10
    assert ledger.spend(b"another", 500.0, 1, 700.0) == Spent.FRESH


def test_many_realms_are_forgotten_and_known_again() -> None:
    mint = Mint([OLD])
    nonce = minted(mint, realm="first")
    for number in range(MOST_REALMS + 1):
        minted(mint, realm=f"realm {number}")
    assert isinstance(mint.read(nonce, "first"), Nonce)
    assert minted(mint, realm="first") == nonce


def test_a_version_of_somebody_elses_is_malformed() -> None:
    mint = Mint([OLD])
    assert mint.read(b"B" + minted(mint)[1:], "example.org") == Fault.MALFORMED
    assert mint.read(minted(mint)[:-1] + b"=", "example.org") == Fault.MALFORMED
    assert mint.read(b"%" + minted(mint)[1:], "example.org") == Fault.MALFORMED
