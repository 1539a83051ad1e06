"""Every answer of the evaluation, as the data in which the page's script filters and searches."""

import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reporter.predictions import MODELS, Answer
from reporter.scores import MODEL_LABELS
from shared.question import Question

MAX_BYTES = 6_000_000
"""What the page embeds at most, as JSON: a phone opens it, and 2,000 questions of three models usually take half."""
MAX_TEXT = 1500
"""Characters of a question, an option or an answer that are shown; a longer one is cut and says so."""


@dataclass(frozen=True)
class Browser:
    """The questions that the page lets a reader look through, each with every model's answer.

    Attributes:
        data: what the script reads; `{"models": …, "questions": …}`, JSON values only.
        models: key and label of each model, in the pipeline's order.
        kinds: how many of the embedded answers fail the schema in each way, the commonest first.
        subjects: the subjects of the embedded questions, by name.
        embedded: how many questions are embedded.
        total: how many were evaluated.
    """

    data: dict[str, Any]
    models: list[tuple[str, str]]
    kinds: list[tuple[str, int]]
    subjects: list[str]
    embedded: int
    total: int


def collect_browser(
    answers: Mapping[str, Sequence[Answer]],
    questions: Mapping[str, Question],
    seed: int,
    max_bytes: int = MAX_BYTES,
) -> Browser:
    """Return as many questions as `max_bytes` of JSON hold, those first that a model got wrong.

    Whole questions are left out, never one model's answer, so that the models can be compared on each. Which ones
    is drawn by the run's seed.
    """
    models = [(model, MODEL_LABELS[model]) for model in MODELS if answers.get(model)]
    by_row = _by_question({model: answers[model] for model, _ in models})
    entries = [_entry(row_id, given, questions.get(row_id)) for row_id, given in by_row.items()]
    kept = _within(entries, seed, max_bytes)
    failures = Counter(
        answer["kind"] for entry in kept for answer in entry["answers"].values() if "kind" in answer
    )
    return Browser(
        data={"models": models, "questions": kept},
        models=models,
        kinds=sorted(failures.items(), key=lambda item: (-item[1], item[0])),
        subjects=sorted({entry["subject"] for entry in kept if "subject" in entry}),
        embedded=len(kept),
        total=len(entries),
    )


def clip(text: str) -> str:
    """Return a text cut to what the page shows of it, with how much was cut."""
    left_out = len(text) - MAX_TEXT
    return text if left_out <= 0 else f"{text[:MAX_TEXT]} … ({left_out:,} more characters)"


def _by_question(answers: Mapping[str, Sequence[Answer]]) -> dict[str, dict[str, Answer]]:
    by_row: dict[str, dict[str, Answer]] = {}
    for model, rows in answers.items():
        for answer in rows:
            by_row.setdefault(answer.row_id, {})[model] = answer
    return by_row


def _entry(row_id: str, given: Mapping[str, Answer], question: Question | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": row_id,
        "gold": next(iter(given.values())).gold,
        "answers": {model: _answer(answer) for model, answer in given.items()},
    }
    if question is not None:
        entry |= {"text": clip(question.question), "options": [clip(option) for option in question.options]}
    subject = question.subject_name if question else None
    return entry | ({"subject": clip(subject)} if subject else {})


def _answer(answer: Answer) -> dict[str, Any]:
    """Return one answer; what it lacks is left out, for the size of the page."""
    # Runs of earlier versions have no kind of failure, only the reason in words.
    kind = None if answer.is_schema else answer.failure or answer.problem
    probabilities = answer.letter_probabilities
    values = {
        "text": clip(answer.text),
        "letter": answer.letter,
        "kind": clip(kind) if kind else None,
        "confidence": _rounded(answer.confidence),
        "probabilities": [_rounded(value) for value in probabilities] if probabilities else None,
        "right": answer.correct or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 3)


def _within(entries: list[dict[str, Any]], seed: int, max_bytes: int) -> list[dict[str, Any]]:
    """Return the entries that fit, in their own order."""
    sizes = {entry["id"]: len(json.dumps(entry, separators=(",", ":"))) + 1 for entry in entries}
    if sum(sizes.values()) <= max_bytes:
        return entries
    kept, room = set(), max_bytes
    for entry in sorted(entries, key=lambda entry: (_all_right(entry), _lot(seed, entry["id"]))):
        room -= sizes[entry["id"]]
        if room < 0:
            break
        kept.add(entry["id"])
    return [entry for entry in entries if entry["id"] in kept]


def _all_right(entry: Mapping[str, Any]) -> bool:
    return all("right" in answer and "kind" not in answer for answer in entry["answers"].values())


def _lot(seed: int, row_id: str) -> float:
    return random.Random(f"{seed}-{row_id}").random()
