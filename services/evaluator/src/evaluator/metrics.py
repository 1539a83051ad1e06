"""What a model's graded answers amount to. The four rates are defined as in the reference run."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from evaluator.answers import Answer
from shared.prediction import FAILURES
from shared.question import LETTERS

NO_LETTER = "none"


def measure(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the rates, the counts behind them, and how fast the model was."""
    rows, correct = len(answers), sum(answer.correct for answer in answers)
    valid_json, schema_pass = (
        sum(answer.is_json for answer in answers),
        sum(answer.is_schema for answer in answers),
    )
    correct_on_schema = sum(answer.correct and answer.is_schema for answer in answers)
    return {
        "accuracy": correct / rows,
        "valid_json_rate": valid_json / rows,
        "schema_pass_rate": schema_pass / rows,
        "accuracy_on_schema": correct_on_schema / schema_pass if schema_pass else None,
        "rows": rows,
        "correct": correct,
        "valid_json": valid_json,
        "schema_pass": schema_pass,
        "correct_on_schema": correct_on_schema,
        "cut_off": sum(answer.cut_off for answer in answers),
        "problems": count_problems(answers),
        "failures": count_failures(answers),
        "letters": count_letters(answers),
        **measure_speed(answers),
    }


def measure_speed(answers: Sequence[Answer]) -> dict[str, float]:
    """Return the length of the prompts and answers, and the time that generating the answers took."""
    rows, seconds = len(answers), sum(answer.seconds for answer in answers)
    tokens = sum(answer.new_tokens for answer in answers)
    return {
        "mean_prompt_tokens": sum(answer.prompt_tokens for answer in answers) / rows,
        "mean_new_tokens": tokens / rows,
        "seconds": seconds,
        "seconds_per_answer": seconds / rows,
        "tokens_per_second": tokens / seconds,
    }


def count_problems(answers: Sequence[Answer]) -> dict[str, int]:
    """Return why answers failed the schema, the commonest reason first."""
    return dict(Counter(answer.problem for answer in answers if answer.problem).most_common())


def count_failures(answers: Sequence[Answer]) -> dict[str, int]:
    """Return how many answers fail in which way, as `shared.prediction` names them; what did not occur is left out."""
    found = Counter(answer.failure for answer in answers)
    return {failure: found[failure] for failure in FAILURES if found[failure]}


def count_letters(answers: Sequence[Answer]) -> dict[str, int]:
    """Return how often each letter was given, and how often none could be read."""
    given = Counter(answer.letter or NO_LETTER for answer in answers)
    return {letter: given[letter] for letter in (*LETTERS, NO_LETTER)}


def find_majority(gold: Sequence[str]) -> str:
    """Return the commonest right letter, the first of equals."""
    return max(LETTERS, key=gold.count)


def measure_majority(gold: Sequence[str]) -> dict[str, Any]:
    """Return the commonest right letter and how often always giving it would be right."""
    letter = find_majority(gold)
    return {"majority_letter": letter, "majority_letter_rate": gold.count(letter) / len(gold)}


def measure_training_like(answers: Sequence[Answer]) -> dict[str, Any] | None:
    """Return the accuracy with and without the questions that resemble training rows; None where nobody looked."""
    if any(answer.resembles_training is None for answer in answers):
        return None
    unlike = [answer for answer in answers if not answer.resembles_training]
    return {
        "with": sum(answer.correct for answer in answers) / len(answers),
        "without": sum(answer.correct for answer in unlike) / len(unlike) if unlike else None,
        "rows": len(unlike),
    }
