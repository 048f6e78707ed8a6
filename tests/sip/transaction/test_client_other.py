import pytest

from twsip.sip.transaction import FIGURE_6, Act, Input, OtherClient, State, Timers

# Figure 6, read from the drawing and the text; "." is ignored.
GRID = """
                TRYING               PROCEEDING           COMPLETED
START           =:SEND+E+F           .                    .
REQUEST         .                    .                    .
ACK             .                    .                    .
SEND_1XX        .                    .                    .
SEND_2XX        .                    .                    .
SEND_FINAL      .                    .                    .
RECV_1XX        PROCEEDING:TO_USER   =:TO_USER            .
RECV_2XX        .                    .                    .
RECV_FINAL      COMPLETED:TO_USER+K  COMPLETED:TO_USER+K  .
TRANSPORT_ERROR TERMINATED:FAIL      TERMINATED:FAIL      .
TIMER_A         .                    .                    .
TIMER_B         .                    .                    .
TIMER_D         .                    .                    .
TIMER_E         =:RESEND+E           =:RESEND+E           .
TIMER_F         TERMINATED:TIMEOUT   TERMINATED:TIMEOUT   .
TIMER_G         .                    .                    .
TIMER_H         .                    .                    .
TIMER_I         .                    .                    .
TIMER_J         .                    .                    .
TIMER_K         .                    .                    TERMINATED:
TIMER_L         .                    .                    .
TIMER_M         .                    .                    .
"""


@pytest.mark.parametrize("event", Input)
@pytest.mark.parametrize("state", State)
def test_every_state_and_input(walk, state, event):
    walk(OtherClient(reliable=False), GRID, state, event)


def test_it_begins_in_trying():
    machine = OtherClient(reliable=False)
    assert machine.state is State.TRYING
    assert not machine.ended


def test_a_step_hands_out_the_rows_own_acts():
    assert OtherClient(True).on(Input.START) is FIGURE_6[State.TRYING, Input.START][1]


def test_nobody_answers(line):
    request = line(OtherClient(reliable=False))
    request.feed(Input.START)
    request.run()
    assert request.when("SEND") == [0.0]
    assert request.when("RESEND") == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert request.when("TIMEOUT") == request.when("END") == [32.0]


def test_nobody_answers_over_a_stream(line):
    request = line(OtherClient(reliable=True))
    request.feed(Input.START)
    request.run()
    assert request.log == [(0.0, "SEND"), (32.0, "TIMEOUT"), (32.0, "END")]


def test_a_provisional_slows_e_to_t2_and_does_not_stop_f(line):
    request = line(OtherClient(reliable=False))
    request.feed(Input.START)
    request.at(1.0, Input.RECV_1XX)  # E was set at 0.5 for 1.5, and fires then
    request.at(2.0, Input.RECV_1XX)
    request.run()
    assert request.when("TO_USER") == [1.0, 2.0]
    assert request.when("RESEND") == [0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert request.when("TIMEOUT") == request.when("END") == [32.0]


def test_a_provisional_over_a_stream_starts_no_repeats(line):
    request = line(OtherClient(reliable=True))
    request.feed(Input.START)
    request.at(1.0, Input.RECV_1XX)
    request.run()
    assert request.log == [(0.0, "SEND"), (1.0, "TO_USER"), (32.0, "TIMEOUT"), (32.0, "END")]


@pytest.mark.parametrize("working", [False, True])
def test_an_answer_is_told_once_and_its_repeats_are_absorbed_until_k(line, working):
    request = line(OtherClient(reliable=False))
    request.feed(Input.START)
    if working:
        request.feed(Input.RECV_1XX)
    request.at(0.25, Input.RECV_FINAL)
    request.at(0.75, Input.RECV_FINAL)
    request.at(1.0, Input.RECV_1XX)
    request.at(2.0, Input.TRANSPORT_ERROR)
    request.run()
    assert request.log == [(0.0, "SEND"), *[(0.0, "TO_USER")] * working, (0.25, "TO_USER"), (5.25, "END")]


def test_over_a_stream_an_answer_ends_it_at_once(line):
    request = line(OtherClient(reliable=True))
    request.feed(Input.START)
    request.at(1.0, Input.RECV_FINAL)
    assert request.machine.ended
    request.run()
    assert request.log == [(0.0, "SEND"), (1.0, "TO_USER"), (1.0, "END")]


@pytest.mark.parametrize("working", [False, True])
def test_a_request_that_cannot_be_carried(line, working):
    request = line(OtherClient(reliable=False))
    request.feed(Input.START)
    if working:
        request.feed(Input.RECV_1XX)
    request.at(0.25, Input.TRANSPORT_ERROR)
    request.run()
    assert request.when("FAIL") == request.when("END") == [0.25]
    assert request.when("RESEND") == []


def test_own_timer_values(line):
    request = line(OtherClient(reliable=False, timers=Timers(t1=0.25, t2=1.0, t4=1.5)))
    request.feed(Input.START)
    request.at(4.0, Input.RECV_FINAL)
    request.run()
    assert request.when("RESEND") == [0.25, 0.75, 1.75, 2.75, 3.75]
    assert request.when("END") == [5.5]


def test_the_first_e_is_t1_even_when_t2_is_less():
    machine = OtherClient(reliable=False, timers=Timers(t1=2.0, t2=1.0))
    assert [machine.delay(Act.START_E) for _ in range(3)] == [2.0, 1.0, 1.0]
