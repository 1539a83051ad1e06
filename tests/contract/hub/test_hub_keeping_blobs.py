"""Which large files the hub keeps on disk when it starts."""

import pytest

from local_hub.app import create_app
from local_hub.config import HubConfig
from local_hub.repos import blob_references


@pytest.fixture
def open_store(tmp_path):
    """Starts the hub on one folder, as far as its store goes."""
    return lambda: create_app(HubConfig(tmp_path), "http://127.0.0.1:1").state.repos


def add_blob(store, content: bytes) -> str:
    with store.blobs.receive() as incoming:
        incoming.write(content)
        incoming.keep()
        return incoming.sha256


def test_a_blob_that_another_registered_table_names_survives_a_restart(open_store, monkeypatch):
    """As buckets do, and what is fetched from another hub: their files belong to no repo."""
    query = "SELECT sha256, size FROM kept"
    references = {**blob_references.BLOB_REFERENCES, "kept": query}
    monkeypatch.setattr(blob_references, "BLOB_REFERENCES", references)
    store = open_store()
    kept, orphan = add_blob(store, b"kept"), add_blob(store, b"orphan")
    store.database.add_schema("CREATE TABLE kept (sha256 TEXT, size INTEGER)")
    with store.database.write() as db:
        db.execute("INSERT INTO kept VALUES (?, ?)", (kept, len(b"kept")))
    again = open_store()
    assert (again.blobs.exists(kept), again.blobs.exists(orphan)) == (True, False)
