"""The source dataset: loaded at its commit, its columns and its counting of answers checked before anything else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from datasets import Dataset, Features, Value, load_dataset
from datasets.exceptions import DatasetsError

from data_splitter.draw import Row
from shared.errors import BadInput
from shared.hub import Hub
from shared.question import COLUMNS, REQUIRED_COLUMNS
from shared.refs import RepoRef

SOURCE_SPLIT = "train"
UNLABELLED = -1


def load_source(hub: Hub, ref: RepoRef, cache: Path) -> Dataset:
    """Load the columns that matter, as text and whole numbers, whatever kind of file they come from.

    Raises:
        BadInput: the repo is no such dataset, lacks a column, or counts the answers otherwise.
    """

    def load() -> Dataset:
        return load_dataset(ref.repo_id, revision=ref.commit, split=SOURCE_SPLIT, cache_dir=str(cache))

    with _readable(ref):
        dataset = hub.call(f"loading {ref}", load)
    return check_source(dataset, ref)


def check_source(dataset: Dataset, ref: RepoRef) -> Dataset:
    """Reduce a loaded dataset to the known columns in their types, or refuse it.

    Raises:
        BadInput: a column is missing or of another kind, or `cop` does not count from 0.
    """
    _require_columns(dataset.column_names, ref)
    present = [column for column in COLUMNS if column in dataset.column_names]
    features = Features({column: Value("int64" if column == "cop" else "string") for column in present})
    dataset = dataset.select_columns(present)
    if dataset.features != features:
        with _readable(ref):
            dataset = dataset.cast(features)
    _require_zero_based(set(dataset.data.column("cop").unique().to_pylist()) - {None}, ref)
    return dataset


def iterate_rows(dataset: Dataset, seed: int) -> Iterator[Row]:
    """Yield the rows in shuffled order, one at a time: most are never turned into Python objects."""
    for row in dataset.shuffle(seed=seed):
        yield {column: row.get(column) for column in COLUMNS}


@contextmanager
def _readable(ref: RepoRef) -> Iterator[None]:
    try:
        yield
    # A RuntimeError is how datasets refuses a repo's own loading script, which it never runs.
    except (DatasetsError, pa.ArrowException, RuntimeError, ValueError, TypeError) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".")
        raise BadInput(
            f"{ref} cannot be read as questions: {reason}. "
            f"It needs a {SOURCE_SPLIT} split in parquet, csv or jsonl, with MedMCQA's columns."
        ) from error


def _require_columns(present: list[str], ref: RepoRef) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in present]
    if missing:
        raise BadInput(
            f"{ref} has no column {', '.join(missing)} (it has {', '.join(present)}). "
            "Rename its columns to MedMCQA's, or use another SOURCE_DATASET."
        )


def _require_zero_based(values: set[int], ref: RepoRef) -> None:
    if values == {UNLABELLED}:
        raise BadInput(
            f"{ref} has no answers: cop is {UNLABELLED} in every row, as in the published test split. "
            "Use a labelled copy of the train split."
        )
    if 4 in values and 0 not in values:
        raise BadInput(
            f"{ref} counts cop from 1 to 4 and never 0, but 0 must mean A. Push a corrected copy and use that: "
            "dataset.map(lambda row: {'cop': row['cop'] - 1})."
        )
