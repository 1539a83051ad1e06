"""What the hub's unit tests share."""

import pytest

from local_hub.database import Database
from local_hub.repos.schema import SCHEMA


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """An empty store's database."""
    database = Database(tmp_path_factory.mktemp("database") / "hub.sqlite3")
    database.add_schema(SCHEMA)
    yield database
    database.close()
