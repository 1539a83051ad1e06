"""What each model is asked, and what the splitter's near-duplicates say of it."""

import json

from models import make_question

from evaluator.data import EvalData, find_resembling
from evaluator.questions import plan_question_sets

DATA = EvalData(questions=[make_question(0), make_question(1)], training=[])


def describe(sets):
    return {
        asked.config: (asked.decoding, [(shown.question.id, shown.rotation) for shown in asked.shown])
        for asked in sets
    }


def test_by_default_the_eval_split_is_asked_once_and_freely():
    assert describe(plan_question_sets(DATA, "free", rotate=False)) == {
        "default": ("free", [("q0", 0), ("q1", 0)])
    }


def test_all_that_can_be_asked_is_asked_apart():
    data = EvalData(DATA.questions, [], calibration=[make_question(7)])
    asked = describe(plan_question_sets(data, "both", rotate=True))
    assert asked == {
        "default": ("free", [("q0", 0), ("q1", 0)]),
        "constrained": ("constrained", [("q0", 0), ("q1", 0)]),
        "rotated": ("free", [("q0", 1), ("q1", 1), ("q0", 2), ("q1", 2), ("q0", 3), ("q1", 3)]),
        "calibration": ("free", [("q7", 0)]),
    }


def test_where_only_the_grammar_is_wanted_everything_is_asked_within_it():
    data = EvalData(DATA.questions, [], calibration=[make_question(7)])
    asked = describe(plan_question_sets(data, "constrained", rotate=True))
    assert {config: decoding for config, (decoding, _) in asked.items()} == dict.fromkeys(
        ("default", "rotated", "calibration"), "constrained"
    )


def test_a_row_resembles_training_if_it_is_paired_with_a_row_of_sft_or_grpo():
    def pair(row_id, split, other_id, other_split):
        return json.dumps(
            {"row_id": row_id, "split": split, "other_id": other_id, "other_split": other_split}
        )

    resembling = find_resembling([
        pair("e1", "eval", "s1", "sft"), pair("g1", "grpo", "e2", "eval"),
        pair("c1", "calibration", "e3", "eval"), "",
    ])  # fmt: skip
    data = EvalData([make_question(number, id=f"e{number}") for number in (1, 2, 3)], [], [], resembling)
    (asked,) = plan_question_sets(data, "free", rotate=False)
    assert [shown.resembles_training for shown in asked.shown] == [True, True, False]


def test_where_the_splitter_did_not_look_nobody_knows():
    (asked,) = plan_question_sets(DATA, "free", rotate=False)
    assert [shown.resembles_training for shown in asked.shown] == [None, None]
