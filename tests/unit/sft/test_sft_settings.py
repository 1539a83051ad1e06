import pytest
from pydantic import ValidationError

from sft_trainer.settings import SftSettings
from shared.training import LoraSettings


def make_settings(**changes):
    return SftSettings(run_id="r", namespace="n", **changes)


def test_the_defaults_are_the_reference_run():
    settings = make_settings()
    assert settings.config() == {
        "max_steps": 800,
        "learning_rate": 2e-4,
        "lr_scheduler": "cosine",
        "warmup_fraction": 0.03,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "batch_size": 16,
        "micro_batch_size": 4,
        "max_length": 1024,
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


def test_a_micro_batch_that_does_not_divide_the_batch_is_refused_with_those_that_do():
    with pytest.raises(
        ValidationError, match="micro_batch_size 6 does not divide batch_size 64; use 4, 8 or 16"
    ):
        make_settings(batch_size=64, micro_batch_size=6)


def test_the_default_micro_batch_is_checked_against_a_given_batch():
    with pytest.raises(
        ValidationError, match="micro_batch_size 4 does not divide batch_size 6; use 2, 3 or 6"
    ):
        make_settings(batch_size=6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_steps", 0),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("warmup_fraction", 1),
        ("max_length", 0),
    ],
)
def test_values_out_of_bounds_are_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        make_settings(**{name: value})


def test_an_adapter_needs_a_target():
    with pytest.raises(ValidationError, match="target_modules"):
        LoraSettings(target_modules=())
