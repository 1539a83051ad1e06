"""The metrics that the evaluation recorded are those of the answers that it kept, and those are to its questions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evaluator.answers import Answer, grade, hash_prompt
from evaluator.chain import PARENTS
from evaluator.metrics import measure, measure_majority
from evaluator.predictions import SCHEMA
from evaluator.verify.checklist import Checklist, NotRecorded
from evaluator.verify.data import name_split
from shared.errors import GuardTripped
from shared.hub import Hub
from shared.lm.chat import encode_prompt
from shared.lm.generate import Completion, Ended
from shared.lm.load import load_tokenizer
from shared.lm.questions import load_questions
from shared.manifest import Phase, RunManifest
from shared.question import Question
from shared.refs import RepoRef

# What a file of an earlier version does not have.
LATER_COLUMN = "cut_off"
REQUIRED = tuple(name for name in SCHEMA.names if name != LATER_COLUMN)
Row = Mapping[str, Any]


def check_answers(checklist: Checklist, hub: Hub, manifest: RunManifest) -> None:
    """Check the answers of each model, if the evaluation has succeeded."""
    phase = manifest.phases["eval"]
    if phase.status != "succeeded":
        return
    data, predictions = phase.inputs["data"], phase.outputs["predictions"]
    needs = [data, name_split(data, "eval"), predictions]
    for name in PARENTS:
        evaluation = Evaluation(hub, phase, name)
        subject = f"{name} answers"
        checklist.check(subject, "model", evaluation.compare_model)
        checklist.check(subject, "questions", evaluation.compare_questions, needs=[*needs, evaluation.model])
        checklist.check(subject, "metrics", evaluation.compare_metrics, needs=needs)
    checklist.check("eval", "majority", partial(_compare_majority, hub, data, phase), needs=needs[:2])


class Evaluation:
    """What the evaluation left of one model."""

    def __init__(self, hub: Hub, phase: Phase, name: str) -> None:
        self.hub, self.name = hub, name
        self.data, self.model = phase.inputs["data"], phase.inputs[name]
        self.predictions = phase.outputs["predictions"]
        self.recorded: dict[str, Any] = phase.metrics["models"][name]

    def compare_model(self) -> str:
        """Prove that the model that was asked is the run's."""
        named = self.recorded["model"], self.recorded["fingerprint"]
        if named[0] != str(self.model) or self.model.fingerprint not in (None, named[1]):
            raise GuardTripped(
                f"The answers are those of {' with weights '.join(named)}, not of {self.model}."
            )
        return f"given by {self.model}"

    def compare_questions(self) -> str:
        """Prove that the answers are to the split's questions, in their order, by what the model read."""
        questions, tokenizer = self._load_questions(), load_tokenizer(self.hub, self.model)
        rows = self._read_rows()
        for question, row in zip(questions, rows, strict=True):
            asked = hash_prompt(encode_prompt(tokenizer, question))
            _require_same(question.id, "prompt_hash", row["prompt_hash"], asked)
        return f"{len(rows)} questions of {self.data}"

    def compare_metrics(self) -> str:
        """Grade the kept texts again, and measure them."""
        rows = self._read_rows()
        answers = list(self._grade_again(rows))
        measured = measure(answers)
        if LATER_COLUMN not in rows[0]:
            measured.pop(LATER_COLUMN)
        for name, value in measured.items():
            if name not in self.recorded:
                raise NotRecorded(f"the evaluation left no {name}")
            if self.recorded[name] != value:
                raise GuardTripped(
                    f"The kept answers of {self.name} give {name} {value}, "
                    f"but the run recorded {self.recorded[name]}."
                )
        return f"{len(measured)} as recorded, accuracy {measured['accuracy']:.1%}"

    def _grade_again(self, rows: Sequence[Row]) -> Iterator[Answer]:
        for question, row in zip(self._load_questions(), rows, strict=True):
            ended: Ended = "limit" if row.get(LATER_COLUMN) else "stop"
            # Which tokens they were changes no grade.
            completion = Completion(row["text"], (0,) * row["new_tokens"], ended, row["seconds"])
            answer = grade(question, [], completion)
            for column, value in asdict(answer).items():
                if column != "prompt_hash" and column in row:
                    _require_same(question.id, column, row[column], value)
            yield answer

    def _load_questions(self) -> list[Question]:
        return load_questions(self.hub, self.data, "eval")

    def _read_rows(self) -> list[dict[str, Any]]:
        path = f"data/{self.name}.parquet"
        try:
            table = pq.read_table(self.hub.download(self.predictions, path))
            # An earlier version kept less.
            schema = pa.schema([field for field in SCHEMA if field.name in {*table.column_names, *REQUIRED}])
            rows: list[dict[str, Any]] = table.select(schema.names).cast(schema).to_pylist()
        except (pa.ArrowException, KeyError) as error:
            raise GuardTripped(f"{path} of {self.predictions} does not hold answers: {error}.") from error
        asked = [question.id for question in self._load_questions()]
        if [row["row_id"] for row in rows] != asked:
            raise GuardTripped(
                f"{path} of {self.predictions} does not answer the {len(asked)} questions of the eval split in order."
            )
        return rows


def _require_same(row_id: str, column: str, kept: object, found: object) -> None:
    if kept != found:
        raise GuardTripped(f"The answer to {row_id} is kept with {column} {kept!r}, but it is {found!r}.")


def _compare_majority(hub: Hub, data: RepoRef, phase: Phase) -> str:
    gold = [question.letter for question in load_questions(hub, data, "eval")]
    for name, value in measure_majority(gold).items():
        if phase.metrics.get(name) != value:
            raise GuardTripped(
                f"The eval split gives {name} {value}, but the run recorded {phase.metrics.get(name)}."
            )
    return (
        f"always {phase.metrics['majority_letter']} is right in {phase.metrics['majority_letter_rate']:.1%}"
    )
