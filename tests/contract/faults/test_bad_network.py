"""The jobs' Hub calls and whole jobs where connections break, the Hub is unwell and answers are lost."""

import hashlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from faults import KINDS

from shared.errors import ExitCode, PipelineError
from shared.hub import Hub
from shared.manifest import RunManifest, Source
from shared.question import COLUMNS
from shared.refs import RepoRef
from shared.retry import Patience
from shared.runs import ManifestStore

BASE = RepoRef(repo_id="starter/none", repo_type="model", commit="0" * 40)
# So that a stalled download is given up instead of waited for.
SHORT_WAITS = {"HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_ETAG_TIMEOUT": "1"}
STALL_SECONDS = 1.3
WRITER = """
import sys
from shared.hub import Hub
from shared.runs import ManifestStore
endpoint, token, namespace, me = sys.argv[1:]
store = ManifestStore(Hub(endpoint, token), namespace)
for n in range(4):
    note = f"{me}-{n}"
    store.update("run-1", lambda m: m.phases["sft"].attempt(note) and None, note, {f"{me}.txt": bytes([n])})
"""


def make_manifest(run_id, source=BASE):
    return RunManifest(
        run_id=run_id,
        profile="test",
        seed=0,
        code="unknown",
        created_at=datetime.now(UTC),
        source=Source(dataset=source, base_model=BASE),
    )


def make_folder(folder):
    folder.mkdir()
    (folder / "README.md").write_text("---\nlibrary_name: peft\n---\n")
    (folder / "weights.bin").write_bytes(os.urandom(300_000))
    (folder / "config.json").write_text(json.dumps({"text": "x" * 2000}))
    return folder


def hashes(folder, names):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def test_the_same_seed_brings_the_same_faults(bad_network, hub, hub_server, repo_id):
    hub.push_files(repo_id, "model", {"a.txt": b"a" * 1000}, "Add")

    def met(seed):
        proxy = bad_network(seed=seed, probability=0.4, stall_seconds=0.01)
        client = Hub(proxy.url, hub_server.token, Patience(first_pause=0.001))
        for _ in range(30):
            client.resolve(repo_id, "model")
        return proxy.counts, proxy.requests

    first, second, other = met(1), met(1), met(2)
    assert first == second != other
    assert len(first[0]) >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_is_survived_and_leaves_no_second_commit(
    kind, bad_network, hub_server, repo_id, titles, tmp_path
):
    folder = make_folder(tmp_path / "folder")
    proxy = bad_network(kinds=(kind,), probability=1.0, in_a_row=1, limit=4, stall_seconds=0.3)
    hub = Hub(proxy.url, hub_server.token, Patience(first_pause=0.05))
    ref = hub.push_folder(repo_id, "model", folder, "Push")
    names = ["README.md", "config.json", "weights.bin"]
    assert hashes(hub.snapshot(ref), names) == hashes(folder, names)
    assert titles(repo_id) == ["Push"]
    assert proxy.counts[kind] > 2


def test_a_commit_whose_answer_is_lost_is_not_made_twice(bad_network, hub_server, repo_id, titles):
    proxy = bad_network(
        kinds=("answer lost",),
        probability=1.0,
        in_a_row=10**6,
        spared=lambda method, path: "/commit/" not in path,
    )
    hub = Hub(proxy.url, hub_server.token, Patience(first_pause=0.01))
    ref = hub.push_to_branch(
        repo_id, "model", "checkpoints", {"step-1/a": b"a", "step-2/a": b"b"}, [], "First"
    )
    changed = hub.push_to_branch(repo_id, "model", "checkpoints", {"step-3/a": b"c"}, ["step-1"], "Second")
    assert titles(repo_id, branch="checkpoints") == ["Second", "First"]
    assert (hub.list_files(ref)[1:], hub.list_files(changed)[1:]) == (
        ["step-1/a", "step-2/a"],
        ["step-2/a", "step-3/a"],
    )
    store = ManifestStore(hub, repo_id.replace("/", "-"))
    assert store.create(make_manifest("run-1"))

    def begin(manifest):
        manifest.phases["sft"].attempt("job-1").started_at = datetime.now(UTC)

    store.update("run-1", begin, "Begin")
    assert titles(store.repo_id, "dataset") == ["Begin", "Begin run run-1"]
    # None of the four was ever answered; the second try found nothing left to commit.
    assert proxy.counts == {"answer lost": 4}


