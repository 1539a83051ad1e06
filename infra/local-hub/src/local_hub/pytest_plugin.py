"""The pytest fixture `local_hub`; nothing of the hub is imported until a test asks for it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local_hub.embedded import LocalHub


@pytest.fixture(scope="session")
def local_hub() -> "Iterator[LocalHub]":
    """A local hub with nothing in it, shared by the session: `local_hub.api()` is its client."""
    from local_hub.embedded import LocalHub

    with LocalHub() as hub:
        yield hub
