"""What holds for all four machines, whatever happens and in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip.transaction import (
    FIGURE_5,
    FIGURE_6,
    FIGURE_7,
    FIGURE_8,
    NEVER,
    Act,
    Input,
    InviteClient,
    InviteServer,
    OtherClient,
    OtherServer,
    State,
    timer_input,
)

MACHINES = [
    (InviteClient, FIGURE_5, State.CALLING),
    (OtherClient, FIGURE_6, State.TRYING),
    (InviteServer, FIGURE_7, State.PROCEEDING),
    (OtherServer, FIGURE_8, State.TRYING),
]
every_machine = pytest.mark.parametrize(("machine", "figure", "first"), MACHINES)


@every_machine
@given(reliable=st.booleans(), events=st.lists(st.sampled_from(Input), max_size=40))
def test_no_order_of_inputs_raises_and_the_end_is_the_end(machine, figure, first, reliable, events):
    one = machine(reliable)
    for event in events:
        before = one.state
        acts = one.on(event)
        for act in acts:
            assert one.delay(act) >= NEVER
        if before is State.TERMINATED:
            assert acts == ()
            assert one.state is State.TERMINATED
        if (before, event) not in figure:
            assert acts == ()
            assert one.state is before


@every_machine
@given(reliable=st.booleans(), events=st.lists(st.sampled_from(Input), max_size=40))
def test_only_the_repeating_timers_may_be_never_and_only_on_a_stream(machine, figure, first, reliable, events):
    one = machine(reliable)
    for event in events:
        for act in one.on(event):
            if act.name.startswith("START_"):
                repeats = act in (Act.START_A, Act.START_E, Act.START_G)
                assert (one.delay(act) == NEVER) is (reliable and repeats)


@pytest.mark.parametrize(
    ("figure", "timers"), [(FIGURE_5, "ABDM"), (FIGURE_6, "EFK"), (FIGURE_7, "GHIL"), (FIGURE_8, "J")]
)
def test_a_figure_starts_its_own_timers_and_no_others(figure, timers):
    started = {act for _, acts in figure.values() for act in acts if act.name.startswith("START_")}
    assert {act.name[-1] for act in started} == set(timers)
    assert {timer_input(act).name[-1] for act in started} == set(timers)


def test_what_starts_no_timer_has_no_delay():
    for act in (Act.SEND, Act.RESEND, Act.SEND_ACK, Act.TO_USER, Act.TIMEOUT, Act.FAIL):
        assert InviteClient(reliable=False).delay(act) == NEVER
        assert OtherServer(reliable=True).delay(act) == NEVER


@every_machine
def test_every_state_of_a_figure_can_be_reached_and_left_towards_the_end(machine, figure, first):
    after = {}
    for (state, _), (following, _) in figure.items():
        after.setdefault(state, set()).add(following)

    def reach(state):
        seen = {state}
        while more := {there for here in seen for there in after.get(here, ())} - seen:
            seen |= more
        return seen

    assert reach(first) == set(after) | {State.TERMINATED}
    assert all(State.TERMINATED in reach(state) for state in after)


@every_machine
def test_a_timer_started_on_entering_a_state_is_heard_there(machine, figure, first):
    for following, acts in figure.values():
        for act in acts:
            if act.name.startswith("START_"):
                assert (following, timer_input(act)) in figure


@every_machine
def test_timers_are_the_last_acts_of_a_row(machine, figure, first):
    for _, acts in figure.values():
        starts = [act.name.startswith("START_") for act in acts]
        assert starts == sorted(starts)
