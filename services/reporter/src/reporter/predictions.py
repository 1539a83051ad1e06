"""The predictions repo: what each model answered, under each decoding, and what a baseline answers.

Runs of earlier versions lack columns and files; what is not there is None or empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shared.errors import BadInput

MODELS = ("base", "sft", "grpo")
BASELINE_FILE = "baselines/bag_of_words.parquet"


@dataclass(frozen=True)
class Answer:
    """What a model said to one question, as the evaluator graded it.

    Attributes:
        problem: why the schema does not hold, in words; `failure` is its kind.
        confidence: as stated, 0 to 1.
        letter_probabilities: the model's probability of A, B, C and D at the letter's place; they sum to 1.
        rotation: by how many places the options were moved.
        resembles_training: whether the question resembles one of the training splits'.
    """

    row_id: str
    gold: str
    text: str
    letter: str | None
    is_json: bool
    is_schema: bool
    correct: bool
    problem: str | None
    failure: str | None = None
    confidence: float | None = None
    letter_probabilities: tuple[float, ...] | None = None
    letter_mass: float | None = None
    reason: str | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    seconds: float | None = None
    ended: str | None = None
    cut_off: bool | None = None
    subject_name: str | None = None
    question_words: int | None = None
    resembles_training: bool | None = None
    rotation: int = 0


@dataclass(frozen=True)
class BaselineAnswer:
    """What a baseline that is no language model answers to one question."""

    row_id: str
    letter: str
    correct: bool


Answers = dict[str, list[Answer]]
"""Model → its answers, one a question."""


@dataclass(frozen=True)
class Predictions:
    """All of a run's predictions: the evaluation's own, and what was asked besides.

    Attributes:
        answers: the evaluation's questions, under the primary decoding.
        constrained: the same questions under constrained decoding, where both were asked for.
        rotated: the same questions with their options moved by 1, 2 and 3 places.
        calibration: the calibration split's questions.
        bag_of_words: the bag-of-words classifier on the evaluation's questions.
    """

    answers: Answers = field(default_factory=dict)
    constrained: Answers = field(default_factory=dict)
    rotated: Answers = field(default_factory=dict)
    calibration: Answers = field(default_factory=dict)
    bag_of_words: list[BaselineAnswer] = field(default_factory=list)


def load_predictions(paths: list[str], fetch: Callable[[str], Path]) -> Predictions:
    """Read what a predictions repo holds, whose files are `paths`."""

    def read(config: str) -> Answers:
        files = {model: f"{config}/{model}.parquet" for model in MODELS}
        return {model: read_answers(fetch(path)) for model, path in files.items() if path in paths}

    return Predictions(
        # Every evaluation has these: one that is missing is an error.
        answers={model: read_answers(fetch(f"data/{model}.parquet")) for model in MODELS},
        constrained=read("constrained"),
        rotated=read("rotated"),
        calibration=read("calibration"),
        bag_of_words=read_baseline(fetch(BASELINE_FILE)) if BASELINE_FILE in paths else [],
    )


def read_answers(path: Path) -> list[Answer]:
    """Read one model's predictions.

    Raises:
        BadInput: it is not parquet, or a column that every version of the evaluator writes is not there.
    """
    return [_answer(row) for row in _read_rows(path, Answer)]


def read_baseline(path: Path) -> list[BaselineAnswer]:
    """Read a baseline's answers.

    Raises:
        BadInput: it is not parquet, or lacks a column.
    """
    return [BaselineAnswer(**row) for row in _read_rows(path, BaselineAnswer)]


def read_parquet(path: Path) -> pa.Table:
    """Read a whole parquet file.

    Raises:
        BadInput: it is not one.
    """
    try:
        return pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise BadInput(
            f"{path.name} is not a parquet file that can be read. Redo the phase that wrote it."
        ) from error


def _read_rows(path: Path, kind: type[Answer] | type[BaselineAnswer]) -> list[dict[str, Any]]:
    table, columns = read_parquet(path), fields(kind)
    present = [column.name for column in columns if column.name in table.column_names]
    # What has no default has been there from the first version on.
    needed = [name for name in kind.__dataclass_fields__ if not hasattr(kind, name)]
    missing = [name for name in needed if name not in present]
    if missing:
        raise BadInput(
            f"{path.name} of the predictions has no column {missing[0]}. Evaluate again: make eval FORCE=1."
        )
    rows: list[dict[str, Any]] = table.select(present).to_pylist()
    return rows


def _answer(row: Mapping[str, Any]) -> Answer:
    values = dict(row)
    if values.get("letter_probabilities") is not None:
        values["letter_probabilities"] = tuple(values["letter_probabilities"])
    return Answer(**values)
