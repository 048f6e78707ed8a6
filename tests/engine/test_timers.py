"""The timing wheel: never early, late by less than a slot, and nothing left behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from twsip.engine.timers import TICK, Wheel


class Owner:
    """Writes down when which of its timers ran out."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fired: list[tuple[int, float]] = []
        self.wheel: Wheel | None = None
        self.again: list[tuple[int, float]] = []
        self.broke: list[BaseException] = []

    def timer(self, which: int) -> None:
        if which == 66:
            raise ValueError("this timer is broken")
        self.fired.append((which, self.clock.seconds()))
        if self.wheel is not None and self.again:
            self.wheel.start(self, *self.again.pop(0))


def wheel() -> tuple[Clock, Wheel, Owner, list[float]]:
    clock = Clock()
    turns: list[float] = []
    return (
        clock,
        Wheel(clock, lambda: turns.append(clock.seconds()), lambda what, error: None),
        Owner(clock),
        turns,
    )


@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=12), st.floats(0.0, 3.0), st.integers(1, 400))
def test_never_early_and_late_by_less_than_a_slot(delays: list[float], start: float, steps: int) -> None:
    clock, wheel_, owner, _ = wheel()
    clock.advance(start)
    for which, delay in enumerate(delays):
        wheel_.start(owner, which, delay)
    assert len(wheel_) == len(delays)
    began = clock.seconds()
    while clock.getDelayedCalls():
        clock.advance(max(0.0, clock.getDelayedCalls()[0].getTime() - clock.seconds()))
    assert sorted(which for which, _ in owner.fired) == list(range(len(delays)))
    for which, when in owner.fired:
        assert -0.0001 <= when - began - delays[which] <= TICK + 0.0001
    assert len(wheel_) == 0


def test_one_reactor_call_for_all_and_the_soonest_first() -> None:
    clock, wheel_, owner, turns = wheel()
    wheel_.start(owner, 1, 5.0)
    wheel_.start(owner, 2, 1.0)
    wheel_.start(owner, 3, 3.0)
    wheel_.start(owner, 4, 3.0)
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(1.01)
    assert [which for which, _ in owner.fired] == [2]
    assert len(turns) == 1
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(10)
    assert sorted(which for which, _ in owner.fired) == [1, 2, 3, 4]
    assert clock.getDelayedCalls() == []
    assert len(turns) == 2


def test_what_is_stopped_does_not_run_out() -> None:
    clock, wheel_, owner, turns = wheel()
    slot = wheel_.start(owner, 1, 1.0)
    other = wheel_.start(owner, 2, 1.0)
    assert slot == other
    wheel_.stop(owner, 1, slot)
    wheel_.stop(owner, 1, slot)
    wheel_.stop(owner, 7, 12345)
    assert len(wheel_) == 1
    clock.advance(2)
    assert [which for which, _ in owner.fired] == [2]
    assert len(turns) == 1


def test_a_timer_may_start_another_one_and_stop_its_neighbour() -> None:
    clock, wheel_, owner, turns = wheel()
    owner.wheel = wheel_
    owner.again = [(1, 0.5), (1, 1.0)]
    wheel_.start(owner, 1, 0.5)
    clock.advance(0.51)
    assert len(owner.fired) == 1
    clock.pump([0.1] * 30)
    assert len(owner.fired) == 3
    assert clock.getDelayedCalls() == []

    class Neighbour:
        def timer(self, which: int) -> None:
            wheel_.stop(owner, 9, slot)

    slot = wheel_.start(owner, 9, 1.0)
    assert wheel_.start(Neighbour(), 1, 1.0) == slot
    turned = len(turns)
    clock.advance(1.02)
    # Within a slot the order is nobody's promise, but what is stopped before its turn stays stopped.
    assert [which for which, _ in owner.fired].count(9) == 0
    assert len(turns) > turned


def test_a_timer_started_in_its_own_turn_for_at_once_runs_out_in_it() -> None:
    clock, wheel_, owner, _ = wheel()
    owner.wheel = wheel_
    owner.again = [(2, 0.0)]
    wheel_.start(owner, 1, 1.0)
    clock.advance(1.0)
    assert [which for which, _ in owner.fired] == [1, 2]


@pytest.mark.parametrize("started", [True, False])
def test_close_forgets_everything(started: bool) -> None:
    clock, wheel_, owner, _ = wheel()
    if started:
        wheel_.start(owner, 1, 1.0)
    wheel_.close()
    assert len(wheel_) == 0
    assert clock.getDelayedCalls() == []
    clock.advance(5)
    assert owner.fired == []


def test_a_broken_owner_costs_nobody_else_a_timer() -> None:
    clock = Clock()
    broke: list[str] = []
    wheel = Wheel(clock, lambda: None, lambda what, error: broke.append(f"{what}: {error}"))
    owner = Owner(clock)
    for which in (1, 66, 2):
        wheel.start(owner, which, 1.0)
    wheel.start(owner, 3, 2.0)
    clock.advance(1.0)
    clock.advance(1.0)
    assert sorted(which for which, _ in owner.fired) == [1, 2, 3]
    assert broke == ["timer: this timer is broken"]
