"""The extension by itself, over sockets that can say no, and the keys of the two ways."""

import errno
import importlib.util
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twsip.api.context import Arrival
from twsip.transport.batches import OneByOne, Together, fastest

native = pytest.mark.skipif(
    importlib.util.find_spec("twsip.transport._mmsg") is None,
    reason="twsip.transport._mmsg is not built (TWSIP_COMPILE=1 python setup.py build_ext --inplace)",
)


class Pair:
    """Two datagram sockets of the kind that fills up: what one sends waits until the other reads."""

    def __init__(self, folder: Path) -> None:
        self.here, self.there = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        self.here.bind(str(folder / "a"))
        self.there.bind(str(folder / "b"))
        path = str(folder / "b").encode()
        self.key = int(socket.AF_UNIX).to_bytes(2, sys.byteorder) + path + b"\0"

    def fill(self, batch: Any) -> int:
        """Send until the kernel takes no more; how many it took."""
        count = 0
        while (taken := batch.send(self.here.fileno(), [(b"x", self.key)], 0)) == 1:
            count += 1
            assert count < 100000, "nothing fills up"
        assert taken == -errno.EAGAIN
        return count


@pytest.fixture
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory() as folder:
        made = Pair(Path(folder))
        with made.here, made.there:
            yield made


def batch(size: int = 64, longest: int = 65536) -> Any:
    from twsip.transport._mmsg import Batch

    return Batch(size, longest)


def meet_nobody(key: bytes) -> None:
    return None


@native
def test_what_a_full_kernel_did_not_take_is_counted(pair: Pair) -> None:
    wire = batch(size=2)
    room = pair.fill(wire)
    for _ in range(3):
        pair.there.recv(10)
    queue = [(b"%d" % number, pair.key) for number in range(9)]
    assert wire.send(pair.here.fileno(), queue, 1) == 3
    assert wire.send(pair.here.fileno(), queue, 4) == -errno.EAGAIN
    assert [pair.there.recv(10) for _ in range(room)][-3:] == [b"1", b"2", b"3"]


@native
def test_a_bad_address_stops_before_it_and_says_why(pair: Pair) -> None:
    wire = batch()
    queue = [(b"one", pair.key), (b"two", pair.key[:-1] + b"nowhere\0"), (b"three", pair.key), (b"four", b"\xff" * 200)]
    assert wire.send(pair.here.fileno(), queue, 0) == 1
    assert wire.send(pair.here.fileno(), queue, 1) < 0
    assert wire.send(pair.here.fileno(), queue, 2) == 1
    assert wire.send(pair.here.fileno(), queue, 3) < 0
    assert wire.send(pair.here.fileno(), queue, 4) == 0
    assert [pair.there.recv(10) for _ in range(2)] == [b"one", b"three"]


@native
def test_a_datagram_that_does_not_fit_and_one_from_nobody_are_dropped(pair: Pair) -> None:
    wire = batch(size=4, longest=10)
    queue = [(b"x" * size, pair.key) for size in (10, 11, 0)]
    assert wire.send(pair.here.fileno(), queue, 0) == 3
    got: list[Arrival] = []
    met: list[bytes] = []

    def meet(key: bytes) -> str:
        met.append(key)
        return "flow"

    assert wire.receive(pair.there.fileno(), {}, meet, Arrival, 1.5, got) == 0
    assert [(one.data, one.flow, one.at) for one in got] == [(b"x" * 10, "flow", 1.5), (b"", "flow", 1.5)]
    assert len(met) == 2
    assert met[0].startswith(int(socket.AF_UNIX).to_bytes(2, sys.byteorder))
    assert wire.receive(pair.there.fileno(), {}, meet, Arrival, 1.5, got) == errno.EAGAIN
    wire.send(pair.here.fileno(), queue, 0)
    assert wire.receive(pair.there.fileno(), {}, meet_nobody, Arrival, 1.5, got) == 0
    wire.send(pair.here.fileno(), queue, 0)
    assert wire.receive(pair.there.fileno(), {met[0]: "known"}, meet_nobody, Arrival, 1.5, got) == 0
    assert [one.flow for one in got] == ["flow", "flow", "known", "known"]


