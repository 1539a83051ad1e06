"""In which ways answers fail the schema."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reporter.findings import Finding, percent
from reporter.predictions import Answer
from reporter.scores import MODEL_LABELS, Score
from shared.prediction import FAILURES, find_failure

MEANINGS = {
    "empty": "nothing at all",
    "think_block": "a think block before or in place of the JSON",
    "code_fence": "JSON in a code fence",
    "prose_before": "prose before or in place of the JSON",
    "text_after": "more text after the JSON",
    "cut_off": "cut off at the limit of tokens",
    "broken_json": "JSON that does not parse",
    "not_object": "JSON that is no object",
    "missing_key": "a key is missing",
    "wrong_letter": "a letter other than A, B, C or D",
    "wrong_type": "a value of the wrong type",
    "confidence_out_of_range": "a confidence outside 0 to 1",
    "blank_reason": "a blank reason",
}


@dataclass(frozen=True)
class FailureRow:
    """One way to fail, and how many of each model's answers do."""

    kind: str
    meaning: str
    counts: dict[str, Score]


def count_failures(answers: Mapping[str, Sequence[Answer]]) -> list[FailureRow]:
    """Return every way in which any answer failed, in the taxonomy's order."""
    counts = {model: Counter(map(_kind, rows)) for model, rows in answers.items() if rows}
    kinds = [kind for kind in FAILURES if any(found[kind] for found in counts.values())]
    return [
        FailureRow(
            kind,
            MEANINGS.get(kind, kind.replace("_", " ")),
            {model: Score(found[kind], len(answers[model])) for model, found in counts.items()},
        )
        for kind in kinds
    ]


def describe_failures(failures: Sequence[FailureRow]) -> Finding | None:
    """Name the commonest way to fail of every model that fails at all."""
    worst = {
        model: max(failures, key=lambda row: row.counts[model].successes)
        for model in (failures[0].counts if failures else ())
    }
    parts = [
        f"{MODEL_LABELS[model]} {row.meaning} ({percent(row.counts[model].rate)})"
        for model, row in worst.items()
        if row.counts[model].successes
    ]
    return Finding("neutral", f"The commonest way to fail the schema: {'; '.join(parts)}.") if parts else None


def _kind(answer: Answer) -> str | None:
    """Return the evaluator's kind, or the same of an answer that an earlier version recorded without one."""
    if answer.is_schema:
        return None
    return answer.failure or find_failure(answer.text, cut_off=bool(answer.cut_off))
