"""One model's answer to one question, graded by the parser that the rewards use."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from shared.lm.generate import Completion
from shared.prediction import parse_completion
from shared.question import Question


@dataclass(frozen=True)
class Answer:
    """A graded answer.

    Attributes:
        letter: the predicted letter, where the text is a JSON object that holds a valid one.
        confidence: as stated, where the whole schema holds; so is `reason`.
        problem: why the schema does not hold, or None.
        cut_off: generation ended at the limit, not at the end of the answer.
        seconds: this answer's share of the time that its batch took.
    """

    row_id: str
    gold: str
    prompt_hash: str
    text: str
    letter: str | None
    confidence: float | None
    reason: str | None
    is_json: bool
    is_schema: bool
    correct: bool
    problem: str | None
    new_tokens: int
    seconds: float
    cut_off: bool


def grade(question: Question, prompt_ids: Sequence[int], completion: Completion) -> Answer:
    """Grade a completion exactly as the rewards of the same names do."""
    parsed = parse_completion(completion.text)
    return Answer(
        row_id=question.id,
        gold=question.letter,
        prompt_hash=hash_prompt(prompt_ids),
        text=completion.text,
        letter=parsed.letter,
        confidence=parsed.prediction.confidence if parsed.prediction else None,
        reason=parsed.prediction.reason if parsed.prediction else None,
        is_json=parsed.is_json,
        is_schema=parsed.prediction is not None,
        correct=parsed.letter == question.letter,
        problem=parsed.problem,
        new_tokens=completion.new_tokens,
        seconds=completion.seconds,
        cut_off=completion.cut_off,
    )


def hash_prompt(prompt_ids: Sequence[int]) -> str:
    """Hash the very tokens that the model read, written as a JSON array."""
    return f"sha256:{hashlib.sha256(json.dumps(list(prompt_ids)).encode()).hexdigest()}"