@native
def test_a_batch_takes_as_many_as_it_has_room_for_and_in_order(pair: Pair) -> None:
    wire = batch(size=3)
    queue = [(b"%d" % number, pair.key) for number in range(8)]
    assert wire.send(pair.here.fileno(), queue, 0) == 8
    sizes, data = [], []
    while True:
        got: list[Arrival] = []
        if wire.receive(pair.there.fileno(), {}, lambda key: "flow", Arrival, 0.0, got):
            break
        sizes.append(len(got))
        data += [one.data for one in got]
    assert sizes == [3, 3, 2]
    assert data == [b"%d" % number for number in range(8)]


@native
def test_mistakes_of_ours_are_told_and_break_nothing(pair: Pair) -> None:
    for size, longest in ((0, 10), (-1, 10), (1025, 10), (1, 0), (1, 65537), (2**31 - 1, 65536)):
        with pytest.raises(ValueError, match="slots"):
            batch(size, longest)
    wire: Any = batch()
    here = pair.here.fileno()
    for queue in ([None], [(b"x",)], [("x", pair.key)], [(b"x", None)], [(None, pair.key)], [(b"x", ("h", 1))], None):
        with pytest.raises((TypeError, IndexError)):
            wire.send(here, queue, 0)
    with pytest.raises(ValueError, match="begins"):
        wire.send(here, [], -1)
    assert wire.send(here, [(b"x", pair.key)], 7) == 0
    assert wire.send(-1, [(b"x", pair.key)], 0) == -errno.EBADF
    assert wire.receive(-1, {}, meet_nobody, Arrival, 0.0, []) == errno.EBADF
    wire.send(here, [(b"x", pair.key)] * 3, 0)

    def broken(key: bytes) -> None:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        wire.receive(pair.there.fileno(), {}, broken, Arrival, 0.0, [])
    got: list[Arrival] = []
    wire.send(here, [(b"y", pair.key)], 0)
    assert wire.receive(pair.there.fileno(), {}, lambda key: "flow", Arrival, 0.0, got) == 0
    assert [one.data for one in got] == [b"y"]


@native
def test_it_leaks_nothing(pair: Pair) -> None:
    wire = batch()
    data, flow = bytes([1, 2, 3] * 30), object()
    queue = [(data, bytes(pair.key))]
    flows: dict[bytes, Any] = {}
    got: list[Any] = []
    before = None

    # Not Arrival: of a class that was compiled each object counts for its type, even when it is gone.
    class Kind:
        def __init__(self, data: bytes, flow: object, at: float) -> None:
            self.fields = (data, flow, at)

    for _ in range(5):
        for _ in range(50):
            wire.send(pair.here.fileno(), queue, 0)
            got.clear()
            wire.receive(pair.there.fileno(), flows, lambda key: flow, Kind, 0.0, got)
        counts = [sys.getrefcount(one) for one in (data, flow, queue[0], Kind, flows, got)]
        assert before in (None, counts)
        before = counts


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 5060), ("255.1.2.3", 1), ("::1", 65535), ("2001:db8::1:2", 5061)]
)
def test_keys_and_addresses_belong_together_both_ways(host: str, port: int) -> None:
    for way in (OneByOne, Together):
        address = way.address_of(way.key_of(host, port))
        assert address is not None
        assert address[:2] == (host, port)
        assert address == way.address_of(way.key_of(host.upper(), port))


@native
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_key_is_what_the_kernel_writes(family: int, host: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as other:
        one.bind((host, 0))
        other.bind((host, 0))
        keys: list[bytes] = []
        wire = batch()
        other.sendto(b"x", one.getsockname())
        wire.receive(one.fileno(), {}, keys.append, Arrival, 0.0, [])
        assert keys == [Together.key_of(host, other.getsockname()[1])]
        assert Together.address_of(keys[0]) == other.getsockname()


def test_a_zone_stands_in_the_address_and_strange_families_have_none() -> None:
    key = Together.key_of("fe80::1", 5060)
    zoned = key[:24] + (7).to_bytes(4, sys.byteorder)
    assert Together.address_of(zoned) == ("fe80::1", 5060, 0, 7)
    for strange in (b"", b"\0", b"\1\0/path", key[:16], key + b"\0", Together.key_of("127.0.0.1", 1)[:8]):
        assert Together.address_of(strange) is None


def test_without_the_extension_all_goes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twsip.transport._mmsg", None)
    import twsip.transport

    monkeypatch.delattr(twsip.transport, "_mmsg", raising=False)
    assert fastest() is OneByOne


def test_the_extension_has_no_python_source_in_the_package() -> None:
    import twsip.transport

    assert not list(Path(twsip.transport.__path__[0]).glob("_mmsg*.py"))
