"""The operator's socket: JSON-RPC 2.0, one request a line, over a Unix socket that only owner and group may open."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet import interfaces
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin

from ..api import TwsipError

LONGEST_REQUEST: Final = 64 * 1024
MOST_CONNECTIONS: Final = 16
IDLE: Final = 60.0

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
FAILED: Final = -32000

Method = Callable[..., Any]


class Failed(TwsipError):
    """A method could not do what it was asked; the text is one sentence for the operator."""


class Admin(Factory):
    """Answers requests by calling plain functions: the keys of `methods` are names like "core.uptime".

    A method takes the request's params, by position or by name, and returns what JSON can hold.
    """

    noisy = False

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods: dict[str, Method] = {"system.listMethods": self._list, **methods}
        self.open = 0

    def _list(self) -> list[str]:
        return sorted(self._methods)

    def buildProtocol(self, addr: interfaces.IAddress | None) -> "Conversation | None":
        """One more operator, unless `MOST_CONNECTIONS` are here already."""
        if self.open >= MOST_CONNECTIONS:
            return None
        return Conversation(self)

    def answer(self, line: bytes) -> bytes | None:
        """The answer to one line, or None for a notification, which asks for none.  Never raises."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return _printed(_error(None, PARSE_ERROR, "this is not JSON"))
        if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
            wanted = 'a request is {"jsonrpc": "2.0", "method": ..., "params": ..., "id": ...}'
            return _printed(_error(None, INVALID_REQUEST, wanted))
        reply = self._call(request["method"], request.get("params", []), request.get("id"))
        return _printed(reply) if "id" in request else None

    def _call(self, name: str, params: Any, number: Any) -> dict[str, Any]:
        method = self._methods.get(name)
        if method is None:
            return _error(number, METHOD_NOT_FOUND, f"there is no method {name[:80]!r}; system.listMethods lists them")
        if not isinstance(params, list | dict):
            return _error(number, INVALID_PARAMS, "params is a list or an object")
        try:
            result = method(**params) if isinstance(params, dict) else method(*params)
        except TypeError as error:
            return _error(number, INVALID_PARAMS, f"{name} does not take that: {error}")
        except (TwsipError, ValueError, LookupError, OSError) as error:
            return _error(number, FAILED, str(error))
        except Exception as error:  # a number where a text belongs, a database that says no: never ours to die of
            return _error(number, FAILED, f"{name} failed: {type(error).__name__}: {error}")
        return {"jsonrpc": "2.0", "id": number, "result": result}


class Conversation(LineOnlyReceiver, TimeoutMixin):
    """One operator's connection."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST_REQUEST

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def connectionMade(self) -> None:
        """Count it, and do not wait for it for ever."""
        self._admin.open += 1
        self.setTimeout(IDLE)

    def connectionLost(self, reason: Any = None) -> None:
        """Count it out."""
        self._admin.open -= 1
        self.setTimeout(None)

    def lineReceived(self, line: bytes) -> None:
        """Answer one request."""
        self.resetTimeout()
        if not line.strip():
            return
        reply = self._admin.answer(line)
        if reply is not None:
            self.sendLine(reply)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Say why, then close: what follows cannot be told from the rest of this line."""
        self.sendLine(_printed(_error(None, INVALID_REQUEST, f"a request has at most {LONGEST_REQUEST} bytes")))
        if self.transport is not None:
            self.transport.loseConnection()


def _error(number: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


def _printed(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, default=str).encode("ascii")
