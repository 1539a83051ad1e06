"""The list of runs: what it costs where there are many repos, and what a damaged one does to it."""

import json

import pytest

from local_hub.database import Database
from local_hub.repos import history, mirrors, registry
from local_hub.repos.contents import git_blob_id, save_content
from local_hub.repos.edit import TreeEditor
from local_hub.repos.schema import SCHEMA
from local_hub.repos.trees import Entry, save_folder
from local_hub.web.run_list import list_runs


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    database.add_schema(SCHEMA)
    database.add_schema(mirrors.SCHEMA)
    yield database
    database.close()


def commit(db, name, **runs):
    """A commit to a dataset repo after which it has these runs, by the status of their only phase."""
    repo = registry.find_repo(db, "dataset", "local", name) or registry.insert_repo(
        db, "dataset", "local", name, private=False
    )
    editor = TreeEditor(db, save_folder(db, {}))
    editor.put("data.csv", save_content(db, name.encode()))
    for run, status in runs.items():
        manifest = {"created_at": "2026-01-02", "phases": {"sft": {"status": status}}}
        editor.put(f"runs/{run}/manifest.json", save_content(db, json.dumps(manifest).encode()))
    made = history.add_commit(db, repo, None, editor.save(), "Write", "", "local")
    history.set_ref(db, repo, "heads", history.MAIN, made.sha)


def listed(database):
    """The runs with their statuses, and how many times the database was asked."""
    asked = []
    with database.read() as db:
        db.set_trace_callback(asked.append)
        found = [(run.repo.name, run.id, run.outline.statuses[0][1]) for run in list_runs(db, None)]
        db.set_trace_callback(None)
    return sorted(found), len(asked)


def test_a_list_that_was_made_is_made_again_with_two_queries_and_what_is_new(database):
    with database.write() as db:
        for number in range(30):
            commit(db, f"cheap-{number}", **({"a": "running", "b": "failed"} if number == 7 else {}))
    runs, _ = listed(database)
    assert runs == [("cheap-7", "a", "running"), ("cheap-7", "b", "failed")]
    assert listed(database) == (runs, 2)
    with database.write() as db:
        commit(db, "cheap-7", a="succeeded", b="failed")
    runs, asked = listed(database)
    assert runs == [("cheap-7", "a", "succeeded"), ("cheap-7", "b", "failed")]
    assert asked < 10


def test_a_damaged_repo_hides_no_runs_of_others(database):
    with database.write() as db:
        commit(db, "whole", a="running")
        commit(db, "damaged", a="running")
        repo = registry.find_repo(db, "dataset", "local", "damaged")
    with database.connection() as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("UPDATE commits SET tree_id = 'gone' WHERE repo_id = ?", (repo.key,))
        db.execute("PRAGMA foreign_keys = ON")
    assert listed(database)[0] == [("whole", "a", "running")]


def test_a_run_of_a_copy_is_listed_once_its_manifest_has_come(database):
    content = b'{"phases": {"sft": {"status": "running"}}}'
    with database.write() as db:
        commit(db, "copy")
        repo = registry.find_repo(db, "dataset", "local", "copy")
        editor = TreeEditor(db, save_folder(db, {}))
        editor.put("runs/a/manifest.json", Entry("file", git_blob_id(content), len(content)))
        made = history.add_commit(db, repo, None, editor.save(), "Write", "", "local")
        history.set_ref(db, repo, "heads", history.MAIN, made.sha)
    assert listed(database)[0] == []
    with database.write() as db:
        mirrors.save_fetched_content(db, repo.key, git_blob_id(content), content)
    assert listed(database)[0] == [("copy", "a", "running")]
