"""What a source dataset must be, and that its order is the one of `datasets`."""

import json
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, load_dataset

from data_splitter.draw import draw_splits
from data_splitter.source import check_source, iterate_rows
from shared.errors import BadInput
from shared.question import COLUMNS
from shared.refs import RepoRef

REF = RepoRef(repo_id="some/questions", repo_type="dataset", commit="0" * 40)
REAL_ROWS = Path(__file__).parents[3].parent / "shared/data/medmcqa"
REFERENCE = {
    "sft": range(0, 1000),
    "grpo": range(1000, 1500),
    "eval": range(1500, 1700),
    "calibration": range(1700, 1900),
}
needs_real_rows = pytest.mark.skipif(not REAL_ROWS.is_dir(), reason=f"no real MedMCQA rows in {REAL_ROWS}")


@pytest.fixture
def make_source(make_row):
    return lambda count, **columns: Dataset.from_list(
        [make_row(number, **columns) for number in range(count)]
    )


@pytest.fixture
def real(tmp_path):
    def load(name):
        return load_dataset("json", data_files=str(REAL_ROWS / name), split="train", cache_dir=str(tmp_path))

    return load


def test_the_splits_are_the_ranges_of_the_reference(make_source):
    source = make_source(2000)
    draw = draw_splits(
        iterate_rows(check_source(source, REF), seed=42),
        {split: len(rows) for split, rows in REFERENCE.items()},
    )
    shuffled = source.shuffle(seed=42)
    assert draw.rows == {split: shuffled.select(rows).to_list() for split, rows in REFERENCE.items()}


@needs_real_rows
def test_real_rows_keep_their_reference_places_but_for_those_replaced(real):
    source = real("rows.jsonl")
    counts = {split: len(rows) for split, rows in REFERENCE.items()}
    draw = draw_splits(iterate_rows(check_source(source, REF), seed=42), counts)
    shuffled = source.shuffle(seed=42)["id"]
    drawn = [row["id"] for rows in draw.rows.values() for row in rows]
    moved = [place for place, row_id in enumerate(drawn) if row_id != shuffled[place]]
    assert len(moved) == sum(draw.replaced.values())
    assert {drawn[place] for place in moved} <= set(shuffled[1900:])
    assert len(set(drawn)) == 1900
    assert set(draw.replaced) == {"question in two splits"}


@needs_real_rows
def test_a_real_copy_that_counts_from_one_is_refused_with_the_fix(real):
    with pytest.raises(
        BadInput, match=r"counts cop from 1 to 4 and never 0, but 0 must mean A\..*row\['cop'\] - 1"
    ):
        check_source(real("rows-one-based.jsonl"), REF)


def test_a_copy_without_answers_is_refused(make_source):
    with pytest.raises(BadInput, match="has no answers: cop is -1 in every row"):
        check_source(make_source(5, cop=-1), REF)


def test_some_rows_without_an_answer_are_left_to_the_draw(make_source):
    rows = [*make_source(8).to_list(), *make_source(2, cop=-1).to_list()]
    assert len(check_source(Dataset.from_list(rows), REF)) == 10


def test_missing_columns_are_named(make_source):
    source = make_source(5).rename_columns({"opa": "option_a", "cop": "answer"})
    with pytest.raises(BadInput, match=r"has no column opa, cop \(it has id, question, option_a, "):
        check_source(source, REF)


def test_columns_that_a_copy_may_lack_are_empty_and_further_ones_dropped(make_source, make_row):
    source = make_source(3).remove_columns(["topic_name", "choice_type"]).add_column("length", [1, 2, 3])
    rows = sorted(iterate_rows(check_source(source, REF), seed=0), key=lambda row: row["id"])
    assert rows == [make_row(number, topic_name=None, choice_type=None) for number in range(3)]
    assert list(rows[0]) == list(COLUMNS)


def test_numbers_where_text_belongs_and_named_classes_are_understood(make_source, make_row):
    source = make_source(4).remove_columns("id").add_column("id", [7, 8, 9, 10])
    source = source.cast_column("cop", ClassLabel(names=["a", "b", "c", "d"]))
    rows = sorted(iterate_rows(check_source(source, REF), seed=0), key=lambda row: int(row["id"]))
    assert rows == [make_row(number, id=str(number + 7)) for number in range(4)]


@pytest.mark.parametrize("cop", ["B", 1.5, [1]])
def test_answers_that_are_no_whole_numbers_are_refused(make_source, cop):
    with pytest.raises(BadInput, match=r"some/questions@0+ cannot be read as questions: .*MedMCQA's columns"):
        check_source(make_source(4, cop=cop), REF)


def test_another_seed_gives_another_order_of_the_same_rows(make_source):
    source = check_source(make_source(50), REF)
    first, again, other = (list(iterate_rows(source, seed)) for seed in (42, 42, 43))
    assert first == again
    assert first != other
    assert sorted(map(json.dumps, first)) == sorted(map(json.dumps, other))
