"""One model's answer to one question, graded by the parser that the rewards use."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.choices import Decoding
from evaluator.questions import Shown
from shared.lm.generate import Completion
from shared.prediction import find_failure, parse_completion

LetterProbabilities = tuple[float, float, float, float]


@dataclass(frozen=True)
class Answer:
    """A graded answer; docs/predictions.md says what each column of the record means."""

    row_id: str
    rotation: int
    decoding: str
    gold: str
    prompt_hash: str
    prompt_tokens: int
    text: str
    token_ids: tuple[int, ...]
    new_tokens: int
    ended: str
    cut_off: bool
    letter: str | None
    confidence: float | None
    reason: str | None
    is_json: bool
    is_schema: bool
    correct: bool
    problem: str | None
    failure: str | None
    letter_probabilities: LetterProbabilities | None
    letter_mass: float | None
    seconds: float
    subject_name: str | None
    question_words: int
    resembles_training: bool | None


def grade(shown: Shown, decoding: Decoding, prompt_ids: Sequence[int], completion: Completion) -> Answer:
    """Grade a completion exactly as the rewards of the same names do."""
    question, parsed = shown.question, parse_completion(completion.text)
    return Answer(
        row_id=question.id,
        rotation=shown.rotation,
        decoding=decoding,
        gold=question.letter,
        prompt_hash=hash_prompt(prompt_ids),
        prompt_tokens=len(prompt_ids),
        text=completion.text,
        token_ids=completion.token_ids,
        new_tokens=completion.new_tokens,
        ended=completion.ended,
        cut_off=completion.cut_off,
        letter=parsed.letter,
        confidence=parsed.prediction.confidence if parsed.prediction else None,
        reason=parsed.prediction.reason if parsed.prediction else None,
        is_json=parsed.is_json,
        is_schema=parsed.prediction is not None,
        correct=parsed.letter == question.letter,
        problem=parsed.problem,
        failure=find_failure(completion.text, completion.cut_off),
        letter_probabilities=completion.letter_probabilities,
        letter_mass=completion.letter_mass,
        seconds=completion.seconds,
        subject_name=question.subject_name,
        question_words=len(question.question.split()),
        resembles_training=shown.resembles_training,
    )


def hash_prompt(prompt_ids: Sequence[int]) -> str:
    """Hash the very tokens that the model read, written as a JSON array."""
    return f"sha256:{hashlib.sha256(json.dumps(list(prompt_ids)).encode()).hexdigest()}"
