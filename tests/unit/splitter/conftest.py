"""Questions as a source dataset has them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.question import COLUMNS

Row = dict[str, Any]
REAL_ROWS = Path(__file__).parents[3].parent / "shared/data/medmcqa/rows.jsonl"


@pytest.fixture(scope="session")
def make_row() -> Callable[..., Row]:
    """Make a usable row; a keyword replaces a column."""

    def make(number: int, **columns: Any) -> Row:
        row = {
            "id": f"q{number}", "question": f"Which nerve is number {number}?", "opa": "Ulnar", "opb": " Radial",
            "opc": "Median ", "opd": "N/A", "cop": number % 4, "choice_type": "single",
            "exp": None if number % 2 else "Because.", "subject_name": "Anatomy", "topic_name": None,
        }  # fmt: skip
        assert list(row) == list(COLUMNS)
        return row | columns

    return make


@pytest.fixture(scope="session")
def real_rows() -> list[Row]:
    """Real rows of MedMCQA."""
    if not REAL_ROWS.exists():
        pytest.skip(f"no real MedMCQA rows in {REAL_ROWS}")
    return [json.loads(line) for line in REAL_ROWS.read_text().splitlines()]
