"""The answer's schema and the one parser that rewards and metrics share.

The reference run used `json.loads` and loose type checks. Deviations, each stricter:

- JSON is RFC 8259: `NaN`, `Infinity` and `-Infinity` are refused (Python accepts them).
- A key given twice makes the text invalid (RFC 8259 leaves it open; Python keeps the last one silently).
- `confidence` must be a JSON number: `true` and `false` are refused (in Python a bool is an int).
- A number too large for a double (`1e999`) is refused: it would be read as infinity.
- Text nested too deeply for the parser, or with an integer too long for it, counts as invalid JSON instead of
  raising out of the grader.
- A lone surrogate escape (`"\\ud800"`) is refused: such text cannot be stored as UTF-8.

As in the reference, keys beyond the three are allowed, whitespace around the JSON is allowed, and the letter counts
for accuracy when the text is a JSON object with a valid letter even if the rest of the schema fails.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Letter = Literal["A", "B", "C", "D"]
Failure = Literal[
    "empty",
    "think_block",
    "code_fence",
    "prose_before",
    "text_after",
    "cut_off",
    "broken_json",
    "not_object",
    "missing_key",
    "wrong_letter",
    "wrong_type",
    "confidence_out_of_range",
    "blank_reason",
]
# Every way to fail the schema, those of the text before those of its JSON.
FAILURES: tuple[Failure, ...] = get_args(Failure)
# What RFC 8259 allows around a value.
JSON_SPACE = " \t\n\r"


class Prediction(BaseModel):
    """A schema-valid answer. `confidence` is the model's stated probability, 0 to 1."""

    model_config = ConfigDict(frozen=True, strict=True)

    predicted_category: Letter
    confidence: float = Field(ge=0, le=1, allow_inf_nan=False)
    reason: str = Field(min_length=1)


@dataclass(frozen=True)
class ParsedCompletion:
    """What one completion amounts to.

    Attributes:
        is_json: the whole text is one RFC 8259 value.
        letter: the predicted letter, where the text is a JSON object that holds a valid one.
        prediction: the answer, where the whole schema holds.
        problem: why `prediction` is None, as a short, countable phrase.
    """

    is_json: bool
    letter: Letter | None
    prediction: Prediction | None
    problem: str | None


def parse_completion(text: str) -> ParsedCompletion:
    """Grade the form of one completion; never raises, whatever the text."""
    try:
        value = _load_strict_json(text)
    except (ValueError, RecursionError):
        return ParsedCompletion(is_json=False, letter=None, prediction=None, problem="not JSON")
    if not isinstance(value, dict):
        return ParsedCompletion(is_json=True, letter=None, prediction=None, problem="not an object")
    fault = _schema_fault(value)
    prediction = None if fault else Prediction(**{key: value[key] for key in Prediction.model_fields})
    problem = fault[1] if fault else None
    return ParsedCompletion(is_json=True, letter=_letter(value), prediction=prediction, problem=problem)


def find_failure(text: str, cut_off: bool = False) -> Failure | None:
    """Name why a completion fails the schema; None exactly where it holds.

    A think block, a code fence or prose is one that stands before or around the JSON, or in place of it.

    Args:
        text: the completion.
        cut_off: whether it ended at the limit of its length.
    """
    try:
        value = _load_strict_json(text)
    except (ValueError, RecursionError):
        return _find_text_failure(text.strip(JSON_SPACE), cut_off)
    if not isinstance(value, dict):
        return "not_object"
    fault = _schema_fault(value)
    return fault[0] if fault else None


def _find_text_failure(text: str, cut_off: bool) -> Failure:
    before = text.partition("{")[0]
    rules: dict[Failure, bool] = {
        "empty": not text,
        "think_block": re.search("</?think>", before) is not None,
        "code_fence": "```" in before or text.endswith("```"),
        "prose_before": not text.startswith(("{", "[")),
        "text_after": _goes_on_after_json(text),
        "cut_off": cut_off,
    }
    return next((failure for failure, fits in rules.items() if fits), "broken_json")


def _goes_on_after_json(text: str) -> bool:
    try:
        _, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return end < len(text)


def _load_strict_json(text: str) -> Any:
    value = _DECODER.decode(text)
    # Python decodes a lone surrogate escape to text that no UTF-8 file can hold.
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parse_finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is out of range")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a key is given twice")
    return unique


def _letter(value: dict[str, Any]) -> Letter | None:
    letter = value.get("predicted_category")
    return next((known for known in get_args(Letter) if known == letter), None)


def _schema_fault(value: dict[str, Any]) -> tuple[Failure, str] | None:
    """Return the first rule that an object breaks, by its kind and as a phrase."""
    missing = [key for key in Prediction.model_fields if key not in value]
    if missing:
        return "missing_key", f"no {missing[0]}"
    if _letter(value) is None:
        return "wrong_letter", "predicted_category not A-D"
    if not _is_number(value["confidence"]):
        return "wrong_type", "confidence not a number"
    if not 0 <= value["confidence"] <= 1:
        return "confidence_out_of_range", "confidence outside 0-1"
    if not isinstance(value["reason"], str):
        return "wrong_type", "reason blank or not text"
    return None if value["reason"].strip() else ("blank_reason", "reason blank or not text")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_parse_finite, object_pairs_hook=_unique_keys
)
