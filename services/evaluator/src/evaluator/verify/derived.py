"""What the evaluation concluded from all of its answers together, concluded again."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from evaluator.baselines import Guess, build_guess, measure_baselines
from evaluator.confidence import measure_confidence
from evaluator.metrics import measure_majority, measure_training_like
from evaluator.predictions import BAG_OF_WORDS, BASELINE_SCHEMA, file_name
from evaluator.rotations import measure_rotations
from evaluator.verify.checklist import Checklist
from evaluator.verify.data import name_split
from evaluator.verify.record import Record, read_rows, require_same
from evaluator.verify.recorded import require_recorded
from shared.errors import GuardTripped
from shared.lm.questions import load_questions


def check_derived(checklist: Checklist, record: Record) -> None:
    """Check what stands in the manifest beside the models' own metrics, as far as it is there."""
    splits = {split: name_split(record.data_ref, split) for split in ("sft", "eval", "calibration")}
    on_eval = [record.data_ref, splits["eval"], record.ref]
    for section, conclude in CONCLUSIONS.items():
        for name, recorded in record.phase.metrics.get(section, {}).items():
            prove = partial(
                _compare, f"The kept answers of {name} give", recorded, partial(conclude, record, name)
            )
            needs = [*on_eval, record.place("default", name)]
            if section == "confidence":
                needs += [splits["calibration"], record.place("calibration", name)]
            checklist.check(f"{name} answers", section.replace("_", "-"), prove, needs=needs)
    if baselines := record.phase.metrics.get("baselines"):
        prove = partial(_compare, "The baselines give", baselines, partial(_conclude_baselines, record))
        checklist.check("eval", "baselines", prove, needs=[*on_eval, splits["sft"]])
    prove = partial(
        _compare, "The eval split gives", record.phase.metrics, partial(_conclude_majority, record)
    )
    checklist.check("eval", "majority", prove, needs=on_eval[:2])


def _compare(source: str, recorded: Mapping[str, Any], conclude: Callable[[], Mapping[str, Any]]) -> str:
    found = conclude()
    require_recorded(source, recorded, found)
    return f"{', '.join(found)} as recorded"


def _conclude_rotations(record: Record, name: str) -> dict[str, Any]:
    answers = [*record.grade_again("default", name), *record.grade_again("rotated", name)]
    return measure_rotations(record.data.questions, answers)


def _conclude_confidence(record: Record, name: str) -> dict[str, Any]:
    has_calibration = name in record.phase.metrics.get("calibration", {})
    calibration = record.grade_again("calibration", name) if has_calibration else []
    settings = record.phase.config
    return measure_confidence(
        record.grade_again("default", name),
        calibration,
        settings["error_rate"],
        settings["failure_probability"],
    )


def _conclude_training_like(record: Record, name: str) -> dict[str, Any]:
    found = measure_training_like(record.grade_again("default", name))
    if found is None:
        raise GuardTripped(f"{record.data_ref} does not say which questions resemble training rows.")
    return found


def _conclude_baselines(record: Record) -> dict[str, Any]:
    """Grade the kept guesses again; the classifier itself is not trained again."""
    path, questions = file_name("baselines", BAG_OF_WORDS), record.data.questions
    rows = read_rows(record.hub, record.ref, path, BASELINE_SCHEMA, BASELINE_SCHEMA.names)
    if [row["row_id"] for row in rows] != [question.id for question in questions]:
        raise GuardTripped(f"{path} of {record.ref} does not answer its {len(questions)} questions in order.")
    guesses: list[Guess] = []
    for question, row in zip(questions, rows, strict=True):
        guess = build_guess(question, tuple(row["letter_probabilities"]))
        require_same(question.id, row, {"gold": guess.gold, "letter": guess.letter, "correct": guess.correct})
        guesses.append(guess)
    return measure_baselines(load_questions(record.hub, record.data_ref, "sft"), questions, guesses)


def _conclude_majority(record: Record) -> dict[str, Any]:
    return measure_majority([question.letter for question in record.data.questions])


CONCLUSIONS: dict[str, Callable[[Record, str], Mapping[str, Any]]] = {
    "rotated": _conclude_rotations,
    "confidence": _conclude_confidence,
    "training_like": _conclude_training_like,
}
"""Section of the metrics → what makes it again of a model."""
