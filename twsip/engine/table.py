"""The live transactions of a house: who is known by which key, and who waits on which stream (RFC 3261 section 17)."""

from itertools import islice
from typing import Any, Final, final

from .transactions import ClientTransaction, ServerTransaction

NEWEST: Final = 256
"""How many of the newest client transactions are looked at when the kernel refuses a datagram."""


@final
class Table:
    """The live transactions of a house, by their keys."""

    def __init__(self, most: int = 200_000) -> None:
        self.most = most
        """Server transactions at once; above it new requests get 503 and are not remembered."""
        self.servers: dict[bytes, ServerTransaction] = {}
        self.clients: dict[bytes, ClientTransaction] = {}
        self._on_flow: dict[str, set[ClientTransaction]] = {}
        self.told = False
        """Whether it was full and did not get a tenth empty since."""

    @property
    def full(self) -> bool:
        """Whether no server transaction may be added."""
        size = len(self.servers)
        if self.told and size < self.most * 9 // 10:
            self.told = False
        return size >= self.most

    def tell_full(self) -> bool:
        """True the first time that it is full; again only after it was a tenth empty."""
        first = not self.told
        self.told = True
        return first

    def add_client(self, transaction: ClientTransaction) -> None:
        """Remember a client transaction, on a stream also who is to be told when it breaks."""
        self.clients[transaction.key] = transaction
        flow: Any = transaction.flow
        if flow.reliable:
            self._on_flow.setdefault(flow.id, set()).add(transaction)

    def client_ended(self, transaction: ClientTransaction) -> None:
        """Forget it."""
        self.clients.pop(transaction.key, None)
        flow: Any = transaction.flow
        if flow.reliable:
            waiting = self._on_flow.get(flow.id)
            if waiting is not None:
                waiting.discard(transaction)
                if not waiting:
                    del self._on_flow[flow.id]

    def on_flow(self, flow: Any) -> list[ClientTransaction]:
        """The client transactions whose requests went over this flow.

        Of a datagram's flow nobody keeps a list; what the kernel refuses was sent a moment ago, so it is looked for
        among the newest.
        """
        if flow.reliable:
            return list(self._on_flow.get(flow.id, ()))
        newest = islice(reversed(self.clients.values()), NEWEST)
        return [one for one in newest if one.flow.host == flow.host and one.flow.port == flow.port]

    def quoted(self, flow: Any, quoted: bytes) -> list[ClientTransaction]:
        """The client transaction whose request begins like this and went to this flow's address; at most one.

        The branch of our Via, which is the first header, has 72 random bits: who forges the news of a loss does not know it.
        A quote that was cut before the end of that line finds nobody.
        """
        first, _, rest = quoted.partition(b"\r\n")
        via, end, _ = rest.partition(b"\r\n")
        branch = via.rpartition(b";branch=")[2]
        found = self.clients.get(branch + b" " + first.partition(b" ")[0]) if end else None
        if found is None or found.flow.host != flow.host or found.flow.port != flow.port:
            return []
        return [found]

    def clear(self) -> None:
        """Forget them all."""
        self.servers.clear()
        self.clients.clear()
        self._on_flow.clear()
