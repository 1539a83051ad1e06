"""A commit is all or nothing, says what it is built on, and loses nobody else's."""

import base64
import json
import subprocess
import sys

import httpx2
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
)
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError

STALE = "The branch was updated since you opened this page. Please refresh and try again."
WRITER = """
import sys
from huggingface_hub import HfApi
repo, who = sys.argv[1:]
for number in range(8):
    HfApi().upload_file(repo_id=repo, path_or_fileobj=who.encode(), path_in_repo=f"{who}/{number}.txt")
"""


def add(path, content=b"x"):
    return CommitOperationAdd(path, content)


def commit(api, repo, *operations, **options):
    return api.create_commit(repo, list(operations), commit_message="Change", **options).oid


def post_commit(hub_server, repo, *lines, revision="main"):
    header = {"key": "header", "value": {"summary": "By hand", "description": ""}}
    body = "\n".join(json.dumps(line) for line in (header, *lines))
    return httpx2.post(
        f"{hub_server.url}/api/models/{repo}/commit/{revision}",
        content=body,
        headers={"Authorization": f"Bearer {hub_server.token}"},
    )


def file_line(path, content=b"x"):
    encoded = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": path, "content": encoded, "encoding": "base64"}}


def test_operations_apply_in_order_and_empty_folders_vanish(api, repo):
    commit(api, repo, add("a/b/one.txt"), add("a/two.txt"), add("c.bin", b"\0large"))
    commit(
        api,
        repo,
        CommitOperationCopy("c.bin", "d/e.bin"),
        CommitOperationCopy("a/two.txt", "two.txt"),
        CommitOperationDelete("a/b/"),
        CommitOperationDelete("c.bin"),
    )
    assert api.list_repo_files(repo) == [".gitattributes", "a/two.txt", "d/e.bin", "two.txt"]
    assert [item.path for item in api.list_repo_tree(repo)] == [".gitattributes", "a", "d", "two.txt"]


def test_an_old_commit_stays_as_it_was(api, repo, tmp_path):
    old = commit(api, repo, add("a.txt", b"old"))
    commit(api, repo, add("a.txt", b"new"))
    for revision in (old, old[:7]):
        local = api.hf_hub_download(repo, "a.txt", revision=revision, cache_dir=tmp_path)
        assert open(local, "rb").read() == b"old"  # noqa: SIM115


def test_a_file_that_has_not_changed_makes_no_commit(api, repo):
    first = commit(api, repo, add("a.txt"), add("b.bin", b"\0"))
    assert commit(api, repo, add("a.txt"), add("b.bin", b"\0")) == first


def test_a_stale_parent_is_refused_and_changes_nothing(api, repo):
    start = api.model_info(repo).sha
    head = commit(api, repo, add("a.txt"), parent_commit=start)
    with pytest.raises(HfHubHTTPError) as refusal:
        commit(api, repo, add("b.txt"), parent_commit=start)
    assert (refusal.value.response.status_code, refusal.value.server_message) == (412, STALE)
    assert api.model_info(repo).sha == head
    assert commit(api, repo, add("b.txt"), parent_commit=head[:7]) == api.model_info(repo).sha


def test_a_commit_with_one_bad_change_leaves_no_trace(api, repo):
    head = api.model_info(repo).sha
    with pytest.raises(EntryNotFoundError, match="A file with this name doesn't exist"):
        commit(api, repo, add("a.txt"), CommitOperationDelete("missing.txt"))
    assert (api.model_info(repo).sha, api.list_repo_files(repo)) == (head, [".gitattributes"])


@pytest.mark.parametrize(
    "path",
    [
        "../up.txt",
        "a/../../b",
        "/etc/passwd",
        "a//b",
        "./a",
        ".git/config",
        "..\\b",
        "\\b",
        "a\nb",
        "a\0b",
        "",
    ],
)
def test_a_path_that_leads_out_of_the_repo_is_refused(hub_server, api, repo, path):
    answer = post_commit(hub_server, repo, file_line("fine.txt"), file_line(path))
    assert answer.status_code == 422
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_a_file_cannot_turn_into_a_folder(hub_server, api, repo):
    commit(api, repo, add("a/b.txt"))
    assert post_commit(hub_server, repo, file_line("a")).status_code == 400
    assert post_commit(hub_server, repo, file_line("a/b.txt/c")).status_code == 400
    assert api.list_repo_files(repo) == [".gitattributes", "a/b.txt"]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"key": "file", "value": {}}', b"\xff\n"])
def test_a_commit_that_cannot_be_read_is_refused(hub_server, repo, body):
    answer = httpx2.post(
        f"{hub_server.url}/api/models/{repo}/commit/main",
        content=body,
        headers={"Authorization": f"Bearer {hub_server.token}"},
    )
    assert answer.status_code == 400


def test_a_commit_goes_to_a_branch_only(api, repo, hub_server):
    api.create_tag(repo, tag="v1")
    with pytest.raises(RevisionNotFoundError):
        commit(api, repo, add("a.txt"), revision="nope")
    assert post_commit(hub_server, repo, file_line("a.txt"), revision="v1").status_code == 404


def test_ignored_files_stay_away(api, repo, tmp_path):
    for name in (".gitignore", "keep.log", "drop.log", "build/x.txt", "src/build/y.txt", "src/a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("*.log\n!keep.log\n/build/\n# a comment\n")
    api.upload_folder(repo_id=repo, folder_path=tmp_path)
    expected = [".gitattributes", ".gitignore", "keep.log", "src/a.txt", "src/build/y.txt"]
    assert api.list_repo_files(repo) == expected


def test_processes_that_commit_at_once_lose_nothing(api, repo, hub_env):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, repo, f"writer-{number}"], env=hub_env)
        for number in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    expected = [f"writer-{who}/{number}.txt" for who in range(4) for number in range(8)]
    assert api.list_repo_files(repo) == [".gitattributes", *expected]
    assert len(api.list_repo_commits(repo)) == 33
