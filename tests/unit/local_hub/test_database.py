"""The hub's SQLite file: who reads sees one state, whatever others write meanwhile."""

import sqlite3

import pytest

from local_hub import database as database_module
from local_hub.database import LARGEST_IDLE_LOG_BYTES, Database


def test_a_reader_sees_one_state_until_it_is_done(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    database.add_schema("CREATE TABLE numbers (n INTEGER)")

    def count(db):
        return db.execute("SELECT COUNT(*) FROM numbers").fetchone()[0]

    with database.read() as reader:
        assert count(reader) == 0
        with database.write() as writer:
            writer.execute("INSERT INTO numbers VALUES (1)")
        assert count(reader) == 0
    with database.read() as reader:
        assert count(reader) == 1
    database.close()


def test_new_readers_do_not_wait_for_a_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.1)
    database = Database(tmp_path / "hub.sqlite3")
    with database.write(), database.read() as first, database.read() as second:
        assert first is not second
    database.close()


def test_a_full_disk_is_called_so_and_what_was_there_stays(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    database.add_schema("CREATE TABLE blobs (content BLOB)")

    def fill():
        with database.write() as db:
            db.execute("PRAGMA max_page_count=30")
            db.execute("INSERT INTO blobs VALUES (zeroblob(1000000))")

    with pytest.raises(sqlite3.OperationalError, match="database or disk is full"):
        fill()
    with database.read() as db:
        assert db.execute("SELECT COUNT(*) FROM blobs").fetchone()[0] == 0
    database.close()


def test_the_log_of_a_great_change_gives_its_room_back(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    database.add_schema("CREATE TABLE blobs (content BLOB)")
    for size in (LARGEST_IDLE_LOG_BYTES * 5 // 4, 1, 1):
        with database.write() as db:
            db.execute("INSERT INTO blobs VALUES (zeroblob(?))", (size,))
    assert (tmp_path / "hub.sqlite3-wal").stat().st_size <= LARGEST_IDLE_LOG_BYTES
    database.close()
