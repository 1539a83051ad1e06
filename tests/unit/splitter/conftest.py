"""Questions as a source dataset has them."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.question import COLUMNS

Row = dict[str, Any]


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
