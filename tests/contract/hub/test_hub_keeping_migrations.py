"""Stores that earlier hubs wrote. `store_v1/` is one of format 1: its database as SQL, large files, a job's log."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local_hub.database import Database
from local_hub.keeping import migrations

STORE_V1 = Path(__file__).parent / "store_v1"
MODEL, DATASET = "local/tiny-model", "local/exam-questions"
WEIGHTS = bytes(range(256)) * 8
MAIN, STEP_10 = "fa523de35320ca604a12f37420fa9c6799962fb0", "8d804a6f9d8f0680bbb6d3a12c4eb41339810487"
JOB = "6b0b9b4cca186dedc5c92542"


@pytest.fixture
def old_store(tmp_path) -> Path:
    """A hub's folder as a hub of format 1 left it."""
    folder = tmp_path / "hub"
    shutil.copytree(STORE_V1, folder)
    with closing(sqlite3.connect(folder / "hub.sqlite3")) as database:
        database.executescript((folder / "hub.sql").read_text("utf-8"))
        database.execute("PRAGMA journal_mode=WAL")
    (folder / "hub.sql").unlink()
    return folder


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


def test_all_that_a_store_of_format_1_holds_is_there_for_the_client(old_store, start_hub):
    api = start_hub(old_store).api

    def content(repo, path, **options):
        found = api.hf_hub_download(repo, path, cache_dir=old_store.parent / "cache", **options)
        return Path(found).read_bytes()

    refs = api.list_repo_refs(MODEL, include_pull_requests=True)
    assert {ref.ref: ref.target_commit for ref in [*refs.branches, *refs.tags]} == {
        "refs/heads/main": MAIN,
        "refs/heads/step-10": STEP_10,
        "refs/tags/v1": MAIN,
    }
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1"]
    assert [commit.title for commit in api.list_repo_commits(MODEL, revision="step-10")] == [
        "Train for ten steps",
        "Add the model",
        "initial commit",
    ]
    assert api.model_info(MODEL).gated == "auto"
    assert content(MODEL, "weights/model.safetensors", revision="v1") == WEIGHTS
    assert content(MODEL, "weights/model.safetensors", revision="step-10") == WEIGHTS[::-1]
    assert content(MODEL, "README.md", revision="refs/pr/1") == b"# Tiny model\n\nBetter.\n"
    question = content("local/questions", "data/train.jsonl", repo_type="dataset")
    assert question == b'{"question": "Which?"}\n'
    assert api.dataset_info(DATASET).private
    job = api.inspect_job(job_id=JOB, namespace="local")
    assert (job.status.stage, job.labels["phase"]) == ("COMPLETED", "sft")
    assert "hello from format 1" in list(api.fetch_job_logs(job_id=JOB, namespace="local", follow=True))


def test_a_migrated_store_takes_new_commits(old_store, start_hub):
    api = start_hub(old_store).api
    made = api.upload_file(path_or_fileobj=b"new", path_in_repo="new.txt", repo_id=MODEL)
    assert [commit.commit_id for commit in api.list_repo_commits(MODEL)][:2] == [made.oid, MAIN]


def test_the_database_is_kept_as_it_was_before_the_migration(old_store):
    path = old_store / "hub.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        before = list(database.iterdump())
    Database(path).close()
    copy = old_store / "hub-format-1-copy.sqlite3"
    with closing(sqlite3.connect(copy)) as database:
        assert list(database.iterdump()) == before
    assert (version_of(copy), version_of(path)) == (1, migrations.FORMAT_VERSION)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_migration_that_fails_leaves_the_store_as_it_was(old_store, monkeypatch):
    path = old_store / "hub.sqlite3"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def fail_halfway(connection):
        connection.execute("ALTER TABLE commits ADD COLUMN salt TEXT")
        raise OSError("the disk is full")

    monkeypatch.setattr(migrations, "MIGRATIONS", {2: fail_halfway})
    with pytest.raises(OSError, match="the disk is full"):
        Database(path)
    assert version_of(path) == 1
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_a_new_store_has_the_present_format_and_no_copy(tmp_path):
    Database(tmp_path / "hub.sqlite3").close()
    assert version_of(tmp_path / "hub.sqlite3") == migrations.FORMAT_VERSION
    assert not list(tmp_path.glob("*copy*"))
