"""What a model is asked: for each file of the record, which questions, how they are shown, and how it may answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evaluator.choices import Decoding, DecodingChoice
from evaluator.data import EvalData
from shared.question import ROTATIONS, Question, rotate_options

Config = Literal["default", "constrained", "rotated", "calibration"]


@dataclass(frozen=True)
class Shown:
    """A question as a model reads it.

    Attributes:
        question: with its options already turned.
        rotation: by how many places; 0 is as published.
        resembles_training: whether it is a near-duplicate of a training row; None where nobody looked.
    """

    question: Question
    rotation: int = 0
    resembles_training: bool | None = None


@dataclass(frozen=True)
class QuestionSet:
    """The questions of one config of the predictions repo."""

    config: Config
    decoding: Decoding
    shown: list[Shown]


def plan_question_sets(data: EvalData, decoding: DecodingChoice, rotate: bool) -> list[QuestionSet]:
    """Return all that each model is asked; the evaluation's own questions come first."""
    primary: Decoding = "free" if decoding == "both" else decoding
    sets = [QuestionSet("default", primary, _show(data, data.questions))]
    if decoding == "both":
        sets.append(QuestionSet("constrained", "constrained", _show(data, data.questions)))
    if rotate:
        turned = [shown for turn in ROTATIONS[1:] for shown in _show(data, data.questions, turn)]
        sets.append(QuestionSet("rotated", primary, turned))
    if data.calibration:
        sets.append(QuestionSet("calibration", primary, _show(data, data.calibration)))
    return sets


def _show(data: EvalData, questions: Sequence[Question], rotation: int = 0) -> list[Shown]:
    return [
        Shown(rotate_options(question, rotation), rotation, data.resembles_training(question.id))
        for question in questions
    ]
