"""The hub's SQLite file: who reads sees one state, whatever others write meanwhile."""

from local_hub.database import Database


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
