"""What the evaluation reads of the run's data: the questions, and which of them resemble training rows."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.hub import Hub
from shared.lm.questions import load_questions
from shared.question import Question
from shared.refs import RepoRef

NEAR_DUPLICATES = "near_duplicates.jsonl"
TRAINING_SPLITS = ("sft", "grpo")


@dataclass(frozen=True)
class EvalData:
    """The questions to ask, and those that were trained on.

    Attributes:
        questions: the eval split.
        calibration: the split of its name; empty where the data has none.
        training: the SFT split, for what stands beside the models.
        resembling: ids of the rows that resemble a training row; None where the splitter did not look.
    """

    questions: list[Question]
    training: list[Question]
    calibration: list[Question] = field(default_factory=list)
    resembling: frozenset[str] | None = None

    def resembles_training(self, row_id: str) -> bool | None:
        """Tell whether a row resembles one of a training split; None where nobody looked."""
        return None if self.resembling is None else row_id in self.resembling


def load_data(hub: Hub, data: RepoRef) -> EvalData:
    """Read the splits that the evaluation needs, and the near-duplicates where the splitter left them."""
    has_calibration = any(path.startswith("data/calibration-") for path in hub.list_files(data, "data"))
    return EvalData(
        questions=load_questions(hub, data, "eval"),
        training=load_questions(hub, data, "sft"),
        calibration=load_questions(hub, data, "calibration") if has_calibration else [],
        resembling=load_resembling(hub, data),
    )


def load_resembling(hub: Hub, data: RepoRef) -> frozenset[str] | None:
    """Return the ids of the rows that resemble a training row; None where the splitter did not look."""
    if NEAR_DUPLICATES not in hub.list_files(data):
        return None
    return find_resembling(hub.read_bytes(data, NEAR_DUPLICATES).decode().split("\n"))


def find_resembling(lines: Iterable[str]) -> frozenset[str]:
    """Return the ids of the rows that are paired with a row of a training split.

    Args:
        lines: of `near_duplicates.jsonl`, one pair a line.
    """
    pairs = [json.loads(line) for line in lines if line.strip()]
    ends = [(pair["row_id"], pair["other_split"]) for pair in pairs]
    ends += [(pair["other_id"], pair["split"]) for pair in pairs]
    return frozenset(row_id for row_id, paired_with in ends if paired_with in TRAINING_SPLITS)
