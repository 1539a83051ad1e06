"""The answers that an evaluation kept, each graded again; also those of earlier versions, which kept less."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from transformers import PreTrainedTokenizerBase

from evaluator.answers import Answer, grade
from evaluator.data import EvalData, load_resembling
from evaluator.predictions import SCHEMA, file_name
from evaluator.questions import Config, QuestionSet, Shown, plan_question_sets
from shared.errors import GuardTripped
from shared.hub import Hub
from shared.lm.generate import Completion
from shared.lm.load import load_tokenizer
from shared.lm.questions import load_questions
from shared.manifest import Phase
from shared.refs import RepoRef

# What the first version kept; the others came later.
REQUIRED = (
    "row_id",
    "gold",
    "prompt_hash",
    "text",
    "letter",
    "confidence",
    "reason",
    "is_json",
    "is_schema",
    "correct",
    "problem",
    "new_tokens",
    "seconds",
)
# Only the model's tokenizer can tell these.
PROMPT_COLUMNS = ("prompt_hash", "prompt_tokens")
Row = dict[str, Any]


class Record:
    """The predictions repo of an evaluation, with what the run's data says of its questions."""

    def __init__(self, hub: Hub, phase: Phase) -> None:
        self.hub, self.phase = hub, phase
        self.ref, self.data_ref = phase.outputs["predictions"], phase.inputs["data"]
        self._tokenizers: dict[str, PreTrainedTokenizerBase] = {}
        self._rows: dict[tuple[Config, str], list[Row]] = {}
        self._graded: dict[tuple[Config, str], list[Answer]] = {}

    @cached_property
    def data(self) -> EvalData:
        """The eval split, and which of its rows resemble training rows."""
        return EvalData(
            load_questions(self.hub, self.data_ref, "eval"), [], [], load_resembling(self.hub, self.data_ref)
        )

    def find_set(self, config: Config) -> QuestionSet:
        """Return what a model was asked for a config."""
        data = self.data
        if config == "calibration":
            data = replace(data, calibration=load_questions(self.hub, self.data_ref, "calibration"))
        settings = self.phase.config
        sets = plan_question_sets(
            data, settings.get("decoding", "free"), settings.get("rotate_options", False)
        )
        found = next((asked for asked in sets if asked.config == config), None)
        if found is None:
            raise GuardTripped(
                f"The run records {config} answers, but by its settings nobody asked for them."
            )
        return found

    def place(self, config: Config, name: str) -> str:
        """Return where the answers lie: what the checks on their conclusions are founded on."""
        return f"{self.ref}:{file_name(config, name)}"

    def load_tokenizer(self, name: str) -> PreTrainedTokenizerBase:
        """Load a model's tokenizer, once for all of its files; errors are those of `shared.lm.load.load_tokenizer`."""
        if name not in self._tokenizers:
            self._tokenizers[name] = load_tokenizer(self.hub, self.phase.inputs[name])
        return self._tokenizers[name]

    def read_rows(self, config: Config, name: str) -> list[Row]:
        """Read a model's rows, once for all checks.

        Raises:
            GuardTripped: the file does not hold answers to the questions of its config, in their order.
        """
        if (config, name) not in self._rows:
            self._rows[config, name] = self._read_rows(config, name)
        return self._rows[config, name]

    def _read_rows(self, config: Config, name: str) -> list[Row]:
        path, asked = file_name(config, name), self.find_set(config)
        rows = read_rows(self.hub, self.ref, path, SCHEMA, REQUIRED)
        expected = [(shown.question.id, shown.rotation) for shown in asked.shown]
        if [(row["row_id"], row.get("rotation", 0)) for row in rows] != expected:
            raise GuardTripped(
                f"{path} of {self.ref} does not answer its {len(expected)} questions in order."
            )
        return rows

    def grade_again(self, config: Config, name: str) -> list[Answer]:
        """Grade a model's kept texts, and return the answers.

        Raises:
            GuardTripped: a column does not hold what its text amounts to.
        """
        if (config, name) not in self._graded:
            asked, rows = self.find_set(config), self.read_rows(config, name)
            pairs = zip(asked.shown, rows, strict=True)
            self._graded[config, name] = [_grade_row(asked, shown, row) for shown, row in pairs]
        return self._graded[config, name]


def read_rows(hub: Hub, ref: RepoRef, path: str, schema: pa.Schema, required: Sequence[str]) -> list[Row]:
    """Read a parquet file, its columns as in the schema; of those that are not required some may be missing.

    Raises:
        GuardTripped: it is no such file.
    """
    try:
        table = pq.read_table(hub.download(ref, path))
        kept = pa.schema([field for field in schema if field.name in {*table.column_names, *required}])
        rows: list[Row] = table.select(kept.names).cast(kept).to_pylist()
    except (pa.ArrowException, KeyError) as error:
        raise GuardTripped(f"{path} of {ref} does not hold answers: {error}.") from error
    return rows


def require_same(row_id: str, kept: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Require the columns that were kept to be what was found.

    Raises:
        GuardTripped: one is not.
    """
    for column, value in found.items():
        if column in kept and kept[column] != value:
            raise GuardTripped(
                f"The answer to {row_id} is kept with {column} {kept[column]!r}, but it is {value!r}."
            )


def _grade_row(asked: QuestionSet, shown: Shown, row: Row) -> Answer:
    answer = grade(shown, asked.decoding, [], _completion(row))
    columns = {name: value for name, value in asdict(answer).items() if name not in PROMPT_COLUMNS}
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in columns.items()}
    require_same(shown.question.id, row, listed)
    return replace(answer, prompt_hash=row["prompt_hash"], prompt_tokens=row.get("prompt_tokens", 0))


def _completion(row: Row) -> Completion:
    probabilities = row.get("letter_probabilities")
    # Without its tokens an answer is graded just the same.
    tokens = row.get("token_ids", [0] * row["new_tokens"])
    return Completion(
        row["text"],
        tuple(tokens),
        row.get("ended") or ("limit" if row.get("cut_off") else "stop"),
        row["seconds"],
        None if probabilities is None else tuple(probabilities),
        row.get("letter_mass"),
    )
