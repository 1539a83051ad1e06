"""A branch's history squashed to one commit: what stays, what goes, and that nothing is lost meanwhile."""

import os
import subprocess
import sys
import time

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import RevisionNotFoundError

COMMITTER = """
import sys
from huggingface_hub import CommitOperationAdd, HfApi
repo, who = sys.argv[1:]
for number in range(12):
    files = {f"{who}/{number}.txt": who.encode(), f"{who}/{number}.bin": b"\\0"}
    operations = [CommitOperationAdd(*file) for file in files.items()]
    HfApi().create_commit(repo, operations, commit_message="Add", revision="work")
"""
SQUASHER = """
import sys
from huggingface_hub import HfApi
for number in range(20):
    HfApi().super_squash_history(sys.argv[1], branch="work")
"""
READER = """
import sys
from huggingface_hub import HfApi
for number in range(30):
    HfApi().list_repo_commits(sys.argv[1], revision="work")
    HfApi().list_repo_tree(sys.argv[1], revision="work", expand=True)
"""
DAY_SECONDS = 24 * 3600


def commit(api, repo, *operations, revision=None):
    return api.create_commit(repo, list(operations), commit_message="Change", revision=revision).oid


def add(path, content=b"x"):
    return CommitOperationAdd(path, content)


def tree(api, repo, revision):
    return {item.path: item.__dict__ for item in api.list_repo_tree(repo, revision=revision, recursive=True)}


@pytest.mark.parametrize("repo_type", ["model", "dataset"])
def test_a_squashed_branch_is_one_commit_with_the_same_tree(api, repo_type):
    repo = api.create_repo(f"local/squashed-{repo_type}", repo_type=repo_type).repo_id
    for number in range(3):
        api.upload_file(
            repo_id=repo, path_or_fileobj=b"\0%d" % number, path_in_repo=f"{number}.bin", repo_type=repo_type
        )
    before = [item.__dict__ for item in api.list_repo_tree(repo, repo_type=repo_type)]
    api.super_squash_history(repo, branch="main", commit_message="All in one", repo_type=repo_type)
    (only,) = api.list_repo_commits(repo, repo_type=repo_type)
    assert only.title == "All in one"
    assert api.repo_info(repo, repo_type=repo_type).sha == only.commit_id
    assert [item.__dict__ for item in api.list_repo_tree(repo, repo_type=repo_type)] == before


def test_only_the_branch_that_is_named_is_squashed(api, repo):
    commit(api, repo, add("a.txt"))
    api.create_branch(repo, branch="work")
    commit(api, repo, add("b.txt"), revision="work")
    on_main = [item.commit_id for item in api.list_repo_commits(repo)]
    api.super_squash_history(repo, branch="work")
    assert [item.commit_id for item in api.list_repo_commits(repo)] == on_main
    assert len(api.list_repo_commits(repo, revision="work")) == 1


def test_an_old_commit_that_nothing_leads_to_is_gone(api, repo, tmp_path):
    old = commit(api, repo, add("a.bin", b"\0old"))
    new = commit(api, repo, add("a.bin", b"\0new"))
    api.super_squash_history(repo)
    for gone in (old, new, old[:7]):
        with pytest.raises(RevisionNotFoundError):
            api.snapshot_download(repo, revision=gone, cache_dir=tmp_path)


@pytest.mark.parametrize("kept_by", ["branch", "tag"])
def test_an_old_commit_that_another_ref_leads_to_can_still_be_had(api, repo, tmp_path, kept_by):
    oldest = commit(api, repo, add("a.bin", b"\0oldest"))
    old = commit(api, repo, add("a.bin", b"\0old"))
    if kept_by == "tag":
        api.create_tag(repo, tag="kept", revision=old)
    else:
        api.create_branch(repo, branch="kept", revision=old)
    commit(api, repo, add("a.bin", b"\0new"))
    api.super_squash_history(repo)
    for sha, content in ((oldest, b"\0oldest"), (old, b"\0old")):
        folder = api.snapshot_download(repo, revision=sha, cache_dir=tmp_path)
        with open(os.path.join(folder, "a.bin"), "rb") as file:
            assert file.read() == content


def test_the_same_content_squashed_again_has_another_id(api, repo):
    ids = set()
    for _ in range(5):
        api.super_squash_history(repo, commit_message="Same")
        ids.add(api.model_info(repo).sha)
    assert len(ids) == 5


def test_commits_and_readers_lose_nothing_while_the_branch_is_squashed(api, repo, hub_env):
    api.create_branch(repo, branch="work")
    programs = [(COMMITTER, repo, "a"), (COMMITTER, repo, "b"), (SQUASHER, repo), (READER, repo)]
    processes = [subprocess.Popen([sys.executable, "-c", *program], env=hub_env) for program in programs]
    assert [process.wait(120) for process in processes] == [0] * len(programs)
    files = {f"{who}/{number}.{kind}" for who in "ab" for number in range(12) for kind in ("txt", "bin")}
    assert set(api.list_repo_files(repo, revision="work")) == files | {".gitattributes"}


def test_large_files_that_no_commit_needs_leave_the_disk_a_day_later(start_hub, tmp_path):
    """As checkpoints do: each commit adds a folder and removes an older one, then the history is squashed."""
    directory = tmp_path / "hub"
    hub = start_hub(directory)
    repo = hub.api.create_repo("run").repo_id
    hub.api.create_branch(repo, branch="work")
    commit(hub.api, repo, add("step-1/a.bin", b"\0one"), revision="work")
    hub.api.create_tag(repo, tag="kept", revision="work")
    for number, content in ((2, b"\0two"), (3, b"\0three")):
        change = add(f"step-{number}/a.bin", content), CommitOperationDelete(f"step-{number - 1}/")
        commit(hub.api, repo, *change, revision="work")
    hub.api.super_squash_history(repo, branch="work")
    hub.kill()

    hub = start_hub(directory)
    objects = list((directory / "objects").glob("*/*"))
    assert sorted(path.read_bytes() for path in objects) == [b"\0one", b"\0three", b"\0two"]
    hub.kill()
    for path in objects:
        os.utime(path, (time.time() - DAY_SECONDS - 60,) * 2)

    again = start_hub(directory)
    assert sorted(path.read_bytes() for path in (directory / "objects").glob("*/*")) == [b"\0one", b"\0three"]
    for revision, step, content in (("kept", 1, b"\0one"), ("work", 3, b"\0three")):
        local = again.api.hf_hub_download(repo, f"step-{step}/a.bin", revision=revision, cache_dir=tmp_path)
        with open(local, "rb") as file:
            assert file.read() == content


def test_a_large_file_that_a_client_was_just_told_of_stays_until_it_commits(start_hub, tmp_path):
    """The hub goes down between the client's question and its commit, with an old file that no commit names."""
    directory = tmp_path / "hub"
    hub = start_hub(directory)
    repo = hub.api.create_repo("run").repo_id
    commit(hub.api, repo, add("a.bin", b"\0again"))
    hub.api.super_squash_history(repo)
    commit(hub.api, repo, CommitOperationDelete("a.bin"))
    hub.api.super_squash_history(repo)
    (path,) = (directory / "objects").glob("*/*")
    os.utime(path, (time.time() - DAY_SECONDS - 60,) * 2)
    waiting = [add("b.bin", b"\0again")]
    hub.api.preupload_lfs_files(repo, waiting)
    hub.kill()

    again = start_hub(directory)
    commit(again.api, repo, *waiting)
    assert "b.bin" in again.api.list_repo_files(repo)
