import pytest
from pydantic import ValidationError

from grpo_trainer.settings import GrpoSettings


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
        "guard_steps": 10,
        "rollout_groups": 2,
        "gradient_checkpointing": True,
        "precision": "auto",
        "logging_steps": 10,
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
        ({"rewards": ("jsn",)}, "there is no reward jsn; choose from json, schema, accuracy"),
        ({"rewards": ("json", "json")}, "a reward is named twice; give it a weight instead"),
        ({"reward_weights": (1.0,)}, "1 weights for 3 rewards; give one for each, or none"),
        ({"num_generations": 1}, "greater than or equal to 2"),
        ({"rewards": ()}, "at least 1 item"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(changes, message):
    with pytest.raises(ValidationError) as raised:
        make_settings(**changes)
    assert message in str(raised.value)


def test_each_reward_can_have_its_weight():
    settings = make_settings(rewards=("accuracy", "json"), reward_weights=(2.0, 0.5))
    assert settings.weights == [2.0, 0.5]
