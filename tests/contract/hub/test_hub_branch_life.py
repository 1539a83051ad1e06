"""A branch as checkpoints use it: made, filled by one commit each, thinned out, deleted, made anew."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import RevisionNotFoundError

FILES = [
    "adapter.safetensors",
    "optimizer.pt",
    "state/trainer.json",
    "best/adapter.safetensors",
    "checkpoint.json",
]
# Says when its large files are there, and leaves the killer time before the commit.
UPLOADER = """
import sys, time
from huggingface_hub import CommitOperationAdd, HfApi
repo, = sys.argv[1:]
operations = [CommitOperationAdd(f"step-2/{n}.bin", b"\\0two %d" % n) for n in range(4)]
operations.append(CommitOperationAdd("step-2/checkpoint.json", b"{}"))
HfApi().preupload_lfs_files(repo, operations, revision="checkpoints")
print("uploaded", flush=True)
time.sleep(60)
"""
# Adds a folder and removes the one before, again and again.
SAVER = """
import itertools, sys
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
repo, = sys.argv[1:]
for step in itertools.count(2):
    files = [(f"step-{step}/{n}.bin", b"\\0%d %d" % (step, n)) for n in range(3)]
    files.append((f"step-{step}/checkpoint.json", b"%d" % step))
    operations = [CommitOperationAdd(*file) for file in files] + [CommitOperationDelete(f"step-{step - 1}/")]
    HfApi().create_commit(repo, operations, commit_message=f"Step {step}", revision="checkpoints")
    print(step, flush=True)
    HfApi().super_squash_history(repo, branch="checkpoints")
"""
KILLS = 8


def save(api, repo, step, *removed):
    added = [CommitOperationAdd(f"step-{step}/{name}", b"\0%d" % step + name.encode()) for name in FILES]
    deleted = [CommitOperationDelete(f"step-{number}/") for number in removed]
    return api.create_commit(
        repo, [*added, *deleted], commit_message=f"Step {step}", revision="checkpoints"
    ).oid


def files_of(*steps):
    return sorted([".gitattributes", *(f"step-{step}/{name}" for step in steps for name in FILES)])


def start(program, repo, hub_env):
    command = [sys.executable, "-c", program, repo]
    return subprocess.Popen(command, env=hub_env, stdout=subprocess.PIPE, text=True)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def wait_for_the_last_request(api, repo):
    """What a killed client had sent is still carried out: wait until the branch stands still."""
    heads = [None]
    while len(heads) < 3 or len(set(heads[-3:])) > 1:
        heads.append(api.model_info(repo, revision="checkpoints").sha)
        time.sleep(0.1)


def test_one_commit_adds_a_folder_and_removes_an_older_one(api, repo):
    before = api.model_info(repo).sha
    api.create_branch(repo, branch="checkpoints", exist_ok=True)
    api.create_branch(repo, branch="checkpoints", exist_ok=True)
    save(api, repo, 1)
    save(api, repo, 2)
    head = save(api, repo, 3, 1)
    assert api.list_repo_files(repo, revision="checkpoints") == files_of(2, 3)
    assert api.model_info(repo, revision="checkpoints").sha == head
    assert api.model_info(repo).sha == before, "main stays as it was"


def test_making_a_branch_that_is_there_does_not_move_it(api, repo):
    api.create_branch(repo, branch="checkpoints")
    head = save(api, repo, 1)
    api.create_branch(repo, branch="checkpoints", exist_ok=True)
    assert api.model_info(repo, revision="checkpoints").sha == head


def test_a_deleted_branch_is_gone_and_a_new_one_of_its_name_begins_at_main(api, repo, tmp_path):
    api.create_branch(repo, branch="checkpoints")
    old = save(api, repo, 1)
    api.delete_branch(repo, branch="checkpoints")
    for revision in ("checkpoints", old):
        with pytest.raises(RevisionNotFoundError):
            api.list_repo_files(repo, revision=revision)
    api.create_branch(repo, branch="checkpoints")
    assert api.list_repo_files(repo, revision="checkpoints") == [".gitattributes"]
    again = save(api, repo, 1)
    assert again != old
    folder = api.snapshot_download(repo, revision=again, cache_dir=tmp_path)
    with open(os.path.join(folder, "step-1", "optimizer.pt"), "rb") as file:
        assert file.read() == b"\x001optimizer.pt"


def test_a_client_killed_between_upload_and_commit_leaves_the_branch_as_it_was(api, repo, hub_env):
    api.create_branch(repo, branch="checkpoints")
    head = save(api, repo, 1)
    uploader = start(UPLOADER, repo, hub_env)
    assert uploader.stdout.readline() == "uploaded\n"
    kill(uploader)
    assert api.model_info(repo, revision="checkpoints").sha == head
    assert api.list_repo_files(repo, revision="checkpoints") == files_of(1)
    save(api, repo, 2, 1)
    assert api.list_repo_files(repo, revision="checkpoints") == files_of(2)


def test_a_client_killed_at_any_moment_leaves_whole_folders(api, repo, hub_env, tmp_path):
    api.create_branch(repo, branch="checkpoints")
    moments = random.Random(0)
    for number in range(KILLS):
        save(api, repo, 1)
        saver = start(SAVER, repo, hub_env)
        confirmed = int(saver.stdout.readline())
        time.sleep(moments.random() * 0.3)
        kill(saver)
        wait_for_the_last_request(api, repo)
        names = set(api.list_repo_files(repo, revision="checkpoints")) - {".gitattributes"}
        (step,) = {
            name.split("/")[0].removeprefix("step-") for name in names if not name.startswith("step-1/")
        }
        assert int(step) >= confirmed
        expected = {f"step-{step}/{n}.bin" for n in range(3)} | {f"step-{step}/checkpoint.json"}
        assert names == expected
        local = api.hf_hub_download(
            repo, f"step-{step}/2.bin", revision="checkpoints", cache_dir=tmp_path / str(number)
        )
        with open(local, "rb") as file:
            assert file.read() == f"\0{step} 2".encode()
        api.create_commit(
            repo, [CommitOperationDelete(f"step-{step}/")], commit_message="Clear", revision="checkpoints"
        )
