import math

import pytest
from pydantic import ValidationError

from grpo_trainer.settings import GrpoGuardSettings, GrpoSettings
from shared.settings import load_settings
from shared.training import ValidationSettings


def make_settings(**changes):
    return GrpoSettings(run_id="r", namespace="n", **changes)


def test_the_defaults_are_the_reference_run_as_it_was_meant():
    settings = make_settings()
    assert settings.config() == {
        "max_steps": 400,
        "learning_rate": 5e-6,
        "lr_scheduler": "linear",
        "warmup_fraction": 0.0,
        "max_grad_norm": 1.0,
        "prompts_per_step": 8,
        "num_generations": 4,
        "micro_batch_size": 8,
        "max_completion_length": 256,
        "temperature": 1.0,
        "clip_epsilon": 0.2,
        "beta": 0.0,
        "scale_rewards": "group",
        "rewards": ["json", "schema", "accuracy"],
        "reward_weights": [],
        "rollout_groups": 2,
        "guard": {
            "preflight_prompts": 8,
            "max_preamble": 0.5,
            "window": 10,
            "max_zero_std": 0.99,
            "max_reward_drop": 0.3,
            "min_entropy": 0.001,
            "max_entropy": 3.0,
            "max_kl": 5.0,
            "max_clipped": 0.9,
        },
        "gradient_checkpointing": "auto",
        "precision": "auto",
        "logging_steps": 10,
        "checkpoint_minutes": 10.0,
        "report_to": [],
        "validation": ValidationSettings().model_dump(),
        "lora": {
            "rank": 16,
            "alpha": 32,
            "dropout": 0.05,
            "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
        },
    }
    assert (settings.completions_per_step, settings.weights) == (32, [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"micro_batch_size": 6},
            "micro_batch_size 6 does not divide prompts_per_step 8 × num_generations 4 = 32; use 4, 8 or 16",
        ),
        (
            {"prompts_per_step": 3},
            "micro_batch_size 8 does not divide prompts_per_step 3 × num_generations 4 = 12; use 4, 6 or 12",
        ),
        ({"rewards": ("jsn",)}, "there is no reward jsn; choose from json, schema, accuracy, calibration"),
        ({"rewards": ("json", "json")}, "a reward is named twice; give it a weight instead"),
        ({"reward_weights": (1.0,)}, "1 weights for 3 rewards; give one for each, or none"),
        ({"reward_weights": (0.0, -1.0, 0.0)}, "no reward weighs more than 0, so that none can be earned"),
        ({"reward_weights": (1.0, 1.0, math.nan)}, "Input should be a finite number"),
        (
            {"rewards": ("accuracy", "calibration"), "reward_weights": (1.0, 1.5)},
            "calibration weighs 1.5 and accuracy 1: an answer that is surely wrong, and says so, would earn more than",
        ),
        ({"rewards": ("schema", "calibration")}, "calibration weighs 1 and accuracy 0"),
        ({"num_generations": 1}, "greater than or equal to 2"),
        ({"rewards": ()}, "at least 1 item"),
        ({"guard": {"max_zero_std": 1.1}}, "less than or equal to 1"),
        ({"guard": {"window": 1}}, "greater than or equal to 2"),
        ({"guard": {"max_zero_sdt": 0.9}}, "Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(changes, message):
    with pytest.raises(ValidationError) as raised:
        make_settings(**changes)
    assert message in str(raised.value)


def test_each_reward_can_have_its_weight():
    settings = make_settings(rewards=("accuracy", "json"), reward_weights=(2.0, 0.5))
    assert (settings.weights, settings.highest_reward) == ([2.0, 0.5], 2.5)


def test_calibration_may_weigh_as_much_as_accuracy():
    settings = make_settings(rewards=("json", "schema", "accuracy", "calibration"))
    assert (settings.weights, settings.highest_reward) == ([1.0] * 4, 4.0)


def test_a_penalty_is_not_part_of_the_highest_reward():
    assert make_settings(rewards=("accuracy", "json"), reward_weights=(1.0, -1.0)).highest_reward == 1.0


def test_a_threshold_can_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("GRPO_GUARD__MAX_ZERO_STD", "0.8")
    loaded = load_settings(GrpoSettings, ["--run-id", "r", "--namespace", "n", "--guard.window", "5"])
    assert loaded.settings.guard == GrpoGuardSettings(max_zero_std=0.8, window=5)
    assert loaded.sources["guard.max_zero_std"] == "environment"
