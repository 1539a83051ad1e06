"""Checkpoints on this machine and on a real hub: whole or not there at all."""

import shutil
import subprocess
import sys
import time

import pytest
from huggingface_hub import CommitOperationAdd
from models import make_job

from sft_trainer.settings import SftSettings
from shared.errors import PipelineError
from shared.hub import Hub
from shared.lm.resume import BRANCH, KEPT, MARKER, CheckpointStore

# A completion may hold any character, also those at which Python would end a line.
ROWS = {"curves": [{"step": 1, "loss": 0.5}, {"step": 2, "completion": "a\u2028b\x85c"}]}


@pytest.fixture
def hub(hub_server):
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture
def job(hub, tmp_path):
    """A job with a run of its own and its state folder."""
    settings = SftSettings(run_id="r", namespace="local")
    made = make_job("sft", settings, tmp_path)
    made.manifest.run_id = f"run-{time.time_ns()}"
    made.hub, made.key = hub, "this training"
    made.state.mkdir()
    return made


@pytest.fixture
def store(job):
    return CheckpointStore(job)


def save(store, step, text="weights"):
    written = store.job.state / "trainer" / f"checkpoint-{step}"
    written.mkdir(parents=True)
    (written / "adapter_model.safetensors").write_text(f"{text} of step {step}")
    (written / "training_args.bin").write_text("a pickle")
    return store.save(step, written, store.job.state / "best", ROWS, {"preflight": {"mean_reward": 1.0}})


def lose_this_machine(job):
    """Gives the job the empty disk of another machine."""
    shutil.rmtree(job.state)
    job.state.mkdir()


def branch_files(store):
    return sorted(store.job.hub.api.list_repo_files(store.repo_id, revision=BRANCH))


def test_nothing_is_found_before_anything_was_saved(store):
    assert store.find() is None


def test_what_was_saved_is_found_on_the_same_machine(store):
    save(store, 3)
    found = store.find()
    assert (found.step, found.read_rows("curves")) == (3, ROWS["curves"])
    assert found.marker.facts == {"preflight": {"mean_reward": 1.0}}
    assert (found.trainer_folder / "adapter_model.safetensors").read_text() == "weights of step 3"


def test_what_was_pushed_is_found_on_another_machine(store, job):
    checkpoint = save(store, 3)
    store.push(checkpoint)
    lose_this_machine(job)
    found = store.find()
    assert found.marker == checkpoint.marker
    assert (found.trainer_folder / "adapter_model.safetensors").read_text() == "weights of step 3"


def test_a_checkpoint_that_another_version_wrote_is_not_used(store, job):
    store.push(save(store, 3))
    written = f"step-000003/{MARKER}"
    other = CommitOperationAdd(written, b'{"step": 3, "key": "this training", "kept": "otherwise"}')
    job.hub.api.create_commit(store.repo_id, [other], revision=BRANCH, commit_message="As another version")
    lose_this_machine(job)
    assert store.find() is None


def test_the_newer_of_both_is_found(store, job):
    store.push(save(store, 3))
    save(store, 5)
    assert store.find().step == 5
    store.push(save(store, 9))
    shutil.rmtree(job.state / "step-000009")
    assert store.find().step == 9


def test_nothing_pickled_is_pushed_and_users_load_nothing_of_it(store):
    store.push(save(store, 3))
    assert branch_files(store) == [
        ".gitattributes",
        "step-000003/checkpoint.json",
        "step-000003/curves.jsonl",
        "step-000003/trainer/adapter_model.safetensors",
    ]
    assert store.job.hub.api.list_repo_files(store.repo_id, revision="main") == [".gitattributes"]


def test_the_newest_are_kept_and_one_commit_holds_them(store):
    for step in (1, 2, 3, 10):
        store.push(save(store, step))
    assert {path.partition("/")[0] for path in branch_files(store)} == {
        ".gitattributes",
        "step-000003",
        "step-000010",
    }
    assert len({path.name for path in store.job.state.glob("step-*")}) == KEPT
    assert len(store.job.hub.api.list_repo_commits(store.repo_id, revision=BRANCH)) == 1


def test_a_checkpoint_without_its_marker_or_with_another_content_is_not_there(store):
    save(store, 3)
    damaged = save(store, 4)
    (damaged.trainer_folder / "adapter_model.safetensors").write_text("half of it")
    assert store.find().step == 3
    unfinished = save(store, 5)
    (unfinished.folder / MARKER).unlink()
    assert store.find() is None


def test_an_upload_that_was_cut_off_leaves_the_branch_as_it_was(store, job, hub_server):
    store.push(save(store, 3))
    upload = save(store, 6)
    (upload.trainer_folder / "optimizer.safetensors").write_bytes(b"0" * 20_000_000)
    # The files go up, the process dies before the commit.
    script = """
import os, signal, sys
from huggingface_hub import CommitOperationAdd, HfApi
operations = [CommitOperationAdd("step-000006/optimizer.safetensors", sys.argv[2])]
HfApi().preupload_lfs_files(sys.argv[1], operations, revision="checkpoints")
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = str(upload.trainer_folder / "optimizer.safetensors")
    killed = subprocess.run([sys.executable, "-c", script, store.repo_id, path], env=hub_server.env)
    assert killed.returncode < 0
    lose_this_machine(job)
    assert store.find().step == 3


def test_a_damaged_checkpoint_on_the_hub_is_refused_in_words(store, job):
    store.push(save(store, 3))
    lose_this_machine(job)
    path = "step-000003/trainer/adapter_model.safetensors"
    job.hub.api.create_commit(
        store.repo_id, [CommitOperationAdd(path, b"x")], commit_message="Damage it", revision=BRANCH
    )
    with pytest.raises(PipelineError, match=r"step 3 in local/medmcqa-run-\d+-sft is damaged. Begin anew"):
        store.find()


def test_another_trainings_checkpoints_are_not_used_but_removed(store, job, capsys):
    store.push(save(store, 3))
    job.key = "other settings"
    assert store.find() is None
    assert "step 3 on this machine belongs to other settings, inputs or code" in capsys.readouterr().out
    job.key = "this training"
    assert store.find() is None


def test_force_begins_anew(store, job):
    store.push(save(store, 3))
    job.settings = job.settings.model_copy(update={"force": True})
    assert store.find() is None
    job.settings = job.settings.model_copy(update={"force": False})
    assert store.find() is None


def test_the_best_adapter_so_far_travels_with_the_checkpoint(store, job):
    best = job.state / "best"
    best.mkdir()
    (best / "adapter_model.safetensors").write_text("best")
    store.push(save(store, 3))
    lose_this_machine(job)
    store.find().restore_best(job.state)
    assert (best / "adapter_model.safetensors").read_text() == "best"


def test_the_branch_goes_when_it_is_no_longer_needed(store, job):
    store.push(save(store, 3))
    store.remove_branch()
    store.remove_branch()
    lose_this_machine(job)
    assert store.find() is None
    assert [branch.name for branch in job.hub.api.list_repo_refs(store.repo_id).branches] == ["main"]
