"""One torture site for all rows; a machine without network namespaces skips, or fails with TWSIP_PEERS=required."""

import os
from collections.abc import Iterator

import pytest

from tests.peers.cage import NoCage
from tests.torture.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The site and its neighbours."""
    try:
        town = Town(tmp_path_factory.mktemp("torture"))
    except NoCage as error:
        if os.environ.get("TWSIP_PEERS") == "required":
            raise
        pytest.skip(str(error))
    yield town
    town.close()
