import pytest
import torch

from grpo_trainer.guard import RewardGuard, describe
from shared.errors import GuardTripped
from shared.question import LETTERS

THOUGHT = '<think>\n\n</think>\n\n{"predicted_category": "B"}'
ANSWERS = [
    f'{{"predicted_category": "{letter}", "confidence": 0.9, "reason": "known"}}' for letter in LETTERS
]


def rewards(*groups):
    return torch.tensor(groups, dtype=torch.float64)


def test_rewards_that_are_all_zero_stop_the_training_after_the_watched_steps():
    guard = RewardGuard(2)
    guard.check([THOUGHT] * 4, rewards([0, 0], [0, 0]))
    with pytest.raises(GuardTripped) as raised:
        guard.check([THOUGHT] * 4, rewards([0, 0], [0, 0]))
    assert str(raised.value) == (
        "In the first 2 steps every reward was 0: all 8 completions begin with "
        '\'<think>\\n\\n</think>\\n\\n{"predicted_category": "B"}\': the model was taught behind another prompt than '
        "it is asked with. Turn thinking off in both (shared.lm.chat) and redo SFT: make sft FORCE=1."
    )


def test_groups_whose_rewards_are_equal_stop_it_too_even_if_the_groups_differ():
    with pytest.raises(
        GuardTripped, match="In the first 1 steps all 2 completions of each prompt earned the same"
    ):
        RewardGuard(1).check(ANSWERS, rewards([3, 3], [2, 2]))


def test_one_group_with_different_rewards_lets_the_training_go_on_for_good():
    guard = RewardGuard(2)
    guard.check(ANSWERS, rewards([0, 0], [0, 1]))
    for _ in range(5):
        guard.check(ANSWERS, rewards([0, 0], [0, 0]))


def test_a_guard_of_no_steps_never_stops():
    RewardGuard(0).check(ANSWERS, rewards([0, 0], [0, 0]))


def test_completions_that_are_no_json_are_quoted_with_the_reason():
    assert describe(["The answer is B.", "The answer may be C.", "B, of course"]) == (
        "2 of 3 completions begin with 'The answer '; 3 of 3 fail with: not JSON. "
        "Train SFT longer, until it answers in JSON."
    )


def test_completions_that_are_all_well_formed_call_for_more_variety():
    assert describe(ANSWERS) == (
        'all 4 completions begin with \'{"predicted_category": "\'. '
        "Raise temperature or num_generations, so that answers to one question differ."
    )


def test_a_long_beginning_is_cut():
    assert describe(["x" * 500, "x" * 400]).startswith(f"all 2 completions begin with '{'x' * 80}'; 2 of 2")
