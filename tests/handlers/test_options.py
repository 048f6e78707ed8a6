"""Who asks us what we can is told; the rest is for somebody else."""

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import make_context, make_request
from twsip.api import ConfigError, IHandler, Reply
from twsip.handlers import Options
from twsip.sip.proxy.route import preprocess
from twsip.sip.uri import Uri

# fmt: off
ROWS = [
    # method     Request-URI                   words                                                  status
    ("OPTIONS",  "sip:example.org",            {},                                                    200),
    ("OPTIONS",  "sip:192.0.2.1",              {"max_forwards": 0},                                   200),
    ("OPTIONS",  "sips:example.org",           {},                                                    200),
    ("OPTIONS",  "sip:example.org",            {"extra": ("Route: <sip:example.org;lr>",)},           200),
    ("OPTIONS",  "sip:example.org",            {"extra": ("Route: <sip:far.example;lr>",)},           0),
    ("OPTIONS",  "sip:bob@example.org",        {},                                                    0),
    ("OPTIONS",  "sip:elsewhere.example",      {},                                                    0),
    ("REGISTER", "sip:example.org",            {},                                                    0),
    ("ACK",      "sip:example.org",            {},                                                    0),
    ("CANCEL",   "sip:example.org",            {},                                                    0),
    ("INVITE",   "sip:bob@example.org",        {},                                                    0),
    ("INVITE",   "sip:elsewhere.example",      {},                                                    0),
    ("INVITE",   "sip:example.org",            {},                                                    405),
    ("MESSAGE",  "sip:192.0.2.1",              {},                                                    405),
    ("BREW",     "sip:example.org",            {},                                                    405),
    ("BYE",      "sip:192.0.2.1",              {"to": "<sip:bob@example.org>;tag=1"},                 0),
]
# fmt: on


@pytest.mark.parametrize("done_before", [False, True])
@pytest.mark.parametrize(("method", "uri", "words", "status"), ROWS)
def test_row(method: str, uri: str, words: dict[str, object], status: int, done_before: bool) -> None:
    context = make_context(make_request(method, uri, **words))
    if done_before or "extra" in words:

        def is_ours(uri: Uri) -> bool:
            return context.local(uri.host)

        context.routed = preprocess(context.request, is_ours)
    handler = Options()
    verifyObject(IHandler, handler)
    answer = handler.handle(context)
    if status == 0:
        assert answer is None
    else:
        assert isinstance(answer, Reply)
        assert answer.status == status
        assert ("Allow", "OPTIONS, REGISTER") in answer.headers


def test_what_is_told_can_be_chosen() -> None:
    handler = Options(
        allow=("OPTIONS", "MESSAGE"), accept=("application/sdp", "text/plain"), supported=("path", "gruu")
    )
    answer = handler.handle(make_context(make_request("OPTIONS", "sip:example.org")))
    assert isinstance(answer, Reply)
    assert answer.headers == (
        ("Allow", "OPTIONS, MESSAGE"),
        ("Accept", "application/sdp, text/plain"),
        ("Supported", "path, gruu"),
    )


@pytest.mark.parametrize(
    "wrong", [{"allow": ("A B",)}, {"accept": ("sdp",)}, {"supported": ("x\r\nEvil: 1",)}, {"accept": "a/b\r\n"}]
)
def test_nothing_odd_gets_into_an_answer(wrong: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ConfigError):
        Options(**wrong)