def test_writers_at_once_in_a_bad_network_lose_and_double_nothing(bad_network, hub, hub_server, titles):
    namespace = f"owner-{time.time_ns()}"
    store = ManifestStore(hub, namespace)
    store.create(make_manifest("run-1"))
    proxy = bad_network(seed=5, probability=0.15, stall_seconds=STALL_SECONDS)
    command = [sys.executable, "-c", WRITER, proxy.url, hub_server.token, namespace]
    environment = hub_server.env | SHORT_WAITS
    writers = [subprocess.Popen([*command, f"w{number}"], env=environment) for number in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    written = sorted(f"w{writer}-{n}" for writer in range(3) for n in range(4))
    assert sorted(attempt.job_id for attempt in store.read("run-1").phases["sft"].attempts) == written
    assert sorted(titles(store.repo_id, "dataset")) == ["Begin run run-1", *written]
    head = hub.resolve(store.repo_id, "dataset")
    assert [hub.read_bytes(head, f"runs/run-1/w{number}.txt") for number in range(3)] == [b"\3"] * 3
    assert proxy.counts.total() > 5


@pytest.fixture
def split_run(hub):
    rows = [
        dict.fromkeys(COLUMNS, "text") | {"id": f"q{number}", "cop": number % 4, "question": f"Is {number}?"}
        for number in range(40)
    ]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    store = ManifestStore(hub, f"owner-{time.time_ns()}")
    source = hub.push_files(f"starter/questions-{time.time_ns()}", "dataset", {"train.jsonl": lines}, "Add")
    store.create(make_manifest("run-1", source))
    return store


def split(store, proxy, hub_server, home):
    namespace = store.repo_id.partition("/")[0]
    counts = ("--sft-rows", "20", "--grpo-rows", "10", "--eval-rows", "6", "--calibration-rows", "4")
    environment = hub_server.env | SHORT_WAITS | {"HF_HOME": str(home), "JOB_ID": "job-1"}
    return subprocess.run(
        [sys.executable, "-m", "data_splitter", "--run-id", "run-1", "--namespace", namespace, *counts],
        env=environment | {"HF_ENDPOINT": proxy.url},
        text=True,
        capture_output=True,
        timeout=200,
        check=False,
    )


def test_a_job_in_a_bad_network_makes_what_it_always_makes(
    bad_network, split_run, hub, hub_server, titles, tmp_path
):
    proxy = bad_network(seed=1, probability=0.12, stall_seconds=STALL_SECONDS)
    done = split(split_run, proxy, hub_server, tmp_path / "home")
    assert (done.returncode, "Traceback" in done.stderr) == (ExitCode.OK, False), done.stderr
    phase = split_run.read("run-1").phases["split"]
    assert (phase.status, [attempt.job_id for attempt in phase.attempts]) == ("succeeded", ["job-1"])
    data = phase.outputs["data"]
    assert titles(data.repo_id, "dataset") == ["Add the splits of run run-1"]
    assert titles(split_run.repo_id, "dataset") == ["split: succeeded", "split: begin", "Begin run run-1"]
    assert {path.partition("-")[0] for path in hub.list_files(data, "data")} == {
        f"data/{name}" for name in ("sft", "grpo", "eval", "calibration")
    }
    assert proxy.counts.total() > 1


def test_a_job_that_the_hub_fails_for_good_says_so_in_one_line(bad_network, split_run, hub_server, tmp_path):
    proxy = bad_network(kinds=("dropped before the hub",), probability=1.0, in_a_row=10**6)
    done = split(split_run, proxy, hub_server, tmp_path / "home")
    assert done.returncode == ExitCode.INTERNAL_ERROR
    *retries, error = done.stderr.splitlines()
    assert all(line.startswith("The Hub did not answer (") and "trying again" in line for line in retries)
    assert error.startswith("error: The Hub did not answer (")
    assert split_run.read("run-1").phases["split"].attempts == []


def test_what_is_cut_beyond_all_patience_is_one_line(bad_network, hub_server, repo_id, hub, tmp_path):
    folder = make_folder(tmp_path / "folder")
    ref = hub.push_folder(repo_id, "model", folder, "Push")
    proxy = bad_network(
        kinds=("answered 500",),
        probability=1.0,
        in_a_row=10**6,
        spared=lambda method, path: "weights.bin" not in path or method == "HEAD",
    )
    client = Hub(proxy.url, hub_server.token, Patience(first_pause=0.01, tries=3))
    with pytest.raises(PipelineError, match=rf"^The Hub refused while downloading {ref}: .*500") as failed:
        client.snapshot(ref)
    assert "\n" not in str(failed.value)
    assert proxy.counts == {"answered 500": 3}


@pytest.mark.slow
def test_a_repo_that_cannot_be_listed_is_not_taken_for_complete(
    bad_network, hub_server, repo_id, hub, tmp_path
):
    ref = hub.push_folder(repo_id, "model", make_folder(tmp_path / "folder"), "Push")
    hub.download(ref, "config.json")
    proxy = bad_network(kinds=("answered 500",), probability=1.0, spared=lambda _, path: "/tree/" not in path)
    proxy.in_a_row = 7
    client = Hub(proxy.url, hub_server.token, Patience(first_pause=0.01))
    assert (client.snapshot(ref) / "weights.bin").exists()
    assert proxy.counts == {"answered 500": 7}
