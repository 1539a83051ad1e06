import pytest

from grpo_trainer.diagnosis import describe, has_preamble, quote_samples
from shared.question import LETTERS

THOUGHT = '<think>\n\n</think>\n\n{"predicted_category": "B"}'
ANSWERS = [
    f'{{"predicted_category": "{letter}", "confidence": 0.9, "reason": "known"}}' for letter in LETTERS
]


def test_completions_that_think_name_the_prompt_as_the_cause():
    assert describe([THOUGHT] * 8) == (
        'all 8 completions begin with \'<think>\\n\\n</think>\\n\\n{"predicted_category": "B"}\': the model was taught '
        "behind another prompt than it is asked with. Turn thinking off in both (shared.lm.chat) and redo SFT: "
        "make sft FORCE=1."
    )


def test_completions_that_are_no_json_are_quoted_with_the_reason():
    assert describe(["The answer is B.", "The answer may be C.", "B, of course"]) == (
        "2 of 3 completions begin with 'The answer '; 3 of 3 fail with: not JSON. "
        "Train SFT longer, until it answers in JSON."
    )


def test_completions_that_talk_before_the_json_are_told_so():
    assert describe([f"Sure! {answer}" for answer in ANSWERS]) == (
        'all 4 completions begin with \'Sure! {"predicted_category": "\'; 4 of 4 put text before the JSON. '
        "Train SFT longer, until it answers with the JSON alone."
    )


def test_completions_that_are_all_well_formed_call_for_more_variety():
    assert describe(ANSWERS) == (
        'all 4 completions begin with \'{"predicted_category": "\'. '
        "Raise temperature or num_generations, so that answers to one question differ."
    )


def test_a_long_beginning_is_cut():
    assert describe(["x" * 500, "x" * 400]).startswith(f"all 2 completions begin with '{'x' * 80}'; 2 of 2")


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (THOUGHT, True),
        ("<think>\nLet me see", True),
        (f"Sure! {ANSWERS[0]}", True),
        (f"```json\n{ANSWERS[0]}\n```", True),
        (ANSWERS[0], False),
        (f" \n{ANSWERS[0]}", False),
        (f"{ANSWERS[0]} That is it.", False),
        ("It is B.", False),
        ("{{{", False),
        ("the set {A}", False),
        ("", False),
        ('a {"b": ' + "[" * 100_000, False),
    ],
)
def test_a_preamble_is_a_thought_or_text_before_json(completion, expected):
    assert has_preamble(completion) is expected


def test_samples_are_different_short_and_on_a_line_each():
    texts = ["first\x1b[2J\n"] * 5 + ["x" * 500] + ["third", "fourth", "fifth"]
    assert quote_samples(texts) == f"  'first\\x1b[2J\\n'\n  '{'x' * 160}…'\n  'fourth'"


def test_there_may_be_fewer_samples_than_wanted():
    assert quote_samples(["only this"] * 4) == "  'only this'"
