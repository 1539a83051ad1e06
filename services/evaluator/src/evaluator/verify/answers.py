"""The metrics that the evaluation recorded are those of the answers that it kept, and those are to its questions."""

from collections.abc import Mapping
from typing import Any

from evaluator.answers import hash_prompt
from evaluator.chain import PARENTS
from evaluator.metrics import measure
from evaluator.questions import Config
from evaluator.summary import MEASURED
from evaluator.verify.checklist import Checklist, NotRecorded
from evaluator.verify.data import name_split
from evaluator.verify.derived import check_derived
from evaluator.verify.record import Record, Row, require_same
from evaluator.verify.recorded import require_recorded
from shared.errors import GuardTripped
from shared.hub import Hub
from shared.lm.chat import encode_prompt
from shared.manifest import RunManifest

# Where a file has no such column, it is of a version that measured less.
NEWEST_COLUMN = "failure"
# Those of the first version's metrics that are of a column which it did not keep.
UNKEPT = "cut_off"


def check_answers(checklist: Checklist, hub: Hub, manifest: RunManifest) -> None:
    """Check the answers of each model, if the evaluation has succeeded, and all that was concluded from them."""
    phase = manifest.phases["eval"]
    if phase.status != "succeeded":
        return
    record = Record(hub, phase)
    for name in PARENTS:
        for section, config in MEASURED.items():
            if name in phase.metrics.get(section, {}):
                _check_file(checklist, AnswerFile(record, section, config, name))
        if name in phase.metrics.get("rotated", {}):
            _check_questions(checklist, AnswerFile(record, "rotated", "rotated", name))
    check_derived(checklist, record)


def _check_file(checklist: Checklist, file: "AnswerFile") -> None:
    checklist.check(file.subject, "model", file.compare_model)
    _check_questions(checklist, file)
    place = file.record.place(file.config, file.name)
    checklist.check(file.subject, "metrics", file.compare_metrics, on=place, needs=file.needs)


def _check_questions(checklist: Checklist, file: "AnswerFile") -> None:
    needs = [*file.needs, file.model]
    checklist.check(file.subject, "questions", file.compare_questions, needs=needs)
    checklist.check(file.subject, "text", file.compare_text, needs=needs)


class AnswerFile:
    """What the evaluation left of one model for one set of questions."""

    def __init__(self, record: Record, section: str, config: Config, name: str) -> None:
        self.record, self.config, self.name = record, config, name
        self.model = record.phase.inputs[name]
        self.recorded: Mapping[str, Any] = record.phase.metrics[section][name]
        self.kind = "answers" if config == "default" else f"{config} answers"
        self.subject = f"{name} {self.kind}"
        split = "calibration" if config == "calibration" else "eval"
        self.needs = [record.data_ref, name_split(record.data_ref, split), record.ref]

    def compare_model(self) -> str:
        """Prove that the model that was asked is the run's."""
        named = self.recorded["model"], self.recorded["fingerprint"]
        if named[0] != str(self.model) or self.model.fingerprint not in (None, named[1]):
            raise GuardTripped(
                f"The answers are those of {' with weights '.join(named)}, not of {self.model}."
            )
        return f"given by {self.model}"

    def compare_questions(self) -> str:
        """Prove that the answers are to the set's questions, in their order, by the tokens that the model used."""
        tokenizer = self.record.load_tokenizer(self.name)
        rows = self.record.read_rows(self.config, self.name)
        for shown, row in zip(self.record.find_set(self.config).shown, rows, strict=True):
            prompt = encode_prompt(tokenizer, shown.question)
            asked = {"prompt_hash": hash_prompt(prompt), "prompt_tokens": len(prompt)}
            require_same(shown.question.id, row, asked)
        return f"{len(rows)} questions of {self.record.data_ref}"

    def compare_text(self) -> str:
        """Prove that each kept text is what the kept tokens say."""
        rows = self.record.read_rows(self.config, self.name)
        if "token_ids" not in rows[0]:
            raise NotRecorded("the evaluation kept no tokens of the answers")
        tokenizer = self.record.load_tokenizer(self.name)
        for row in rows:
            require_same(row["row_id"], row, {"text": _say(tokenizer, row)})
        return f"{sum(row['new_tokens'] for row in rows)} tokens"

    def compare_metrics(self) -> str:
        """Grade the kept texts again, and measure them."""
        rows = self.record.read_rows(self.config, self.name)
        measured = measure(self.record.grade_again(self.config, self.name))
        if NEWEST_COLUMN not in rows[0]:
            known = [
                name for name in measured if name in self.recorded and (name != UNKEPT or name in rows[0])
            ]
            measured = {name: measured[name] for name in known}
        require_recorded(f"The kept {self.kind} of {self.name} give", self.recorded, measured)
        return f"{len(measured)} as recorded, accuracy {measured['accuracy']:.1%}"


def _say(tokenizer: Any, row: Row) -> str:
    ids = row["token_ids"][:-1] if row["ended"] == "stop" else row["token_ids"]
    return str(tokenizer.decode(ids, skip_special_tokens=True))
