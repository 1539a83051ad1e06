"""The dataset repo of a run, as others read it."""

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from pydantic import ValidationError

from data_splitter.dataset import measure, render_card, write_dataset
from data_splitter.draw import Draw
from data_splitter.settings import SplitSettings
from shared.question import COLUMNS
from shared.refs import RepoRef

SOURCE = RepoRef(repo_id="some/questions", repo_type="dataset", commit="0" * 40)


@pytest.fixture
def draw(make_row):
    rows = [make_row(number) for number in range(6)]
    return Draw(
        {"sft": rows[:3], "grpo": rows[3:5], "eval": rows[5:]}, {"missing option": 2, "blank question": 1}, {}
    )


@pytest.fixture
def folder(draw, tmp_path):
    folder = tmp_path / "dataset"
    write_dataset(folder, draw, render_card("me/data", "run-1", SOURCE, 42, measure(draw)))
    return folder


@pytest.mark.parametrize("split", ["sft", "grpo", "eval"])
def test_the_split_loads_by_its_name_with_its_rows_untouched(folder, draw, split, tmp_path):
    loaded = load_dataset(str(folder), split=split, cache_dir=str(tmp_path / "cache"))
    assert loaded.column_names == list(COLUMNS)
    assert loaded.to_list() == draw.rows[split]


def test_the_files_are_named_as_the_other_jobs_expect(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert names == [
        "README.md",
        *(f"data/{split}-00000-of-00001.parquet" for split in ("eval", "grpo", "sft")),
    ]
    assert pq.read_schema(folder / "data/eval-00000-of-00001.parquet").names == list(COLUMNS)


def test_the_card_says_what_was_drawn_from_where(folder):
    _, header, body = (folder / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(header)["source_datasets"] == ["some/questions"]
    assert f"from `{SOURCE}` by `shuffle(seed=42)`" in body
    assert "3 were replaced (blank question 1, missing option 2)." in body
    assert "| sft | 3 | 1 | 1 | 1 | 0 | `sha256:" in body


def test_the_manifest_gets_rows_letters_and_hashes(draw):
    metrics = measure(draw)
    assert metrics.pop("content_hash").keys() == {"sft", "grpo", "eval"}
    assert metrics == {
        "rows": {"sft": 3, "grpo": 2, "eval": 1},
        "replaced": {"missing option": 2, "blank question": 1},
        "passed_over": {},
        "row_ids": {"sft": ["q0", "q1", "q2"], "grpo": ["q3", "q4"], "eval": ["q5"]},
        "letters": {
            "sft": {"A": 1, "B": 1, "C": 1, "D": 0},
            "grpo": {"A": 1, "B": 0, "C": 0, "D": 1},
            "eval": {"A": 0, "B": 1, "C": 0, "D": 0},
        },
    }


def test_the_defaults_are_the_reference_and_the_seed_may_be_the_runs_own():
    settings = SplitSettings(run_id="run-1", namespace="me")
    assert settings.config() == {"sft_rows": 1000, "grpo_rows": 500, "eval_rows": 200, "shuffle_seed": 42}
    assert list(settings.counts()) == ["sft", "grpo", "eval"]
    assert SplitSettings(run_id="run-1", namespace="me", shuffle_seed="run").shuffle_seed == "run"
    with pytest.raises(ValidationError):
        SplitSettings(run_id="run-1", namespace="me", shuffle_seed="none")
