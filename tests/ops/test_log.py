"""One line an event, source first, nothing from the wire unescaped, floods summed up."""

from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger, formatEvent
from zope.interface.verify import verifyObject

from twsip.api import IEventReader
from twsip.api.events import AuthFailed, CheckBroke, MalformedPacket, Refused, Registered, Started, Unsafe
from twsip.ops.log import LINES_A_SECOND, LONGEST_VALUE, Log, line, quoted


@pytest.fixture
def written():
    return []


@pytest.fixture
def log(written):
    return Log(Logger(namespace="twsip", observer=lambda event: written.append((event["log_level"].name, formatEvent(event)))))


def failed(auth_id="alice", cause="AUTH_WRONG_RESPONSE", source="192.0.2.10"):
    return AuthFailed(cause, auth_id, "example.org", source, "UDP", "REGISTER", "c1")


def malformed(source="192.0.2.1"):
    return MalformedPacket(source, "UDP", 400, "no Via")


def test_it_is_an_event_reader(log):
    assert verifyObject(IEventReader, log)


def test_the_source_comes_first():
    assert line(failed()) == (
        "event=auth_failed src=192.0.2.10 cause=AUTH_WRONG_RESPONSE auth_id=alice realm=example.org "
        "transport=UDP method=REGISTER call_id=c1 code=0"
    )


@pytest.mark.parametrize(
    "evil",
    [
        "x\r\nevent=auth_failed src=198.51.100.1",
        'x" src=198.51.100.1 y="',
        "x src=198.51.100.1",
        "x\x1b[2J",
        "x\u2028src=198.51.100.1",
        "x\x85",
        b"\xff\r\n".decode("utf-8", "surrogateescape"),
        "{log_level}{0}%s",
    ],
)
def test_nothing_from_the_wire_ends_a_line_or_makes_a_field(log, written, evil):
    log.told(failed(auth_id=evil))
    ((_, text),) = written
    assert len(text.splitlines()) == 1
    assert text.isprintable()
    assert text.startswith("event=auth_failed src=192.0.2.10 ")
    text.encode("utf-8")
    # Outside of quotes there is one source only.
    outside, inside, at = "", False, 0
    while at < len(text):
        if text[at] == "\\" and inside:
            at += 2
            continue
        if text[at] == '"':
            inside = not inside
        elif not inside:
            outside += text[at]
        at += 1
    assert not inside
    assert outside.count("src=") == 1


def test_a_source_that_is_no_address_is_quoted():
    assert ' src="operator at home" ' in line(Registered("sip:a@b", "sip:a@c", "removed", 0, "operator at home")) + " "


def test_long_values_are_cut():
    assert len(quoted("x" * 10000)) < LONGEST_VALUE + 10


def test_a_trace_stays_on_its_line(log, written):
    log.told(CheckBroke("office-hours", "ValueError", "Traceback:\n  line 1\n"))
    assert written == [("error", r'event=check_broke check=office-hours error=ValueError trace="Traceback:\n  line 1\n"')]


def test_what_phones_do_all_day_is_not_written(log, written):
    log.told(failed(cause="AUTH_NO_CREDENTIALS"))
    log.told(Registered("sip:a@b", "sip:a@c", "refreshed", 60, "192.0.2.1"))
    assert written == []


def test_a_start_names_where_it_listens(log, written):
    log.told(Started("example.org", ("UDP 127.0.0.1:5060", "TCP 127.0.0.1:5060")))
    assert written == [("info", 'event=started name=example.org listening="UDP 127.0.0.1:5060, TCP 127.0.0.1:5060"')]


def test_a_flood_is_summed_up_each_second(log, written):
    clock = Clock()
    log.attach(SimpleNamespace(now=clock.seconds, reactor=clock))
    for number in range(1000):
        log.told(malformed(f"192.0.2.{number % 256}"))
    log.told(Refused("pike", "Drop", 0, "too much", "192.0.2.1", "UDP"))
    assert len(written) == LINES_A_SECOND + 1
    clock.advance(1.0)
    assert written[-1] == ("info", f'event=malformed_packet sort="" left_out={1000 - LINES_A_SECOND}')
    log.told(malformed())
    assert written[-1][1].startswith("event=malformed_packet src=192.0.2.1")
    assert clock.getDelayedCalls() == []


def test_the_next_second_begins_anew_without_a_timer(log, written):
    clock = Clock()
    log.attach(SimpleNamespace(now=clock.seconds, reactor=clock))
    for _ in range(5):
        for _ in range(LINES_A_SECOND):
            log.told(malformed())
        clock.advance(1.0)
    assert len(written) == 5 * LINES_A_SECOND


def test_a_clock_set_back_does_not_silence_it(log, written):
    clock = SimpleNamespace(now=lambda: 1000.0, reactor=Clock())
    log.attach(clock)
    for _ in range(LINES_A_SECOND + 1):
        log.told(malformed())
    log.attach(SimpleNamespace(now=lambda: 10.0, reactor=clock.reactor))
    log.told(malformed())
    assert written[-1][1].startswith("event=malformed_packet src=")


def test_an_unsafe_option_is_a_warning(log, written):
    log.told(Unsafe("in_dialog_auth=never", "everybody is let in"))
    assert written == [("warn", 'event=unsafe option="in_dialog_auth=never" danger="everybody is let in"')]
