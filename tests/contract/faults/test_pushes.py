"""What the jobs ask of a Hub, on a Hub that is well: each push one commit, and nothing lost between writers."""

import logging
import time
from datetime import UTC, datetime

import pytest

from shared.errors import BadInput
from shared.manifest import Progress, RunManifest, Source
from shared.refs import RepoRef
from shared.runs import ManifestStore

COMMIT = "0" * 40


def make_manifest(run_id):
    return RunManifest(
        run_id=run_id,
        profile="test",
        seed=0,
        code="unknown",
        created_at=datetime.now(UTC),
        source=Source(
            dataset=RepoRef(repo_id="starter/x", repo_type="dataset", commit=COMMIT),
            base_model=RepoRef(repo_id="starter/y", repo_type="model", commit=COMMIT),
        ),
    )


def commits(hub, repo_id, repo_type="model", branch=None):
    return [
        commit.title for commit in hub.api.list_repo_commits(repo_id, repo_type=repo_type, revision=branch)
    ]


def test_a_folder_is_pushed_in_one_commit_and_only_when_it_differs(
    hub, repo_id, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "propagate", True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "sub" / "large.bin").write_bytes(b"\0" * 100_000)
    hub.push_folder(repo_id, "model", tmp_path, "First")
    (tmp_path / "a.txt").unlink()
    (tmp_path / "b.txt").write_text("b")
    second = hub.push_folder(repo_id, "model", tmp_path, "Second")
    assert hub.push_folder(repo_id, "model", tmp_path, "Again") == second
    assert caplog.messages == []
    assert hub.list_files(second) == [".gitattributes", "b.txt", "sub/large.bin"]
    assert commits(hub, repo_id)[:2] == ["Second", "First"]
    assert len(commits(hub, repo_id)) == 3


def test_a_branch_holds_what_was_pushed_to_it_and_main_does_not(hub, repo_id):
    hub.push_files(repo_id, "model", {"model.txt": b"published"}, "Publish")
    for step in (10, 20, 30):
        files = {f"step-{step}/weights.bin": b"\0" * step, f"step-{step}/state.json": b"{}"}
        old = [f"step-{step - 20}", f"step-{step - 20}/", "never/was"]
        ref = hub.push_to_branch(repo_id, "model", "checkpoints", files, old, f"Step {step}")
    kept = [f"step-{step}/{name}" for step in (20, 30) for name in ("state.json", "weights.bin")]
    assert hub.list_files(ref) == [".gitattributes", *kept]
    assert hub.list_files(ref, "step-30") == kept[2:]
    assert hub.list_files(ref, "step-3") == []
    assert ref == hub.resolve(repo_id, "model", "checkpoints")
    assert commits(hub, repo_id, branch="checkpoints")[:3] == ["Step 30", "Step 20", "Step 10"]
    assert hub.list_files(hub.resolve(repo_id, "model")) == [".gitattributes", "model.txt"]


def test_a_branch_is_squashed_to_one_commit_with_all_its_files(hub, repo_id):
    for step in (1, 2):
        hub.push_to_branch(
            repo_id, "model", "checkpoints", {f"step-{step}": b"\0" * step}, [], f"Step {step}"
        )
    hub.squash(repo_id, "model", "checkpoints", "Squashed")
    commits = hub.api.list_repo_commits(repo_id, revision="checkpoints")
    assert [commit.title for commit in commits] == ["Squashed"]
    assert hub.list_files(hub.resolve(repo_id, "model", "checkpoints"))[1:] == ["step-1", "step-2"]


def test_deleting_a_branch_twice_is_as_good_as_once(hub, repo_id):
    hub.push_to_branch(repo_id, "model", "checkpoints", {"a": b"a"}, [], "Add")
    for _ in range(2):
        hub.delete_branch(repo_id, "model", "checkpoints")
    with pytest.raises(BadInput, match="No such revision"):
        hub.resolve(repo_id, "model", "checkpoints")
    hub.delete_branch("local/no-such-repo", "model", "checkpoints")


def test_a_run_id_is_given_once(hub):
    store = ManifestStore(hub, f"owner-{time.time_ns()}")
    first, second = make_manifest("run-1"), make_manifest("run-1")
    assert store.create(first) == first
    assert store.create(second).run_id == "run-1-2"
    assert store.create(first) == first
    assert store.read("run-1") == first
    assert len(commits(hub, store.repo_id, "dataset")) == 3


def test_files_of_a_run_are_stored_with_its_manifest(hub):
    store = ManifestStore(hub, f"owner-{time.time_ns()}")
    store.create(make_manifest("run-1"))

    def change(manifest):
        manifest.phases["sft"].progress = Progress(step=3, total=9, saved=3)

    stored = store.update("run-1", change, "sft: step 3 of 9", {"sft/curves.jsonl": b"{}\n"})
    assert stored == store.read("run-1")
    head = hub.resolve(store.repo_id, "dataset")
    assert hub.read_bytes(head, "runs/run-1/sft/curves.jsonl") == b"{}\n"
    assert commits(hub, store.repo_id, "dataset")[:2] == ["sft: step 3 of 9", "Begin run run-1"]
