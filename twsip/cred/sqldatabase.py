"""A database behind a part of the site: looked at when the site starts, asked in threads, told of once when it is down then."""

import os
from collections.abc import Callable, Sequence
from typing import Any, final

from ..api import BackendDown, ConfigError
from ..api.events import BackendFailed, BackendRecovered
from ..api.house import House
from .sqldriver import Driver, driver_for, told
from .sqlpool import Pool, Question, limits
from .sqlurl import SQLITE, password_in, where


@final
class Database:
    """An SQLite file, which must exist when the site starts, or a server, which may be down then.

    `part` is the class that asks, for errors; `called` is how they call its database, with `{}` for where it is.  `connections`
    threads ask (a file: one).  A server has `timeout` seconds for each step, a file's writer is waited for `busy` seconds.
    """

    def __init__(
        self, part: str, called: str, kind: str, url: str, password_file: str, connections: int, timeout: float, busy: float
    ) -> None:
        self.where = where(url, part)
        limits(part, connections, timeout, busy)
        self.name = f"{kind}:{self.where}"
        self.called = called.format(self.where)
        self.driver: Driver = driver_for(self.where, timeout, busy)
        self.pool: Pool | None = None
        self._part = part
        self._password_file = password_file
        self._connections = 1 if self.where.kind == SQLITE else connections
        # A table that is wrong is found out late when the server was down at the start.
        self._broken: tuple[type[Exception], ...] = (ConfigError, *self.driver.errors)
        self._house: Any = None
        self._is_told_down = False

    def open(self, house: House, look: Callable[[Any], None]) -> None:
        """Look at the database and open the pool; `look` is given each new connection and raises for what is not as it must be.

        Raises ConfigError for a file that is not there or cannot be used, and what `look` raises but for the driver's own
        errors: a server that does not let us in is BackendFailed.
        """
        if self.pool is not None:
            return
        self._house = house
        if self.where.kind == SQLITE:
            if not os.path.exists(self.where.path):
                raise ConfigError(f"{self.called} does not exist; make it with: sqlite3 {self.where.path} < etc/subscriber.sql")
        elif self._password_file:
            self.where.password = password_in(self._password_file, self._part)
        try:
            connection = self.driver.connect()
            try:
                look(connection)
            finally:
                connection.close()
        except self.driver.errors as error:
            if self.where.kind == SQLITE:
                raise ConfigError(f"{self.called} cannot be used: {told(error, self.where)}; mend the file or its owner") from error
            self._is_told_down = True
            house.tell(BackendFailed(self.name, told(error, self.where)))
        self.pool = Pool(self.driver, self._connections, look, house.reactor)

    def close(self) -> None:
        """Close the pool; the reactor does it by itself at shutdown."""
        if self.pool is not None:
            self.pool.close()
            self.pool = None

    async def look_up(self, choose: Callable[[], Question], parameters: Sequence[str]) -> Any:
        """The question that was asked, and its rows; BackendDown when there is no answer.  Cancelling it gives the query up."""
        if self.pool is None:
            raise BackendDown(f"{self.name} was not opened")
        try:
            found = await self.pool.look_up(choose, parameters)
        except BackendDown as error:
            raise BackendDown(f"{self.name} is too slow: {error}") from None
        except self._broken as error:
            raise BackendDown(f"{self.name} failed: {told(error, self.where)}") from error
        if self._is_told_down:
            self._is_told_down = False
            self._house.tell(BackendRecovered(self.name))
        return found
