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

from evaluator.verify.checklist import Checklist
from evaluator.verify.data import check_splits
from shared.content import hash_content, hash_rows
from shared.errors import ExitCode
from shared.hub import Hub
from shared.manifest import RunManifest, Source
from shared.question import COLUMNS
from shared.refs import RepoRef
from shared.runs import ManifestStore

ROWS = 60
COUNTS = ("--sft-rows", "20", "--grpo-rows", "10", "--eval-rows", "6", "--calibration-rows", "4")
SPLITS = ("sft", "grpo", "eval", "calibration")
CLIENT = """
import json, sys
from datasets import load_dataset
print(json.dumps({split: load_dataset(sys.argv[1], split=split).to_list() for split in sys.argv[2:]}))
"""

LOAD_SOURCE = """
import sys
from pathlib import Path
from data_splitter.source import load_source
from shared.hub import Hub
from shared.refs import RepoRef
load_source(Hub(sys.argv[1], sys.argv[2]), RepoRef.model_validate_json(sys.argv[3]), Path("cache"))
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


def read_row_ids(store, phase):
    row_ids = phase.outputs["row_ids"]
    content = store.hub.read_bytes(row_ids, row_ids.path)
    assert hash_content(content) == row_ids.fingerprint
    return json.loads(content)


def shuffled(rows, seed):
    return Dataset.from_list(rows).shuffle(seed=seed).select(range(40)).to_list()


def test_the_published_splits_load_by_name_as_the_reference_draws_them(split, begin_run, store, run_python):
    rows = make_rows()
    rows[7]["opb"] = ""
    run_id = begin_run({"train.jsonl": json_lines(rows)})
    done = split(run_id)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    phase = store.read(run_id).phases["split"]
    loaded = json.loads(
        run_python("-c", CLIENT, phase.outputs["data"].repo_id, *SPLITS, home="client").stdout
    )
    assert {name: len(drawn) for name, drawn in loaded.items()} == {
        "sft": 20, "grpo": 10, "eval": 6, "calibration": 4
    }  # fmt: skip
    pairs = zip(shuffled(rows, seed=42), chain.from_iterable(loaded.values()), strict=True)
    assert [reference["id"] for reference, drawn in pairs if reference != drawn] == ["q7"]
    assert phase.metrics["replaced"] == {"missing option": 1}
    ids = {name: [row["id"] for row in drawn] for name, drawn in loaded.items()}
    assert read_row_ids(store, phase) == ids


def test_the_check_of_a_run_takes_in_every_split(split, begin_run, store):
    run_id = begin_run({"train.jsonl": json_lines(make_rows())})
    assert split(run_id).returncode == ExitCode.OK
    checklist = Checklist(begin=lambda what: None, show=lambda finding: None)
    check_splits(checklist, store.hub, store.read(run_id))
    assert [(one.subject, one.claim, one.verdict) for one in checklist.findings] == [
        *((f"{name} split", "rows", "holds") for name in SPLITS),
        ("splits", "fingerprint", "holds"),
        ("splits", "row ids", "holds"),
    ]


def test_row_ids_that_are_not_those_of_the_rows_are_told(split, begin_run, store):
    run_id = begin_run({"train.jsonl": json_lines(make_rows())})
    assert split(run_id).returncode == ExitCode.OK
    manifest = store.read(run_id)
    row_ids = manifest.phases["split"].outputs["row_ids"]
    content = store.hub.read_bytes(row_ids, row_ids.path).replace(b"q7", b"q8")
    changed = store.hub.push_files(row_ids.repo_id, "dataset", {row_ids.path: content}, "Change an id")
    update = {"commit": changed.commit, "fingerprint": hash_content(content)}
    manifest.phases["split"].outputs["row_ids"] = row_ids.model_copy(update=update)
    checklist = Checklist(begin=lambda what: None, show=lambda finding: None)
    check_splits(checklist, store.hub, manifest)
    assert [one.claim for one in checklist.findings if one.verdict == "fails"] == ["row ids"]


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
        "sft": hash_rows(drawn[:20]),
        "grpo": hash_rows(drawn[20:30]),
        "eval": hash_rows(drawn[30:36]),
        "calibration": hash_rows(drawn[36:]),
    }


def make_unlike_rows():
    """Rows of which no two resemble each other, but for the first of sft and the first of eval."""
    texts = ("question", "opa", "opb", "opc", "opd")
    rows = [row | {text: f"{text}{row['id']} only" for text in texts} for row in make_rows()]
    order = [int(row["id"][1:]) for row in shuffled(rows, seed=42)]
    first, late = rows[order[0]], rows[order[30]]
    first["question"] = "A young man fell on his left knee and cannot bend it"
    late.update({text: first[text] for text in texts}, question=f"{first['question']} today")
    return rows, (late["id"], first["id"])


@pytest.mark.parametrize("near_duplicates", ["off", "report", "replace"])
def test_questions_that_resemble_those_of_another_split_are_as_wanted(
    split, begin_run, store, near_duplicates
):
    rows, (late, first) = make_unlike_rows()
    run_id = begin_run({"train.jsonl": json_lines(rows)})
    done = split(run_id, "--near-duplicates", near_duplicates)
    phase = store.read(run_id).phases["split"]
    names = store.hub.list_files(phase.outputs["data"])
    replaced = {"near-duplicate in two splits": 1}
    assert phase.metrics["replaced"] == (replaced if near_duplicates == "replace" else {})
    assert (late in read_row_ids(store, phase)["eval"]) == (near_duplicates != "replace")
    if near_duplicates == "off":
        assert "near_duplicates" not in phase.metrics
        assert "near_duplicates.jsonl" not in names
        return
    assert "split 40/40 (100%)" in done.stdout
    listed = store.hub.read_bytes(phase.outputs["data"], "near_duplicates.jsonl").decode().splitlines()
    pair = {"row_id": late, "split": "eval", "other_id": first, "other_split": "sft", "similarity": 0.9375}
    assert [json.loads(line) for line in listed] == ([pair] if near_duplicates == "report" else [])
    assert phase.metrics["near_duplicates"]["pairs"] == len(listed)


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


def test_the_code_that_a_source_brings_along_is_never_run(hub_server, tmp_path, run_python):
    hub, trace = Hub(hub_server.url, hub_server.token), tmp_path / "trace"
    script = f"open({str(trace)!r}, 'w').close()".encode()
    source = hub.push_files("starter/scripted", "dataset", {"scripted.py": script}, "Add a loading script")
    refused = run_python("-c", LOAD_SOURCE, hub_server.url, hub_server.token, source.model_dump_json())
    assert "cannot be read as questions: Dataset scripts are no longer supported" in refused.stderr
    assert not trace.exists()
