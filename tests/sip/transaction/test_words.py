import pytest

from twsip.sip.transaction import DEFAULT_TIMERS, Act, Input, Timers, client_input, server_input, timer_input


@pytest.mark.parametrize(
    ("status", "invite", "sent", "received"),
    [
        (100, True, "SEND_1XX", "RECV_1XX"),
        (199, True, "SEND_1XX", "RECV_1XX"),
        (200, True, "SEND_2XX", "RECV_2XX"),
        (299, True, "SEND_2XX", "RECV_2XX"),
        (300, True, "SEND_FINAL", "RECV_FINAL"),
        (699, True, "SEND_FINAL", "RECV_FINAL"),
        (100, False, "SEND_1XX", "RECV_1XX"),
        (199, False, "SEND_1XX", "RECV_1XX"),
        (200, False, "SEND_FINAL", "RECV_FINAL"),
        (404, False, "SEND_FINAL", "RECV_FINAL"),
    ],
)
def test_a_status_is_an_input(status, invite, sent, received):
    assert server_input(status, invite) is Input[sent]
    assert client_input(status, invite) is Input[received]


@pytest.mark.parametrize("letter", "ABDEFGHIJKLM")
def test_each_started_timer_comes_back_as_its_own_input(letter):
    assert timer_input(Act[f"START_{letter}"]) is Input[f"TIMER_{letter}"]


def test_every_timer_act_and_input_has_a_letter_above():
    assert sorted(act.name[6:] for act in Act if act.name.startswith("START_")) == list("ABDEFGHIJKLM")
    assert sorted(event.name[6:] for event in Input if event.name.startswith("TIMER_")) == list("ABDEFGHIJKLM")


def test_an_act_that_starts_no_timer_has_no_timer_input():
    with pytest.raises(KeyError):
        timer_input(Act.SEND)


def test_timer_values_are_the_table_of_the_rfc():
    assert (DEFAULT_TIMERS.t1, DEFAULT_TIMERS.t2, DEFAULT_TIMERS.t4) == (0.5, 4.0, 5.0)
    assert (DEFAULT_TIMERS.t1_64, DEFAULT_TIMERS.d) == (32.0, 32.0)
    assert repr(DEFAULT_TIMERS) == "Timers(t1=0.5, t2=4.0, t4=5.0)"


def test_timer_d_follows_t1_up_but_not_down():
    assert Timers(t1=1.0).d == 64.0
    assert Timers(t1=0.25).d == 32.0


@pytest.mark.parametrize("name", ["t1", "t2", "t4"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_timer_values_that_would_never_or_always_fire_are_refused(name, value):
    with pytest.raises(ValueError, match="positive"):
        Timers(**{name: value})
