"""Tells every reader of events what happened."""

from collections.abc import Iterable
from typing import Any, Final, final

from twisted.logger import Logger

from ..api import Event

_log: Final = Logger(namespace="twsip")


@final
class Ears:
    """Tells every reader; one that raises is told nothing more, and the log says so once."""

    def __init__(self, readers: Iterable[Any]) -> None:
        self._readers = tuple(readers)

    def tell(self, event: Event) -> None:
        """Pass one event on."""
        for reader in self._readers:
            try:
                reader.told(event)
            # A reader may be somebody else's; a broken one must not break the request that it hears of.
            except Exception:
                _log.failure("the reader {reader} broke and is told nothing more", reader=type(reader).__name__)
                self._readers = tuple(one for one in self._readers if one is not reader)
