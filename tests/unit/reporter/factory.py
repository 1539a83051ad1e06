"""Questions, answers and metrics as the evaluator leaves them, with every column of today's version."""

import functools
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from reporter.predictions import Answer, Answers, BaselineAnswer, Predictions
from shared.prediction import find_failure, parse_completion
from shared.question import LETTERS, Question
from shared.statistics.thresholds import choose_threshold

ROWS = 400
CALIBRATION_ROWS = 200
STEMS = (
    ("Which vitamin's lack causes scurvy?", ("Vitamin C", "Vitamin A", "Vitamin D", "Vitamin K"), "Biochemistry"),
    ("Wrist drop follows an injury of which nerve?", ("Ulnar", "Radial", "Median", "Axillary"), "Anatomy"),
    ("The antidote of paracetamol is", ("Naloxone", "Atropine", "N-acetylcysteine", "Flumazenil"), "Pharmacology"),
    ("Koplik's spots are seen in", ("Mumps", "Rubella", "Varicella", "Measles"), "Paediatrics"),
)  # fmt: skip
RARE_SUBJECT, RARE_EVERY = "Psychiatry", 41
PREAMBLES = (
    "",
    "In an adult:",
    "A woman of 34 comes with a fever of two days.",
    "A man of 61 with diabetes for twenty years is seen in the emergency room after a fall at home, pale and in pain.",
)
WANTED_ERROR_RATE, FAILURE_PROBABILITY = 0.4, 0.1


def make_questions(count: int = ROWS, prefix: str = "q") -> dict[str, Question]:
    """Questions whose right letters are skewed as in the real data, and whose length differs."""
    chance = random.Random(7)
    return {f"{prefix}{index:04}": _question(index, prefix, chance) for index in range(count)}


def _question(index: int, prefix: str, chance: random.Random) -> Question:
    stem, options, subject = STEMS[index % len(STEMS)]
    text = f"{PREAMBLES[index // 5 % len(PREAMBLES)]} {stem} (case {index})".strip()
    return Question(
        id=f"{prefix}{index:04}", question=text, cop=chance.choices(range(4), (32, 26, 22, 20))[0],
        subject_name=subject if index % RARE_EVERY else RARE_SUBJECT,
        **dict(zip(("opa", "opb", "opc", "opd"), options, strict=True)),
    )  # fmt: skip


def make_answers(
    questions: dict[str, Question],
    accuracy: float,
    json_rate: float,
    schema_rate: float,
    seed: int,
    *,
    is_certain: bool = True,
    rotation: int = 0,
) -> list[Answer]:
    """Answers graded by the project's own parser, right about as often as asked.

    Args:
        is_certain: always states the same confidence, as SFT teaches; otherwise one that knows a little.
    """
    chance, extra = random.Random(seed), random.Random(f"extra {seed}")
    return [
        _answer(question, chance, extra, (accuracy, json_rate, schema_rate), is_certain, rotation)
        for question in questions.values()
    ]


def _answer(
    question: Question,
    chance: random.Random,
    extra: random.Random,
    rates: tuple[float, float, float],
    is_certain: bool,
    rotation: int,
) -> Answer:
    accuracy, json_rate, schema_rate = rates
    gold = LETTERS[(question.cop + rotation) % 4]
    wrong = [letter for letter in LETTERS if letter != gold]
    letter = gold if chance.random() < accuracy else chance.choice(wrong)
    probabilities = _probabilities(letter, letter == gold, extra)
    stated = 0.95 if is_certain else round(min(1.0, 0.3 + 0.7 * max(probabilities)), 2)
    body: dict[str, Any] = {"predicted_category": letter, "confidence": stated}
    if chance.random() < schema_rate:
        body["reason"] = f"{question.options[LETTERS.index(letter) - rotation]} is the classical association."
    text = json.dumps(body)
    text = text if chance.random() < json_rate else _spoil(text, letter, extra)
    parsed = parse_completion(text)
    return Answer(
        row_id=question.id, gold=gold, text=text, letter=parsed.letter, is_json=parsed.is_json,
        is_schema=parsed.prediction is not None, correct=parsed.letter == gold, problem=parsed.problem,
        failure=find_failure(text),
        confidence=parsed.prediction.confidence if parsed.prediction else None,
        reason=parsed.prediction.reason if parsed.prediction else None,
        letter_probabilities=probabilities if parsed.letter else None,
        letter_mass=extra.uniform(0.9, 1.0) if parsed.letter else None,
        prompt_tokens=180 + len(question.question) // 4, new_tokens=len(text) // 3, ended="stop", cut_off=False,
        seconds=0.02 + len(text) / 4000, subject_name=question.subject_name,
        question_words=len(question.question.split()), resembles_training=extra.random() < 0.06, rotation=rotation,
    )  # fmt: skip


def _probabilities(letter: str, is_right: bool, extra: random.Random) -> tuple[float, ...]:
    """Four probabilities of which the given letter's is the highest, and higher where it is right."""
    top = 0.3 + 0.69 * extra.betavariate(4 if is_right else 1.5, 2)
    others = [extra.random() + 0.3 for _ in range(3)]
    rest = iter((1 - top) * other / sum(others) for other in others)
    return tuple(top if letter == each else next(rest) for each in LETTERS)


def _spoil(text: str, letter: str, extra: random.Random) -> str:
    kinds = (
        f"The answer is {letter}, because {text[:-9]}",
        f"<think>\nIt could be {letter}.\n</think>\n{text}",
        f"```json\n{text}\n```",
        text[:-9],
    )
    return extra.choices(kinds, (5, 2, 2, 1))[0]


