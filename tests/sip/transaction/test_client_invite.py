import pytest

from twsip.sip.transaction import FIGURE_5, Input, InviteClient, State, Timers

# Figure 5 with RFC 6026 section 7.2, read from the drawing and the text; "." is ignored.
GRID = """
                CALLING                       PROCEEDING                    COMPLETED         ACCEPTED
START           =:SEND+A+B                    .                             .                 .
REQUEST         .                             .                             .                 .
ACK             .                             .                             .                 .
SEND_1XX        .                             .                             .                 .
SEND_2XX        .                             .                             .                 .
SEND_FINAL      .                             .                             .                 .
RECV_1XX        PROCEEDING:TO_USER            =:TO_USER                     .                 .
RECV_2XX        ACCEPTED:TO_USER+M            ACCEPTED:TO_USER+M            .                 =:TO_USER
RECV_FINAL      COMPLETED:SEND_ACK+TO_USER+D  COMPLETED:SEND_ACK+TO_USER+D  =:RESEND          .
TRANSPORT_ERROR TERMINATED:FAIL               .                             TERMINATED:FAIL   .
TIMER_A         =:RESEND+A                    .                             .                 .
TIMER_B         TERMINATED:TIMEOUT            .                             .                 .
TIMER_D         .                             .                             TERMINATED:       .
TIMER_E         .                             .                             .                 .
TIMER_F         .                             .                             .                 .
TIMER_G         .                             .                             .                 .
TIMER_H         .                             .                             .                 .
TIMER_I         .                             .                             .                 .
TIMER_J         .                             .                             .                 .
TIMER_K         .                             .                             .                 .
TIMER_L         .                             .                             .                 .
TIMER_M         .                             .                             .                 TERMINATED:
"""


@pytest.mark.parametrize("event", Input)
@pytest.mark.parametrize("state", State)
def test_every_state_and_input(walk, state, event):
    walk(InviteClient(reliable=False), GRID, state, event)


def test_it_begins_in_calling():
    machine = InviteClient(reliable=False)
    assert machine.state is State.CALLING
    assert not machine.ended


def test_a_step_hands_out_the_rows_own_acts():
    assert InviteClient(True).on(Input.START) is FIGURE_5[State.CALLING, Input.START][1]


def test_nobody_answers(line):
    call = line(InviteClient(reliable=False))
    call.feed(Input.START)
    call.run()
    assert call.when("SEND") + call.when("RESEND") == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert call.when("TIMEOUT") == call.when("END") == [32.0]


def test_nobody_answers_over_a_stream(line):
    call = line(InviteClient(reliable=True))
    call.feed(Input.START)
    call.run()
    assert call.log == [(0.0, "SEND"), (32.0, "TIMEOUT"), (32.0, "END")]


@pytest.mark.parametrize("reliable", [False, True])
def test_a_provisional_stops_a_and_b(line, reliable):
    call = line(InviteClient(reliable))
    call.feed(Input.START)
    call.at(1.0, Input.RECV_1XX)
    call.at(2.0, Input.RECV_1XX)
    call.at(3.0, Input.TRANSPORT_ERROR)
    call.run(3600.0)
    assert call.when("RESEND") == ([] if reliable else [0.5])
    assert call.when("TO_USER") == [1.0, 2.0]
    assert call.machine.state is State.PROCEEDING


@pytest.mark.parametrize("ringing", [False, True])
def test_a_refusal_is_acknowledged_each_time_until_d(line, ringing):
    call = line(InviteClient(reliable=False))
    call.feed(Input.START)
    if ringing:
        call.feed(Input.RECV_1XX)
    call.at(0.25, Input.RECV_FINAL)
    call.at(0.75, Input.RECV_FINAL)
    call.at(1.0, Input.RECV_1XX)
    call.at(1.5, Input.RECV_2XX)
    call.at(32.0, Input.RECV_FINAL)
    call.run()
    assert call.log == [
        (0.0, "SEND"),
        *[(0.0, "TO_USER")] * ringing,
        (0.25, "SEND_ACK"),
        (0.25, "TO_USER"),
        (0.75, "RESEND"),
        (32.0, "RESEND"),
        (32.25, "END"),
    ]


def test_over_a_stream_a_refusal_ends_it_at_once(line):
    call = line(InviteClient(reliable=True))
    call.feed(Input.START)
    call.at(1.0, Input.RECV_FINAL)
    assert call.machine.ended
    call.run()
    assert call.log == [(0.0, "SEND"), (1.0, "SEND_ACK"), (1.0, "TO_USER"), (1.0, "END")]


@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("ringing", [False, True])
def test_every_2xx_goes_to_the_user_until_m(line, reliable, ringing):
    call = line(InviteClient(reliable))
    call.feed(Input.START)
    if ringing:
        call.feed(Input.RECV_1XX)
    call.at(0.25, Input.RECV_2XX)
    call.at(0.75, Input.RECV_2XX)
    call.at(1.0, Input.RECV_1XX)
    call.at(1.25, Input.RECV_FINAL)
    call.at(1.5, Input.TRANSPORT_ERROR)
    call.at(30.0, Input.RECV_2XX)
    call.at(33.0, Input.RECV_2XX)
    call.run()
    assert call.log == [
        (0.0, "SEND"),
        *[(0.0, "TO_USER")] * ringing,
        (0.25, "TO_USER"),
        (0.75, "TO_USER"),
        (30.0, "TO_USER"),
        (32.25, "END"),
    ]


def test_an_invite_that_cannot_be_carried(line):
    call = line(InviteClient(reliable=False))
    call.feed(Input.START)
    call.at(0.25, Input.TRANSPORT_ERROR)
    call.run()
    assert call.log == [(0.0, "SEND"), (0.25, "FAIL"), (0.25, "END")]


def test_an_ack_that_cannot_be_carried(line):
    call = line(InviteClient(reliable=False))
    call.feed(Input.START)
    call.feed(Input.RECV_FINAL)
    call.at(0.25, Input.TRANSPORT_ERROR)
    call.run()
    assert call.when("FAIL") == call.when("END") == [0.25]


def test_own_timer_values(line):
    slow = line(InviteClient(reliable=False, timers=Timers(t1=1.0, t2=1.0)))
    slow.feed(Input.START)
    slow.run()
    assert slow.when("RESEND") == [1.0, 3.0, 7.0, 15.0, 31.0, 63.0]  # T2 does not bound A
    assert slow.when("TIMEOUT") == [64.0]
    accepted = line(InviteClient(reliable=False, timers=Timers(t1=0.25)))
    accepted.feed(Input.START)
    accepted.feed(Input.RECV_2XX)
    accepted.run()
    assert accepted.when("END") == [16.0]


@pytest.mark.parametrize(("t1", "ends"), [(0.25, 32.0), (1.0, 64.0)])
def test_timer_d_is_at_least_32_seconds(line, t1, ends):
    call = line(InviteClient(reliable=False, timers=Timers(t1=t1)))
    call.feed(Input.START)
    call.feed(Input.RECV_FINAL)
    call.run()
    assert call.when("END") == [ends]
