"""Where an answer may end early: wherever it does, no ending that could follow gives it another grade."""

import json
import random

import pytest

from shared.lm.greedy.ending import find_object_end, is_settled
from shared.prediction import parse_completion

GOOD = '{"predicted_category": "B", "confidence": 0.9, "reason": "a } and a \\" and {"}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD + " Indeed",
        GOOD + "}",
        GOOD + "\n\n\u00a0",
        GOOD + "\ufffd",
        " \n" + GOOD + GOOD,
        "{}x",
        '{"a": {"b": NaN}} then',
    ],
)
def test_text_after_the_object_settles_it(text):
    assert is_settled(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{", GOOD, GOOD[:-1], GOOD + "  \n\t\r", "The answer: " + GOOD + " x", "[1] 2", "7 8",
        '"{}" x', "{bad} x",
        "```json\n" + GOOD + "\n```", '{"a": "}', "{" * 100_000 + "}" * 100_000 + "x", '{"a": ' + "9" * 5000 + "} x",
    ],
)  # fmt: skip
def test_nothing_else_is_settled(text):
    assert not is_settled(text)


def test_the_end_is_that_of_the_outer_object():
    assert find_object_end(" " + GOOD + "}") == 1 + len(GOOD)


@pytest.mark.parametrize("seed", range(20))
def test_from_where_it_is_settled_on_no_continuation_changes_the_grade(seed):
    chance = random.Random(seed)
    pieces = [
        GOOD,
        "{",
        "}",
        '"',
        "\\",
        " ",
        "\n",
        "x",
        "{}",
        "\u00a0",
        "é",
        json.dumps({"a": [1, {"b": "}"}]}),
    ]
    settled = 0
    for _ in range(300):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 6)))
        if is_settled(text):
            settled += 1
            ending = "".join(chance.choices(pieces, k=chance.randint(0, 6)))
            assert parse_completion(text + ending) == parse_completion(text)
    assert settled > 10
