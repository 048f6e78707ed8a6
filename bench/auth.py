"""What authentication costs: time for a request whose account is remembered, memory of a flood of challenges, and whether time tells who exists.

    python bench/auth.py                  all three, a minute or two
    python bench/auth.py --challenges 0   without the flood

Marks stand beside the figures; they never make a run fail.
"""

import argparse
import gc
import sys
from hashlib import md5
from pathlib import Path
from statistics import mean, median
from time import process_time, process_time_ns
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from budget_house import DOMAIN, House
from helpers import FakeDomains, FakeFlow, FakeHouse, digest_answer, make_context, make_request, settled
from zope.interface import implementer

from twsip.api import Account, Challenge, IAccounts, Pass, Reply, RequestContext
from twsip.build import kind
from twsip.checks import Digest
from twsip.engine.answers import refusal

ROUNDS = 5
ADDED = 40.0
"""Microseconds of the first mark."""
GROWTH = 1.0
"""MiB of the second."""
APART = 5.0
"""Per cent of the third."""
TRIES = 2000


ALICE = Account("alice", DOMAIN, {"MD5": md5(f"alice:{DOMAIN}:wonder".encode()).hexdigest()})


@implementer(IAccounts)
class Accounts:
    """alice alone, with her HA1."""

    name = "alice alone"
    algorithms = ("MD5",)

    def find(self, realm: str, auth_id: str) -> Account | None:
        """The account."""
        return ALICE if auth_id == "alice" else None


class Door:
    """The check, and a phone before it."""

    def __init__(self) -> None:
        self.site = FakeDomains((DOMAIN,))
        self.flow = FakeFlow()
        self.digest = Digest({DOMAIN: Accounts()}, remember=1e9)
        self.digest.attach(FakeHouse(self.site))

    def context(self, *lines: str) -> RequestContext:
        """A REGISTER on its way."""
        request = make_request(
            "REGISTER", f"sip:{DOMAIN}", from_=f"<sip:alice@{DOMAIN}>;tag=a", to=f"<sip:alice@{DOMAIN}>", extra=lines
        )
        return make_context(request, site=self.site, flow=self.flow)

    def challenge(self) -> str:
        """Its first challenge."""
        verdict: Any = self.digest.check(self.context())
        assert isinstance(verdict, Challenge)
        return verdict.values[0]

    def answers(self, numbers: range, name: str = "alice", password: str = "wonder") -> list[RequestContext]:
        """Requests that answer one challenge, each with a count of its own."""
        challenge = self.challenge()
        said = [digest_answer(challenge, name, password, "REGISTER", f"sip:{DOMAIN}", nc=number) for number in numbers]
        return [self.context(f"Authorization: {value}") for value in said]


def added(units: int = 4000) -> tuple[float, float]:
    """Microseconds of the check, and with it those of the proof in the 200: the best of some rounds."""
    door = Door()
    checks, proofs = [], []
    answer = Reply(200, "OK", (("Contact", "<sip:alice@192.0.2.9>;expires=3600"),))
    settled(door.digest.check(door.answers(range(1, 2))[0]))
    for _ in range(ROUNDS):
        contexts = door.answers(range(1, units + 1))
        gc.collect()
        gc.disable()
        began = process_time()
        verdicts = [door.digest.check(context) for context in contexts]
        checks.append((process_time() - began) * 1e6 / units)
        assert all(isinstance(verdict, Pass) for verdict in verdicts)
        bare = [make_context(context.request, site=door.site, flow=door.flow) for context in contexts]
        began = process_time()
        for context in contexts:
            refusal(context, answer, b"tag")
        with_proof = process_time() - began
        began = process_time()
        for context in bare:
            refusal(context, answer, b"tag")
        proofs.append((with_proof - (process_time() - began)) * 1e6 / units)
        gc.enable()
    return min(checks), min(proofs)


