"""A few threads with a connection each (`twisted.enterprise.adbapi`) that ask; the reactor never waits for a database."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, final

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from ..api import BackendDown, ConfigError
from .sqldriver import Driver
from .sqltable import ask

MOST_WAITING: Final = 256
"""So many queries may wait for a thread; the next one is answered as if the database were down."""
MOST_CONNECTIONS: Final = 64


class Question(Protocol):
    """Something that can be asked: the text of a SELECT."""

    text: str


def limits(part: str, connections: int, timeout: float, busy: float) -> None:
    """Raises ConfigError for options of that part that are too little or too much."""
    for option, value, least, most in (
        ("connections", connections, 1, MOST_CONNECTIONS),
        ("timeout", timeout, 0.1, 60),
        ("busy", busy, 0, 60),
    ):
        if not least <= value <= most:
            raise ConfigError(f"{option}={value} does not fit {part}; give {least} to {most}")


@final
class _Asked:
    """One query on its way; nobody wants its answer any more once it was given up."""

    __slots__ = ("choose", "is_given_up", "parameters")

    def __init__(self, choose: Callable[[], Question], parameters: Sequence[str]) -> None:
        self.choose = choose
        self.parameters = parameters
        self.is_given_up = False

    def give_up(self, answer: object) -> None:
        """A thread that takes it up later does not ask, so that a database that comes back is not busy with the past."""
        self.is_given_up = True


class Pool(ConnectionPool):
    """Up to `connections` threads; `opened` is called in them with each new connection and may refuse it by raising."""

    def __init__(self, driver: Driver, connections: int, opened: Callable[[Any], None], reactor: Any) -> None:
        super().__init__(driver.module, cp_min=1, cp_max=connections, cp_openfun=self._open, cp_reactor=reactor)
        # adbapi asks nothing of it but connect(), and a driver has a time limit where a module has none.
        self.dbapi = driver
        self.waiting = 0
        self._is_closing = False
        self._opened = opened
        self._driver = driver

    def look_up(self, choose: Callable[[], Question], parameters: Sequence[str]) -> Deferred[Any]:
        """The question that `choose` gave once there was a connection, and its rows: none when the parameters cannot be in the database.

        Raises BackendDown at the bound.
        A connection that has dropped is opened anew and asked once more.  A Deferred that is cancelled is not asked for any more.
        """
        if self.waiting >= MOST_WAITING:
            raise BackendDown(f"{MOST_WAITING} queries wait")
        asked = _Asked(choose, parameters)
        answer: Deferred[Any] = Deferred(asked.give_up)
        self.waiting += 1
        # Whoever gives up waiting does not free the thread, so the count goes down when the query itself has ended.
        query = deferToThreadPool(self._reactor, self.threadpool, self._ask, asked)
        query.addBoth(self._answered, asked, answer)
        return answer

    def finalClose(self) -> None:
        """Close everything; what waits for a thread is not asked any more, so that the end waits for one time limit at most."""
        self._is_closing = True
        super().finalClose()

    def _answered(self, result: Any, asked: _Asked, answer: Deferred[Any]) -> None:
        self.waiting -= 1
        if not asked.is_given_up:
            (answer.errback if isinstance(result, Failure) else answer.callback)(result)

    def _ask(self, asked: _Asked) -> tuple[Question, Sequence[Any]]:
        driver = self._driver
        for last in (False, True):
            if asked.is_given_up or self._is_closing:
                break
            # adbapi's own interactions would commit, which is nothing here, and write a traceback where a connection is gone.
            connection = self.connect()
            question = asked.choose()
            try:
                return question, ask(connection, question.text, asked.parameters)
            except driver.errors as error:
                if driver.cannot_hold(error):
                    return question, ()
                has_dropped = driver.has_dropped(connection, error)
                # Whatever it was, its answer may still be on the way.
                self.disconnect(connection)
                # A drop is the first that anybody hears of a server's restart.
                if last or not has_dropped:
                    raise
        raise BackendDown("nobody waited for the answer any longer")

    def _open(self, connection: Any) -> None:
        try:
            self._opened(connection)
        except BaseException:
            connection.close()
            raise
