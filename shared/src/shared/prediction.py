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
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Letter = Literal["A", "B", "C", "D"]


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
    problem = _schema_problem(value)
    prediction = None if problem else Prediction(**{key: value[key] for key in Prediction.model_fields})
    return ParsedCompletion(is_json=True, letter=_letter(value), prediction=prediction, problem=problem)


def _load_strict_json(text: str) -> Any:
    value = json.loads(
        text, parse_constant=_refuse_constant, parse_float=_parse_finite, object_pairs_hook=_unique_keys
    )
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


def _schema_problem(value: dict[str, Any]) -> str | None:
    missing = [key for key in Prediction.model_fields if key not in value]
    if missing:
        return f"no {missing[0]}"
    if _letter(value) is None:
        return "predicted_category not A-D"
    confidence = value["confidence"]
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        return "confidence not a number"
    if not 0 <= confidence <= 1:
        return "confidence outside 0-1"
    if not isinstance(value["reason"], str) or not value["reason"].strip():
        return "reason blank or not text"
    return None