def resident() -> float:
    """MiB that this process has in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not say how much memory this process has")


def _register(number: int, *more: str) -> bytes:
    user = f"u{number % 1000}"
    lines = (
        f"REGISTER sip:{DOMAIN} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:40404;branch=z9hG4bK{number:08x};rport",
        "Max-Forwards: 70",
        f"From: <sip:{user}@{DOMAIN}>;tag=f{number:08x}",
        f"To: <sip:{user}@{DOMAIN}>",
        f"Call-ID: c-{number:08x}",
        "CSeq: 1 REGISTER",
        f"Contact: <sip:{user}@127.0.0.1:40404>",
        *more,
        "Content-Length: 0",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def flood(challenges: int) -> float:
    """MiB that a whole site has grown by after so many REGISTERs without credentials, each from another Call-ID; somebody real then gets in."""
    house = House()
    flow = house.flow("127.0.0.1", 40404)
    warm = 50_000

    def send(numbers: range) -> None:
        for number in numbers:
            house.hears([(flow, _register(number))])
            if len(house.post) >= 100:
                house.said(b"SIP/2.0 401", 100)

    # Every table of the house that has a bound is full by then.
    send(range(warm))
    gc.collect()
    before = resident()
    send(range(warm, warm + challenges))
    gc.collect()
    grown = resident() - before
    house.post.clear()
    house.hears([(flow, _register(0))])
    refused = house.said(b"SIP/2.0 401", 1)[0].decode()
    challenge = next(line for line in refused.split("\r\n") if line.startswith("WWW-Authenticate")).partition(": ")[2]
    answer = digest_answer(challenge, "u0", "pw-u0", "REGISTER", f"sip:{DOMAIN}")
    house.hears([(flow, _register(warm + challenges, f"Authorization: {answer}").replace(b"tag=f", b"tag=g"))])
    house.said(b"SIP/2.0 200", 1)
    house.close()
    return grown


def apart() -> tuple[float, float, float]:
    """Mean microseconds for a wrong password and an unknown subscriber, and per cent between them: the median of some rounds."""
    found = []
    for _ in range(ROUNDS):
        door = Door()
        kinds = [door.answers(range(1, TRIES + 1), "alice", "x"), door.answers(range(1, TRIES + 1), "mallory", "x")]
        times: list[list[int]] = [[], []]
        gc.collect()
        gc.disable()
        for number, pair in enumerate(zip(*kinds, strict=True)):
            # Whoever comes second finds the caches warm.
            for which in (0, 1) if number % 2 else (1, 0):
                context = pair[which]
                began = process_time_ns()
                verdict = settled(door.digest.check(context))
                times[which].append(process_time_ns() - began)
                assert isinstance(verdict, Challenge)
        gc.enable()
        wrong, unknown = mean(times[0]) / 1000, mean(times[1]) / 1000
        found.append(((unknown - wrong) * 100 / wrong, wrong, unknown))
    middle = median(per_cent for per_cent, _, _ in found)
    return next((wrong, unknown, per_cent) for per_cent, wrong, unknown in found if per_cent == middle)


def _row(what: str, figure: str, mark: str, kept: bool) -> None:
    print(f"{what:58} {figure:>24}   mark {mark:12} {'kept' if kept else 'MISSED'}", flush=True)


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description="what authentication costs")
    parser.add_argument("--challenges", type=int, default=1_000_000, help="of the flood; 0 for none")
    options = parser.parse_args()
    print(f"twsip {kind()}, CPU time of this process")
    check, proof = added()
    both = check + proof
    _row("added to a request whose account is remembered", f"{check:.1f} + {proof:.1f} us proof", f"{ADDED:g} us", both < ADDED)
    wrong, unknown, per_cent = apart()
    figure = f"{wrong:.1f}, {unknown:.1f} us: {per_cent:+.1f} %"
    _row(f"wrong password, unknown subscriber: means of {TRIES}", figure, f"{APART:g} %", abs(per_cent) < APART)
    if options.challenges:
        grown = flood(options.challenges)
        _row(f"growth after {options.challenges:,} challenges", f"{grown:+.2f} MiB", f"{GROWTH:g} MiB", grown < GROWTH)


if __name__ == "__main__":
    main()
