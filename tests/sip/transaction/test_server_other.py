import pytest

from twsip.sip.transaction import FIGURE_8, Input, OtherServer, State, Timers

# Figure 8, read from the drawing and the text; "." is ignored.
GRID = """
                TRYING            PROCEEDING        COMPLETED
START           .                 .                 .
REQUEST         .                 =:RESEND          =:RESEND
ACK             .                 .                 .
SEND_1XX        PROCEEDING:SEND   =:SEND            .
SEND_2XX        .                 .                 .
SEND_FINAL      COMPLETED:SEND+J  COMPLETED:SEND+J  .
RECV_1XX        .                 .                 .
RECV_2XX        .                 .                 .
RECV_FINAL      .                 .                 .
TRANSPORT_ERROR .                 TERMINATED:FAIL   TERMINATED:FAIL
TIMER_A         .                 .                 .
TIMER_B         .                 .                 .
TIMER_D         .                 .                 .
TIMER_E         .                 .                 .
TIMER_F         .                 .                 .
TIMER_G         .                 .                 .
TIMER_H         .                 .                 .
TIMER_I         .                 .                 .
TIMER_J         .                 .                 TERMINATED:
TIMER_K         .                 .                 .
TIMER_L         .                 .                 .
TIMER_M         .                 .                 .
"""


@pytest.mark.parametrize("event", Input)
@pytest.mark.parametrize("state", State)
def test_every_state_and_input(walk, state, event):
    walk(OtherServer(reliable=False), GRID, state, event)


def test_it_begins_in_trying():
    machine = OtherServer(reliable=False)
    assert machine.state is State.TRYING
    assert not machine.ended


def test_a_step_hands_out_the_rows_own_acts():
    assert OtherServer(True).on(Input.SEND_FINAL) is FIGURE_8[State.TRYING, Input.SEND_FINAL][1]


def test_an_answer_is_repeated_to_repeats_until_j(line):
    request = line(OtherServer(reliable=False))
    request.at(0.5, Input.REQUEST)  # nothing to say yet
    request.at(1.0, Input.SEND_FINAL)
    request.at(1.5, Input.REQUEST)
    request.at(20.0, Input.REQUEST)
    request.at(21.0, Input.SEND_FINAL)  # a second answer is discarded
    request.at(40.0, Input.REQUEST)
    request.run()
    assert request.log == [(1.0, "SEND"), (1.5, "RESEND"), (20.0, "RESEND"), (33.0, "END")]


def test_over_a_stream_the_answer_ends_it_at_once(line):
    request = line(OtherServer(reliable=True))
    request.at(1.0, Input.SEND_FINAL)
    assert request.machine.ended
    assert request.log == [(1.0, "SEND"), (1.0, "END")]


def test_provisionals_come_first(line):
    request = line(OtherServer(reliable=False))
    request.feed(Input.SEND_1XX)
    request.at(1.0, Input.REQUEST)
    request.at(2.0, Input.SEND_1XX)
    request.at(3.0, Input.SEND_FINAL)
    request.run()
    assert request.log == [(0.0, "SEND"), (1.0, "RESEND"), (2.0, "SEND"), (3.0, "SEND"), (35.0, "END")]


@pytest.mark.parametrize("answer", [Input.SEND_1XX, Input.SEND_FINAL])
def test_an_answer_that_cannot_be_carried_ends_it(line, answer):
    request = line(OtherServer(reliable=False))
    request.feed(answer)
    request.at(1.0, Input.TRANSPORT_ERROR)
    request.run()
    assert request.log == [(0.0, "SEND"), (1.0, "FAIL"), (1.0, "END")]


def test_own_timer_values(line):
    request = line(OtherServer(reliable=False, timers=Timers(t1=0.25)))
    request.feed(Input.SEND_FINAL)
    request.run()
    assert request.when("END") == [16.0]
