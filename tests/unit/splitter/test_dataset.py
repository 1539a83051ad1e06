"""The dataset repo of a run, as others read it."""

import json
import time
from dataclasses import asdict

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from pydantic import ValidationError

from data_splitter.dataset import measure, render_card, write_dataset
from data_splitter.draw import Draw
from data_splitter.near_duplicates import NearDuplicate
from data_splitter.settings import SplitSettings
from shared.question import COLUMNS
from shared.refs import RepoRef

SOURCE = RepoRef(repo_id="some/questions", repo_type="dataset", commit="0" * 40)
PAIRS = [
    NearDuplicate("q4", "eval", "q0", "sft", 0.75),
    NearDuplicate("q4", "eval", "q3", "grpo", 0.5),
    NearDuplicate("q5", "calibration", "q1", "sft", 1.0),
]


@pytest.fixture
def draw(make_row):
    rows = [make_row(number) for number in range(6)]
    splits = {"sft": rows[:2], "grpo": rows[2:4], "eval": rows[4:5], "calibration": rows[5:]}
    return Draw(splits, {"missing option": 2, "blank question": 1}, {})


@pytest.fixture
def publish(draw, tmp_path):
    def publish(pairs):
        folder = tmp_path / f"dataset-{time.time_ns()}"
        metrics = measure(draw, pairs, similarity=0.5)
        write_dataset(folder, draw, pairs, render_card("me/data", "run-1", SOURCE, 42, metrics))
        return folder

    return publish


@pytest.fixture
def folder(publish):
    return publish(PAIRS)


@pytest.mark.parametrize("split", ["sft", "grpo", "eval", "calibration"])
def test_the_split_loads_by_its_name_with_its_rows_untouched(folder, draw, split, tmp_path):
    loaded = load_dataset(str(folder), split=split, cache_dir=str(tmp_path / "cache"))
    assert loaded.column_names == list(COLUMNS)
    assert loaded.to_list() == draw.rows[split]


def test_the_files_are_named_as_the_other_jobs_expect(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert names == [
        "README.md",
        *(f"data/{split}-00000-of-00001.parquet" for split in ("calibration", "eval", "grpo", "sft")),
        "near_duplicates.jsonl",
        "row_ids.json",
    ]
    assert json.loads((folder / "row_ids.json").read_text()) == {
        "sft": ["q0", "q1"], "grpo": ["q2", "q3"], "eval": ["q4"], "calibration": ["q5"]
    }  # fmt: skip
    assert pq.read_schema(folder / "data/eval-00000-of-00001.parquet").names == list(COLUMNS)


def test_the_card_says_what_was_drawn_from_where(folder):
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(header)["source_datasets"] == ["some/questions"]
    assert f"from `{SOURCE}` by `shuffle(seed=42)`" in body
    assert "3 were replaced (blank question 1, missing option 2)." in body
    assert '# or "sft", "grpo", "calibration"' in body
    assert "| sft | 2 | 1 | 1 | 0 | 0 | `sha256:" in body
    assert (
        "Rows that share at least 0.5 of their word 2-grams with one of an earlier split: eval 1, calibration 1, "
        "in 3 pairs. `near_duplicates.jsonl` lists them.\n"
    ) in body


def test_the_near_duplicates_are_listed_one_pair_a_line(folder):
    lines = (folder / "near_duplicates.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [asdict(pair) for pair in PAIRS]
    assert lines[0] == (
        '{"row_id": "q4", "split": "eval", "other_id": "q0", "other_split": "sft", "similarity": 0.75}'
    )


def test_who_looked_and_found_none_is_told_from_who_did_not_look(publish, draw):
    looked, blind = publish([]), publish(None)
    assert (looked / "near_duplicates.jsonl").read_bytes() == b""
    assert "with one of an earlier split: none, in 0 pairs." in (looked / "README.md").read_text()
    assert not (blind / "near_duplicates.jsonl").exists()
    assert "Whether any are alike was not looked at." in (blind / "README.md").read_text()
    assert "near_duplicates" not in measure(draw, None, similarity=0.5)


def test_the_manifest_gets_rows_letters_hashes_and_near_duplicates(draw):
    metrics = measure(draw, PAIRS, similarity=0.5)
    assert metrics.pop("content_hash").keys() == {"sft", "grpo", "eval", "calibration"}
    assert metrics == {
        "rows": {"sft": 2, "grpo": 2, "eval": 1, "calibration": 1},
        "replaced": {"missing option": 2, "blank question": 1},
        "passed_over": {},
        "letters": {
            "sft": {"A": 1, "B": 1, "C": 0, "D": 0},
            "grpo": {"A": 0, "B": 0, "C": 1, "D": 1},
            "eval": {"A": 1, "B": 0, "C": 0, "D": 0},
            "calibration": {"A": 0, "B": 1, "C": 0, "D": 0},
        },
        "near_duplicates": {
            "pairs": 3,
            "rows": {"sft": 0, "grpo": 0, "eval": 1, "calibration": 1},
            "similarity": 0.5,
            "ngram": 2,
        },
    }


def test_the_defaults_are_the_reference_and_the_seed_may_be_the_runs_own():
    settings = SplitSettings(run_id="run-1", namespace="me")
    assert settings.counts() == {"sft": 1000, "grpo": 500, "eval": 200, "calibration": 200}
    assert list(settings.counts()) == ["sft", "grpo", "eval", "calibration"]
    assert (settings.shuffle_seed, settings.near_duplicates) == (42, "report")
    assert SplitSettings(run_id="run-1", namespace="me", shuffle_seed="run").shuffle_seed == "run"
    with pytest.raises(ValidationError):
        SplitSettings(run_id="run-1", namespace="me", shuffle_seed="none")


def test_a_run_without_calibration_rows_has_no_such_split():
    settings = SplitSettings(run_id="run-1", namespace="me", calibration_rows=0)
    assert list(settings.counts()) == ["sft", "grpo", "eval"]


@pytest.mark.parametrize("similarity", [0.49, 1.01])
def test_a_similarity_that_means_nothing_is_refused(similarity):
    with pytest.raises(ValidationError):
        SplitSettings(run_id="run-1", namespace="me", near_duplicate_similarity=similarity)
