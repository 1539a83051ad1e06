"""The data-splitter as a process against a real hub."""

import csv
import io
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import chain

import pytest
from datasets import Dataset

from shared.content import hash_rows
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
print(json.dumps({split: load_dataset(sys.argv[1], split=split).to_list() for split in ("sft", "grpo", "eval")}))
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
    def run(*arguments, home="home"):
        environment = hub_env | {"HF_HOME": str(tmp_path / home)}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
        )

    return run


@pytest.fixture
def split(run_python):
    def run(run_id, *arguments):
        return run_python(
            "-m", "data_splitter", "--run-id", run_id, "--namespace", "local", *COUNTS, *arguments
        )

    return run


def shuffled(rows, seed):
    return Dataset.from_list(rows).shuffle(seed=seed).select(range(40)).to_list()


def test_the_published_splits_load_by_name_as_the_reference_draws_them(split, begin_run, store, run_python):
    rows = make_rows()
    rows[7]["opb"] = ""
    run_id = begin_run({"train.jsonl": json_lines(rows)})
    done = split(run_id)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    phase = store.read(run_id).phases["split"]
    loaded = json.loads(run_python("-c", CLIENT, phase.outputs["data"].repo_id, home="client").stdout)
    assert {name: len(drawn) for name, drawn in loaded.items()} == {"sft": 20, "grpo": 10, "eval": 10}
    pairs = zip(shuffled(rows, seed=42), chain.from_iterable(loaded.values()), strict=True)
    assert [reference["id"] for reference, drawn in pairs if reference != drawn] == ["q7"]
    assert phase.metrics["replaced"] == {"missing option": 1}
    assert phase.metrics["row_ids"] == {name: [row["id"] for row in drawn] for name, drawn in loaded.items()}


def test_the_data_is_one_commit_and_no_dataset_cache_stays(split, begin_run, store, tmp_path):
    run_id = begin_run({"train.jsonl": json_lines(make_rows())})
    assert split(run_id).returncode == ExitCode.OK
    data = store.read(run_id).phases["split"].outputs["data"]
    commits = store.hub.api.list_repo_commits(data.repo_id, repo_type="dataset")
    assert [commit.title for commit in commits][:-1] == [f"Add the splits of run {run_id}"]
    assert commits[0].commit_id == data.commit
    assert not list(tmp_path.rglob("*.arrow"))


def test_a_csv_source_in_the_order_of_the_runs_own_seed(split, begin_run, store):
    run_id = begin_run({"train.csv": comma_separated(make_rows())}, seed=1)
    assert split(run_id, "--shuffle-seed", "run").returncode == ExitCode.OK
    hashes = store.read(run_id).phases["split"].metrics["content_hash"]
    drawn = shuffled(make_rows(), seed=1)
    assert hashes == {
        "sft": hash_rows(drawn[:20]), "grpo": hash_rows(drawn[20:30]), "eval": hash_rows(drawn[30:])
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.jsonl": json_lines(make_rows(cop=4))}, "counts cop from 1 to 4 and never 0"),
        ({"train.jsonl": b'{"id": \n'}, "cannot be read as questions: "),
        ({"test.jsonl": json_lines(make_rows())}, 'cannot be read as questions: Unknown split "train"'),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_in_a_line(split, begin_run, store, files, message):
    run_id = begin_run(files)
    refused = split(run_id)
    assert refused.returncode == ExitCode.BAD_INPUT
    assert "Traceback" not in refused.stderr
    phase = store.read(run_id).phases["split"]
    assert phase.status == "failed"
    assert message in phase.error
    assert refused.stderr.splitlines()[-1] == f"error: {phase.error}"
