import pytest

from twsip.sip.transaction import FIGURE_7, Act, Input, InviteServer, State, Timers

# Figure 7 with RFC 6026 section 7.1, read from the drawing and the text; "." is ignored.
GRID = """
                PROCEEDING        COMPLETED           CONFIRMED     ACCEPTED
START           .                 .                   .             .
REQUEST         =:RESEND          =:RESEND            .             .
ACK             .                 CONFIRMED:I         .             =:TO_USER
SEND_1XX        =:SEND            .                   .             .
SEND_2XX        ACCEPTED:SEND+L   .                   .             =:SEND
SEND_FINAL      COMPLETED:SEND+G+H  .                 .             .
RECV_1XX        .                 .                   .             .
RECV_2XX        .                 .                   .             .
RECV_FINAL      .                 .                   .             .
TRANSPORT_ERROR =:FAIL            =:FAIL              .             =:FAIL
TIMER_A         .                 .                   .             .
TIMER_B         .                 .                   .             .
TIMER_D         .                 .                   .             .
TIMER_E         .                 .                   .             .
TIMER_F         .                 .                   .             .
TIMER_G         .                 =:RESEND+G          .             .
TIMER_H         .                 TERMINATED:TIMEOUT  .             .
TIMER_I         .                 .                   TERMINATED:   .
TIMER_J         .                 .                   .             .
TIMER_K         .                 .                   .             .
TIMER_L         .                 .                   .             TERMINATED:
TIMER_M         .                 .                   .             .
"""

G_BEATS = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


@pytest.mark.parametrize("event", Input)
@pytest.mark.parametrize("state", State)
def test_every_state_and_input(walk, state, event):
    walk(InviteServer(reliable=False), GRID, state, event)


def test_it_begins_in_proceeding():
    machine = InviteServer(reliable=False)
    assert machine.state is State.PROCEEDING
    assert not machine.ended


def test_a_step_hands_out_the_rows_own_acts():
    assert InviteServer(True).on(Input.SEND_2XX) is FIGURE_7[State.PROCEEDING, Input.SEND_2XX][1]


def test_a_refusal_without_ack_is_repeated_by_g_and_given_up_by_h(line):
    call = line(InviteServer(reliable=False))
    call.feed(Input.SEND_FINAL)
    call.run()
    assert call.when("SEND") == [0.0]
    assert call.when("RESEND") == G_BEATS
    assert call.when("TIMEOUT") == call.when("END") == [32.0]


def test_over_a_stream_a_refusal_is_sent_once_and_h_still_runs(line):
    call = line(InviteServer(reliable=True))
    call.feed(Input.SEND_FINAL)
    call.run()
    assert call.log == [(0.0, "SEND"), (32.0, "TIMEOUT"), (32.0, "END")]


def test_an_ack_silences_g_and_h_and_i_ends_it(line):
    call = line(InviteServer(reliable=False))
    call.at(10.0, Input.SEND_FINAL)
    call.at(12.0, Input.ACK)
    call.at(13.0, Input.ACK)
    call.at(14.0, Input.REQUEST)
    call.run()
    assert call.log == [(10.0, "SEND"), (10.5, "RESEND"), (11.5, "RESEND"), (17.0, "END")]


def test_over_a_stream_an_ack_ends_it_at_once(line):
    call = line(InviteServer(reliable=True))
    call.feed(Input.SEND_FINAL)
    call.at(2.0, Input.ACK)
    assert call.machine.ended
    call.run()
    assert call.log == [(0.0, "SEND"), (2.0, "END")]


def test_repeats_of_the_invite_are_answered_without_disturbing_g(line):
    call = line(InviteServer(reliable=False))
    call.feed(Input.SEND_1XX)
    call.at(0.25, Input.REQUEST)
    call.at(1.0, Input.SEND_1XX)
    call.at(2.0, Input.SEND_FINAL)
    call.at(2.75, Input.REQUEST)
    call.at(4.0, Input.ACK)
    assert call.when("SEND") == [0.0, 1.0, 2.0]
    assert call.when("RESEND") == [0.25, 2.5, 2.75, 3.5]


@pytest.mark.parametrize("reliable", [False, True])
def test_an_accepted_call_absorbs_repeats_until_l(line, reliable):
    call = line(InviteServer(reliable))
    call.at(5.0, Input.SEND_2XX)
    call.at(5.5, Input.REQUEST)  # absorbed: the user repeats its own 2xx
    call.at(5.5, Input.SEND_2XX)
    call.at(6.0, Input.ACK)
    call.at(6.5, Input.TRANSPORT_ERROR)
    call.at(7.0, Input.SEND_2XX)
    call.at(8.0, Input.SEND_FINAL)
    call.run()
    assert call.log == [
        (5.0, "SEND"),
        (5.5, "SEND"),
        (6.0, "TO_USER"),
        (6.5, "FAIL"),
        (7.0, "SEND"),
        (37.0, "END"),
    ]


def test_a_transport_error_is_told_but_a_refusal_is_still_repeated(line):
    call = line(InviteServer(reliable=False))
    call.feed(Input.TRANSPORT_ERROR)
    call.at(1.0, Input.SEND_FINAL)
    call.at(1.0, Input.TRANSPORT_ERROR)
    call.run()
    assert call.when("FAIL") == [0.0, 1.0]
    assert call.when("RESEND") == [1.0 + beat for beat in G_BEATS]
    assert call.when("TIMEOUT") == [33.0]


def test_nothing_ends_a_call_that_rings(line):
    call = line(InviteServer(reliable=False))
    call.feed(Input.SEND_1XX)
    call.run(3600.0)
    assert call.machine.state is State.PROCEEDING
    assert call.log == [(0.0, "SEND")]


def test_own_timer_values(line):
    call = line(InviteServer(reliable=False, timers=Timers(t1=0.25, t2=1.0, t4=1.5)))
    call.feed(Input.SEND_FINAL)
    call.at(4.0, Input.ACK)
    call.run()
    assert call.when("RESEND") == [0.25, 0.75, 1.75, 2.75, 3.75]
    assert call.when("END") == [5.5]
    accepted = line(InviteServer(reliable=True, timers=Timers(t1=0.25)))
    accepted.feed(Input.SEND_2XX)
    accepted.run()
    assert accepted.when("END") == [16.0]


def test_the_first_g_is_t1_even_when_t2_is_less():
    machine = InviteServer(reliable=False, timers=Timers(t1=2.0, t2=1.0))
    assert [machine.delay(Act.START_G) for _ in range(3)] == [2.0, 1.0, 1.0]
