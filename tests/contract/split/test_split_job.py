"""The data-splitter as a process against a real hub."""

import csv
import io
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pytest
from datasets import load_dataset

from shared.errors import ExitCode
from shared.hub import Hub
from shared.manifest import RunManifest, Source
from shared.question import COLUMNS
from shared.refs import RepoRef
from shared.runs import ManifestStore

ROWS = 60
COUNTS = ("--sft-rows", "20", "--grpo-rows", "10", "--eval-rows", "10")
CLIENT = """
import json, sys
from datasets import load_dataset
print(json.dumps(load_dataset(sys.argv[1], split=sys.argv[2]).to_list()))
"""


def make_rows(**columns):
    rows = []
    for number in range(ROWS):
        row = dict.fromkeys(COLUMNS, "text") | {"id": f"q{number}", "cop": number % 4}
        rows.append(row | {"question": f"Is this nerve {number}?", "topic_name": None} | columns)
    return rows


def json_lines(rows):
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def comma_separated(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def store(hub_server):
    return ManifestStore(Hub(hub_server.url, hub_server.token), "local")


@pytest.fixture
def begin_run(store):
    def begin(files, seed=0):
        run_id = f"run-{time.time_ns()}"
        source = store.hub.push_files(f"starter/questions-{run_id}", "dataset", files, "Add questions")
        base = RepoRef(repo_id="starter/none", repo_type="model", commit="0" * 40)
        manifest = RunManifest(
            run_id=run_id,
            profile="demo",
            seed=seed,
            code="unknown",
            created_at=datetime.now(UTC),
            source=Source(dataset=source, base_model=base),
        )
        store.create(manifest)
        return run_id

    return begin


@pytest.fixture
def run_python(hub_env, tmp_path):
    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=hub_env, text=True, capture_output=True, check=False)

    return run


@pytest.fixture
def split(run_python):
    def run(run_id, *arguments):
        return run_python("-m", "data_splitter", "--run-id", run_id, "--namespace", "local", *arguments)

    return run


def test_the_published_splits_load_by_name_as_the_reference_draws_them(
    split, begin_run, store, run_python, tmp_path
):
    rows = make_rows()
    rows[7]["opb"] = ""
    run_id = begin_run({"train.jsonl": json_lines(rows)})
    done = split(run_id, *COUNTS)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    phase = store.read(run_id).phases["split"]
    data = phase.outputs["data"]
    assert data.commit == store.hub.resolve(f"local/medmcqa-{run_id}-data", "dataset").commit

    (tmp_path / "train.jsonl").write_bytes(json_lines(rows))
    source = load_dataset("json", data_files=str(tmp_path / "train.jsonl"), split="train")
    expected = source.shuffle(seed=42).select(range(40)).to_list()
    loaded = [
        row for name in ("sft", "grpo", "eval")
        for row in json.loads(run_python("-c", CLIENT, data.repo_id, name).stdout)
    ]  # fmt: skip
    differing = [old["id"] for old, new in zip(expected, loaded, strict=True) if old != new]
    assert (differing, phase.metrics["replaced"]) == (["q7"], {"missing option": 1})
    assert [row["id"] for row in loaded] == [*chain.from_iterable(phase.metrics["row_ids"].values())]


def test_the_data_is_one_commit_and_nothing_stays_in_the_dataset_cache(split, begin_run, store, hub_env):
    run_id = begin_run({"train.jsonl": json_lines(make_rows())})
    split(run_id, *COUNTS)
    commits = store.hub.api.list_repo_commits(f"local/medmcqa-{run_id}-data", repo_type="dataset")
    assert [commit.title for commit in commits][:-1] == [f"Add the splits of run {run_id}"]
    assert not list(Path(hub_env["HF_HOME"], "datasets").rglob("*.arrow"))


def test_a_csv_source_gives_the_same_content_as_a_jsonl_one(split, begin_run, store):
    sources = {"train.jsonl": json_lines(make_rows()), "train.csv": comma_separated(make_rows())}
    hashes = []
    for name, content in sources.items():
        run_id = begin_run({name: content})
        assert split(run_id, *COUNTS).returncode == ExitCode.OK
        hashes.append(store.read(run_id).phases["split"].metrics["content_hash"])
    assert hashes[0] == hashes[1]


def test_the_runs_own_seed_can_decide_the_order(split, begin_run, store):
    drawn = []
    for seed in (1, 2):
        run_id = begin_run({"train.jsonl": json_lines(make_rows())}, seed=seed)
        assert split(run_id, *COUNTS, "--shuffle-seed", "run").returncode == ExitCode.OK
        drawn.append(store.read(run_id).phases["split"].metrics["row_ids"])
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.jsonl": json_lines(make_rows(cop=4))}, "counts cop from 1 to 4 and never 0"),
        ({"train.jsonl": b'{"text": "a"}\n'}, "has no column id, question, opa"),
        ({"train.jsonl": json_lines(make_rows()[:9])}, "has only 9 usable rows, but 40 are wanted"),
        ({"train.jsonl": b'{"id": \n'}, "cannot be read as questions"),
        ({"test.jsonl": json_lines(make_rows())}, "cannot be read as questions: Unknown split"),
        ({"notes.bin": b"\0"}, "cannot be read as questions"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_in_a_line(split, begin_run, store, files, message):
    run_id = begin_run(files)
    refused = split(run_id, *COUNTS)
    assert refused.returncode == ExitCode.BAD_INPUT
    assert refused.stderr.count("\n") == 1
    assert message in refused.stderr
    phase = store.read(run_id).phases["split"]
    assert phase.status == "failed"
    assert message in phase.error
