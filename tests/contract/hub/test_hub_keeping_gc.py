"""Collecting garbage, while the hub runs and while it is stopped: what goes, what stays, and what an upload needs."""

import base64
import json
import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from local_hub import LocalHub
from local_hub.cli import main

STORE_V1 = Path(__file__).parent / "store_v1"
DAY_SECONDS = 24 * 3600
LARGE, SMALL, NEW = b"\0" * 5000, b"text " * 400_000, b"\1" * 100


@pytest.fixture(scope="module")
def running_hub():
    with LocalHub() as running:
        yield running


@pytest.fixture
def hub(running_hub, capsys):
    """A hub that runs, without repos and garbage from other tests."""
    api = running_hub.api()
    for model in api.list_models():
        api.delete_repo(model.id)
    make_old(running_hub.directory)
    gc(running_hub.directory, capsys)
    return running_hub


def objects(directory):
    return sorted((directory / "objects").glob("*/*"))


def make_old(directory):
    for path in objects(directory):
        os.utime(path, (time.time() - DAY_SECONDS - 60,) * 2)


def commit(api, repo, *operations):
    return api.create_commit(repo, list(operations), commit_message="Change")


def gc(directory, capsys, *options):
    capsys.readouterr()
    assert main(["gc", "--dir", str(directory), *options]) == 0
    rows = [line.rsplit(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    return {name: int(count) for name, count, *_ in rows[:-1]}


def leave_garbage(api, name):
    """A repo whose squashed history had a large and a small file that it has no more; returns its id."""
    repo = api.create_repo(f"local/{name}").repo_id
    commit(api, repo, CommitOperationAdd("old.bin", LARGE), CommitOperationAdd("a/old.txt", SMALL))
    changes = [CommitOperationDelete("old.bin"), CommitOperationDelete("a/old.txt")]
    new = [CommitOperationAdd("new.bin", NEW), CommitOperationAdd("b/new.txt", b"new")]
    commit(api, repo, *changes, *new)
    api.super_squash_history(repo)
    return repo


def test_a_running_hub_gives_back_the_room_of_squashed_histories_and_deleted_repos(hub, tmp_path, capsys):
    api, directory = hub.api(), hub.directory
    repo = leave_garbage(api, "squashed")
    gone = api.create_repo("local/gone").repo_id
    commit(api, gone, CommitOperationAdd("gone.bin", b"\2" * 100), CommitOperationAdd("gone.txt", b"gone"))
    api.delete_repo(gone)
    make_old(directory)
    expected = {"large files": 2, "small files": 2, "folders": 4, "unfinished uploads": 0}
    assert gc(directory, capsys, "--dry-run") == expected
    assert len(objects(directory)) == 3
    assert gc(directory, capsys) == expected
    assert [path.read_bytes() for path in objects(directory)] == [NEW]
    assert sum(path.stat().st_size for path in directory.glob("hub.sqlite3*")) < len(SMALL)
    for path, content in (("new.bin", NEW), ("b/new.txt", b"new")):
        assert Path(api.hf_hub_download(repo, path, cache_dir=tmp_path / "cache")).read_bytes() == content
    assert main(["verify", "--dir", str(directory)]) == 0
    assert set(gc(directory, capsys).values()) == {0}


def test_a_commit_that_is_being_received_keeps_what_was_stored_of_it(hub, capsys):
    """Contents are stored as they come, long before the commit that names them."""
    api = hub.api()
    repo = api.create_repo("local/received").repo_id
    stored, collected = threading.Event(), threading.Event()

    def body():
        yield json.dumps({"key": "header", "value": {"summary": "Change"}}).encode() + b"\n"
        for number in range(6):
            content = base64.b64encode(bytes([number]) * 2_000_000).decode()
            value = {"path": f"{number}.txt", "content": content, "encoding": "base64"}
            yield json.dumps({"key": "file", "value": value}).encode() + b"\n"
        stored.set()
        assert collected.wait(60)

    def collect():
        assert stored.wait(60)
        with closing(sqlite3.connect(hub.directory / "hub.sqlite3")) as db:
            deadline = time.monotonic() + 60
            while db.execute("SELECT count(*) FROM contents").fetchone()[0] < 2:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        found.append(gc(hub.directory, capsys))
        collected.set()

    found = []
    collecting = threading.Thread(target=collect)
    collecting.start()
    headers = {"Authorization": f"Bearer {hub.token}"}
    answer = httpx2.post(
        f"{hub.url}/api/models/{repo}/commit/main", content=body(), headers=headers, timeout=60
    )
    collecting.join()
    assert answer.status_code == 200
    assert found[0]["small files"] == 0
    assert main(["verify", "--dir", str(hub.directory)]) == 0


def test_a_large_file_that_a_client_was_just_told_of_stays_until_it_commits(hub, capsys):
    api = hub.api()
    repo = leave_garbage(api, "told")
    make_old(hub.directory)
    waiting = [CommitOperationAdd("again.bin", LARGE)]
    api.preupload_lfs_files(repo, waiting)
    assert gc(hub.directory, capsys)["large files"] == 0
    commit(api, repo, *waiting)
    assert main(["verify", "--dir", str(hub.directory)]) == 0


def test_a_large_file_whose_content_is_lost_is_asked_for_again(hub):
    api = hub.api()
    repo = api.create_repo("local/lost").repo_id
    commit(api, repo, CommitOperationAdd("a.bin", LARGE))
    (path,) = [path for path in objects(hub.directory) if path.read_bytes() == LARGE]
    path.unlink()
    api.preupload_lfs_files(repo, [CommitOperationAdd("again.bin", LARGE)])
    assert path.read_bytes() == LARGE


def test_what_is_younger_than_an_hour_is_not_collected_while_the_hub_runs(hub, capsys):
    assert main(["gc", "--dir", str(hub.directory), "--older-than", "0.9"]) == 2
    assert "While the hub runs, --older-than is at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stopped_hub_is_collected_down_to_the_last_second(tmp_path, capsys):
    directory = tmp_path / "hub"
    with LocalHub(directory) as hub:
        leave_garbage(hub.api(), "run")
    (directory / "incoming" / "parts-1").mkdir()
    expected = {"large files": 1, "small files": 1, "folders": 3, "unfinished uploads": 1}
    assert gc(directory, capsys, "--older-than", "0", "--dry-run") == expected
    assert len(objects(directory)) == 2
    assert gc(directory, capsys, "--older-than", "0") == expected
    assert [path.read_bytes() for path in objects(directory)] == [NEW]
    assert main(["verify", "--dir", str(directory)]) == 0


def test_only_the_hubs_own_user_may_collect(hub):
    body = {"older_than_seconds": DAY_SECONDS, "dry_run": True}
    assert httpx2.post(f"{hub.url}/api/local-hub/gc", json=body).status_code == 401


@pytest.fixture
def old_store(tmp_path):
    """A hub's folder as a hub of format 1 left it."""
    shutil.copytree(STORE_V1, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / "hub.sqlite3")) as database:
        database.executescript((tmp_path / "hub.sql").read_text("utf-8"))
    return tmp_path


def test_a_store_of_an_earlier_hub_gives_its_room_back_too(old_store, capsys):
    with closing(sqlite3.connect(old_store / "hub.sqlite3")) as database:
        database.execute("INSERT INTO contents VALUES ('garbage', zeroblob(3000000))")
        database.commit()
    assert gc(old_store, capsys)["small files"] == 1
    assert (old_store / "hub.sqlite3").stat().st_size < 3_000_000
    assert main(["verify", "--dir", str(old_store)]) == 0


def test_nothing_is_removed_from_a_store_in_which_a_folder_is_missing(old_store, capsys):
    with closing(sqlite3.connect(old_store / "hub.sqlite3")) as database:
        database.execute("DELETE FROM trees")
        database.commit()
    assert main(["gc", "--dir", str(old_store), "--older-than", "0"]) == 2
    assert "Nothing was removed: the folder" in capsys.readouterr().err
    assert len(objects(old_store)) == 2
