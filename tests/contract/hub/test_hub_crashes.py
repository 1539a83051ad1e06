"""A hub that is killed at any moment comes back with everything it had confirmed, and nothing half."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time

import httpx2

WRITER = """
import itertools, json, sys
from huggingface_hub import CommitOperationAdd, HfApi
url, token, repo, who = sys.argv[1:]
for number in itertools.count():
    content = f"{who} {number} ".encode() * 100
    names = [f"{who}/{number}.txt", f"{who}/{number}.bin", f"both/{who}-{number}.txt"]
    operations = [CommitOperationAdd(name, content) for name in names]
    commit = HfApi(url, token).create_commit(repo, operations, commit_message="Write")
    print(json.dumps([commit.oid, names]), flush=True)
"""


def slow_body(started):
    for _ in range(3):
        yield b"x" * 2**22
    started.set()
    time.sleep(30)


def test_killed_during_an_upload_it_forgets_the_half(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub")
    repo = hub.api.create_repo("killed").repo_id
    hub.api.upload_file(repo_id=repo, path_or_fileobj=b"\0kept", path_in_repo="kept.bin")
    named = {"oid": hashlib.sha256(b"x" * 2**24).hexdigest(), "size": 2**24}
    ask = {
        "url": f"{hub.url}/{repo}.git/info/lfs/objects/batch",
        "json": {"operation": "upload", "objects": [named]},
        "headers": {"Authorization": f"Bearer {hub.token}"},
    }
    url = httpx2.post(**ask).json()["objects"][0]["actions"]["upload"]["href"]
    started = threading.Event()
    uploader = threading.Thread(target=_put_until_cut_off, args=(url, started), daemon=True)
    uploader.start()
    assert started.wait(60)
    _wait_for(lambda: any(path.stat().st_size for path in (tmp_path / "hub" / "incoming").iterdir()))
    hub.kill()

    again = start_hub(tmp_path / "hub")
    assert list((tmp_path / "hub" / "incoming").iterdir()) == []
    assert again.token == hub.token
    ask["url"] = f"{again.url}/{repo}.git/info/lfs/objects/batch"
    assert "actions" in httpx2.post(**ask).json()["objects"][0]
    local = again.api.hf_hub_download(repo, "kept.bin", cache_dir=tmp_path / "cache")
    with open(local, "rb") as file:
        assert file.read() == b"\0kept"


def test_killed_during_commits_it_has_each_whole_or_not_at_all(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub")
    repo = hub.api.create_repo("killed").repo_id
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, hub.url, hub.token, repo, who], stdout=subprocess.PIPE
        )
        for who in "ab"
    ]
    confirmed = [[json.loads(writer.stdout.readline()) for _ in range(5)] for writer in writers]
    hub.kill()
    for writer, lines in zip(writers, confirmed, strict=True):
        writer.kill()
        lines += [json.loads(line) for line in writer.communicate()[0].splitlines() if line.endswith(b"]")]

    again = start_hub(tmp_path / "hub")
    history = [commit.commit_id for commit in again.api.list_repo_commits(repo)]
    assert {oid for lines in confirmed for oid, _ in lines} <= set(history)
    files = set(again.api.list_repo_files(repo)) - {".gitattributes"}
    assert {name for lines in confirmed for _, names in lines for name in names} <= files
    assert len(files) == 3 * (len(history) - 1)
    snapshot = again.api.snapshot_download(repo, local_dir=tmp_path / "copy")
    for name in files:
        who, number = name.removeprefix("both/").partition(".")[0].replace("/", "-").split("-")
        with open(os.path.join(snapshot, name), "rb") as file:
            assert file.read() == f"{who} {number} ".encode() * 100
    with sqlite3.connect(tmp_path / "hub" / "hub.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_large_files_of_a_deleted_repo_leave_the_disk_when_the_hub_starts_again(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub")
    for name, content in (("kept", b"\0kept"), ("gone", b"\0gone"), ("gone", b"\0kept")):
        repo = hub.api.create_repo(name, exist_ok=True).repo_id
        hub.api.upload_file(repo_id=repo, path_or_fileobj=content, path_in_repo=f"{content[1:].decode()}.bin")
    hub.api.delete_repo("local/gone")
    hub.kill()
    start_hub(tmp_path / "hub")
    objects = [path.parent.name + path.name for path in (tmp_path / "hub" / "objects").glob("*/*")]
    assert objects == [hashlib.sha256(b"\0kept").hexdigest()]


def _put_until_cut_off(url, started):
    try:
        httpx2.put(url, content=slow_body(started), timeout=40)
    except httpx2.TransportError:
        return


def _wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
