"""What tests of more than one folder use."""

from collections.abc import Iterator

import pytest

from tests.helpers import ThreadReactor


@pytest.fixture
def reactor() -> Iterator[ThreadReactor]:
    """A reactor with threads, whose clock only moves when told."""
    made = ThreadReactor()
    yield made
    made.shut_down()