def make_baseline(questions: dict[str, Question], accuracy: float = 0.31) -> list[BaselineAnswer]:
    """A bag-of-words classifier that knows a little."""
    chance = random.Random("bag of words")
    right = {row_id: chance.random() < accuracy for row_id in questions}
    return [
        BaselineAnswer(
            row_id, question.letter if right[row_id] else LETTERS[question.cop - 1], correct=right[row_id]
        )
        for row_id, question in questions.items()
    ]


@functools.cache
def make_predictions() -> Predictions:
    """A whole run's predictions: free and constrained, rotated, on the calibration split, and the baseline's."""
    questions, calibration = make_questions(), make_questions(CALIBRATION_ROWS, "c")
    rotated = {
        model: [answer for rotation in (1, 2, 3) for answer in make(questions, rotation)]
        for model, make in {name: _rotating(name) for name in MODEL_RATES}.items()
    }
    return Predictions(
        answers={name: _ask(name, questions) for name in MODEL_RATES},
        constrained={name: _ask(name, questions, json_rate=1.0, schema_rate=1.0) for name in MODEL_RATES},
        rotated=rotated,
        calibration={name: _ask(name, calibration) for name in MODEL_RATES},
        bag_of_words=make_baseline(questions),
    )


# Accuracy, valid JSON, schema, seed, and whether it always states the same confidence.
MODEL_RATES: dict[str, tuple[float, float, float, int, bool]] = {
    "base": (0.29, 0.985, 0.955, 11, False),
    "sft": (0.42, 0.99, 0.985, 12, True),
    "grpo": (0.48, 0.995, 0.99, 13, False),
}


def _ask(name: str, questions: dict[str, Question], **changed: Any) -> list[Answer]:
    accuracy, json_rate, schema_rate, seed, is_certain = MODEL_RATES[name]
    rates = {"json_rate": json_rate, "schema_rate": schema_rate, "seed": seed} | changed
    return make_answers(questions, accuracy, is_certain=is_certain, **rates)


def _rotating(name: str) -> Callable[[dict[str, Question], int], list[Answer]]:
    return lambda questions, rotation: _ask(name, questions, rotation=rotation, seed=rotation)


def eval_metrics(predictions: Predictions) -> dict[str, Any]:
    """What the evaluator records of all predictions."""
    answers = predictions.answers
    gold = [answer.gold for answer in next(iter(answers.values()))]
    letter = max(LETTERS, key=gold.count)
    share = gold.count(letter) / len(gold)
    metrics: dict[str, Any] = {
        "models": {model: _rates(rows) for model, rows in answers.items()},
        "majority_letter": letter,
        "majority_letter_rate": share,
        "baselines": {"random": 0.25, "training_majority": {"letter": letter, "accuracy": share}},
        "constrained": {model: _rates(rows) for model, rows in predictions.constrained.items()},
        "calibration": {model: _rates(rows) for model, rows in predictions.calibration.items()},
        "rotated": {model: _rotation(rows) for model, rows in predictions.rotated.items()},
    }
    if predictions.bag_of_words:
        right = sum(answer.correct for answer in predictions.bag_of_words)
        rows = len(predictions.bag_of_words)
        metrics["baselines"]["bag_of_words"] = {"accuracy": right / rows, "rows": rows}
    if predictions.calibration:
        metrics["confidence"] = {
            model: _confidence(rows, predictions.calibration[model]) for model, rows in answers.items()
        }
    return metrics


def _rates(rows: Sequence[Answer]) -> dict[str, Any]:
    correct, passed = sum(row.correct for row in rows), sum(row.is_schema for row in rows)
    both = sum(row.correct and row.is_schema for row in rows)
    return {
        "accuracy": correct / len(rows), "valid_json_rate": sum(row.is_json for row in rows) / len(rows),
        "schema_pass_rate": passed / len(rows), "accuracy_on_schema": both / passed if passed else None,
        "rows": len(rows), "correct": correct,
    }  # fmt: skip


def _rotation(rows: Sequence[Answer]) -> dict[str, Any]:
    by_rotation = {
        str(rotation): [row.correct for row in rows if row.rotation == rotation] for rotation in (1, 2, 3)
    }
    return {
        "rows": len(rows) // 3, "consistency": 0.41, "debiased_accuracy": 0.45,
        "accuracy_by_rotation": {key: sum(right) / len(right) for key, right in by_rotation.items()},
    }  # fmt: skip


def _confidence(rows: Sequence[Answer], calibration: Sequence[Answer]) -> dict[str, Any]:
    """The letter's probability carries a threshold where the calibration split shows one, a stated confidence none."""
    wanted = {"error_rate": WANTED_ERROR_RATE, "failure_probability": FAILURE_PROBABILITY}
    none: dict[str, Any] = {"threshold": None, "coverage": 0.0, "selective_error": None}
    return {
        "stated": {"temperature": 1.9, **wanted, **none},
        "probability": {"temperature": 1.3, **wanted, **none, **_automate(rows, calibration)},
    }


def _automate(rows: Sequence[Answer], calibration: Sequence[Answer]) -> dict[str, Any]:
    surest = [(max(row.letter_probabilities), row.correct) for row in calibration if row.letter_probabilities]
    found = choose_threshold(*zip(*surest, strict=True), WANTED_ERROR_RATE, FAILURE_PROBABILITY)
    if found is None:
        return {}
    given = [row for row in rows if row.letter_probabilities]
    chosen = [row for row in given if max(row.letter_probabilities) >= found.threshold]
    wrong = sum(not row.correct for row in chosen)
    share = wrong / len(chosen) if chosen else None
    return {"threshold": found.threshold, "coverage": len(chosen) / len(rows), "selective_error": share}


def only_answers(answers: Answers) -> Predictions:
    """Predictions as an earlier version left them: nothing but the evaluation's own answers."""
    return Predictions(answers=answers)
