"""The operator's socket: JSON-RPC 2.0, bounded, and never an exception to the outside."""

import json

import pytest
from twisted.internet.testing import StringTransport

from twsip.ops.admin import IDLE, LONGEST_REQUEST, MOST_CONNECTIONS, Admin, Failed


def refuse(*args):
    raise Failed("it cannot be done; do it otherwise")


@pytest.fixture
def admin():
    return Admin({"say": lambda *words, **more: [*words, more], "refuse": refuse, "odd": lambda: {"a": {1, 2}}, "upper": lambda text: text.upper()})


def ask(admin, **request):
    return json.loads(admin.answer(json.dumps({"jsonrpc": "2.0", "id": 7, **request}).encode()))


@pytest.mark.parametrize(
    ("params", "result"), [([1, "b"], [1, "b", {}]), ({"a": 1}, [{"a": 1}]), ([], [{}])], ids=["list", "object", "none"]
)
def test_params_by_position_and_by_name(admin, params, result):
    assert ask(admin, method="say", params=params) == {"jsonrpc": "2.0", "id": 7, "result": result}


def test_methods_are_listed(admin):
    assert ask(admin, method="system.listMethods")["result"] == ["odd", "refuse", "say", "system.listMethods", "upper"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 60000, -32700),
        (b"[]", -32600),
        (b'{"method": "say", "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "method": 5, "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "method": "nothing", "id": 1}', -32601),
        (b'{"jsonrpc": "2.0", "method": "say", "params": 5, "id": 1}', -32602),
        (b'{"jsonrpc": "2.0", "method": "odd", "params": [1], "id": 1}', -32602),
        (b'{"jsonrpc": "2.0", "method": "refuse", "id": 1}', -32000),
        (b'{"jsonrpc": "2.0", "method": "upper", "params": [5], "id": 1}', -32000),
    ],
)
def test_errors_have_their_code(admin, line, code):
    assert json.loads(admin.answer(line))["error"]["code"] == code


def test_a_refusal_is_told_as_it_was_said(admin):
    assert ask(admin, method="refuse")["error"]["message"] == "it cannot be done; do it otherwise"


def test_a_notification_gets_no_answer(admin):
    assert admin.answer(b'{"jsonrpc": "2.0", "method": "say"}') is None


def test_a_result_that_json_does_not_know_is_printed(admin):
    assert "result" in ask(admin, method="odd")


def converse(admin):
    conversation, transport = admin.buildProtocol(None), StringTransport()
    conversation.callLater = lambda *call: type("Timer", (), {"cancel": lambda self: None, "reset": lambda self, t: None})()
    conversation.makeConnection(transport)
    return conversation, transport


def test_one_answer_a_line_in_their_order(admin):
    conversation, transport = converse(admin)
    for word in ("a", "b"):
        conversation.dataReceived(json.dumps({"jsonrpc": "2.0", "id": word, "method": "say", "params": [word]}).encode())
        conversation.dataReceived(b"\n\n")
    assert [json.loads(line)["id"] for line in transport.value().splitlines()] == ["a", "b"]


def test_a_request_without_end_is_refused(admin):
    conversation, transport = converse(admin)
    conversation.dataReceived(b"x" * (LONGEST_REQUEST + 2))
    assert json.loads(transport.value())["error"]["code"] == -32600
    assert transport.disconnecting


def test_operators_are_counted_in_and_out(admin):
    conversations = [converse(admin)[0] for _ in range(MOST_CONNECTIONS)]
    assert admin.buildProtocol(None) is None
    conversations[0].connectionLost(None)
    assert admin.buildProtocol(None) is not None
    assert conversations[1].timeOut == IDLE
