import pytest
import torch
from transformers import TrainerState

from grpo_trainer.rollouts import RolloutRecorder, group_advantages, weighted_totals
from grpo_trainer.settings import GrpoSettings

RIGHT = '{"predicted_category": "A", "confidence": 0.9, "reason": "known"}'
WRONG = '{"predicted_category": "B", "confidence": 0.9, "reason": "known"}'
PROSE = "It is A."


def make_recorder(**changes):
    return RolloutRecorder(
        GrpoSettings(
            run_id="r",
            namespace="n",
            **({"prompts_per_step": 2, "num_generations": 2, "micro_batch_size": 4} | changes),
        )
    )


def judge(recorder, finished_steps, texts=(RIGHT, WRONG, PROSE, PROSE)):
    """Calls the rewards as TRL does."""
    return {
        function.__name__: function(
            prompts=[[{"role": "user", "content": "?"}]] * 4,
            completions=[[{"role": "assistant", "content": text}] for text in texts],
            completion_ids=[[1]] * 4,
            ground_truth=["A"] * 4,
            row_id=["q1", "q1", "q2", "q2"],
            trainer_state=TrainerState(global_step=finished_steps),
            log_extra=None,
            log_metric=None,
        )
        for function in recorder.reward_functions()
    }


def test_the_functions_are_those_of_the_settings_under_their_names():
    assert judge(make_recorder(), 0) == {
        "json": [1, 1, 0, 0],
        "schema": [1, 1, 0, 0],
        "accuracy": [1, 0, 0, 0],
    }
    assert judge(make_recorder(rewards=("accuracy",)), 0) == {"accuracy": [1, 0, 0, 0]}


def test_calibration_is_judged_with_the_others_and_weighed():
    recorder = make_recorder(rewards=("accuracy", "calibration"), reward_weights=(1.0, 0.5), rollout_groups=1)
    assert judge(recorder, 0)["calibration"] == pytest.approx([0.99, 0.19, 0, 0])
    assert [row["reward"] for row in recorder.rows] == pytest.approx([1.495, 0.095])


def test_a_rollout_says_what_was_said_and_what_it_earned():
    recorder = make_recorder(rollout_groups=1, reward_weights=(1.0, 1.0, 2.0))
    judge(recorder, 0)
    (first, second) = recorder.rows
    assert first.pop("advantage") == -second.pop("advantage") == pytest.approx(2**-0.5, abs=1e-3)
    assert [first, second] == [
        {
            "step": 1,
            "row_id": "q1",
            "completion": RIGHT,
            "rewards": {"json": 1, "schema": 1, "accuracy": 1},
            "reward": 4,
        },
        {
            "step": 1,
            "row_id": "q1",
            "completion": WRONG,
            "rewards": {"json": 1, "schema": 1, "accuracy": 0},
            "reward": 2,
        },
    ]


def test_rollouts_are_kept_from_the_first_step_and_every_logged_one():
    recorder = make_recorder(logging_steps=3, rollout_groups=1)
    for finished_steps in range(7):
        judge(recorder, finished_steps)
    assert [row["step"] for row in recorder.rows] == [1, 1, 3, 3, 6, 6]


def test_more_groups_than_there_are_keep_them_all_and_none_keeps_none():
    recorder = make_recorder(rollout_groups=9)
    judge(recorder, 0)
    assert [row["row_id"] for row in recorder.rows] == ["q1", "q1", "q2", "q2"]
    recorder = make_recorder(rollout_groups=0)
    judge(recorder, 0)
    assert recorder.rows == []


def test_an_advantage_is_measured_against_its_own_group():
    totals = weighted_totals({"json": [1, 1, 0, 0], "accuracy": [1, 0, 0, 0]}, [1.0, 0.5])
    assert totals.tolist() == [1.5, 1.0, 0.0, 0.0]
    assert group_advantages(totals, 2, "none").tolist() == [0.25, -0.25, 0.0, 0.0]
    deviation = totals.std().item() + 1e-4
    torch.testing.assert_close(
        group_advantages(totals, 2, "batch"), group_advantages(totals, 2, "none") / deviation
    )
