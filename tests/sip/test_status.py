"""Status lines: known codes, unknown codes, and phrases that would like to be more than a phrase."""

import pytest

from twsip.sip.status import LINES, reason, status_line


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (100, "Trying"),
        (200, "OK"),
        (473, "Destination Filtered"),
        (199, "Provisional"),
        (299, "Success"),
        (399, "Redirection"),
        (499, "Client Error"),
        (599, "Server Error"),
        (699, "Global Failure"),
    ],
)
def test_the_default_phrase(status: int, phrase: str) -> None:
    assert reason(status) == phrase
    assert status_line(status) == f"SIP/2.0 {status} {phrase}".encode()


def test_a_phrase_of_ones_own() -> None:
    assert status_line(480, "Grüß Gott") == "SIP/2.0 480 Grüß Gott".encode()


@pytest.mark.parametrize("phrase", ["a\r\nVia: x", "a\nb", "a\0b", "a\udcffb", "a\x1b[2Jb"])
def test_a_phrase_stays_on_its_line(phrase: str) -> None:
    line = status_line(480, phrase)
    assert line.startswith(b"SIP/2.0 480 a ")
    assert not set(line) & set(b"\r\n\0\x1b\xff")


def test_the_ready_made_lines_are_what_would_be_made() -> None:
    assert all(line == b"SIP/2.0 %d %b" % (status, reason(status).encode()) for status, line in LINES.items())
