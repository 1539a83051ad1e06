import pytest
from pydantic import ValidationError

from sft_trainer.settings import SftGuardSettings, SftSettings
from shared.settings import load_settings
from shared.training import LoraSettings, ValidationSettings


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
        "confidences": [0.95],
        "guard": {"max_cut_share": 0.5, "window": 10, "max_loss_rise": 1.5, "loss_floor": 0.5},
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


def test_a_micro_batch_that_does_not_divide_the_batch_is_refused_with_those_that_do():
    with pytest.raises(
        ValidationError, match="micro_batch_size 6 does not divide batch_size 64; use 4, 8 or 16"
    ):
        make_settings(batch_size=64, micro_batch_size=6)


@pytest.mark.parametrize("confidences", [(), (0.5, 1.01), (-0.1,)])
def test_a_confidence_that_is_no_probability_is_refused(confidences):
    with pytest.raises(ValidationError, match="confidences"):
        make_settings(confidences=confidences)


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
        ("guard", {"max_cut_share": 1.5}),
    ],
)
def test_values_out_of_bounds_are_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        make_settings(**{name: value})


def test_an_adapter_needs_a_target():
    with pytest.raises(ValidationError, match="target_modules"):
        LoraSettings(target_modules=())


def test_a_rise_to_less_than_the_lowest_is_refused():
    with pytest.raises(
        ValidationError, match=r"0\.9 times the lowest loss is no rise; use more than 1, or 0 for never"
    ):
        make_settings(guard={"max_loss_rise": 0.9})


def test_a_threshold_can_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SFT_GUARD__MAX_LOSS_RISE", "2")
    loaded = load_settings(SftSettings, ["--run-id", "r", "--namespace", "n", "--guard.max-cut-share", "0.1"])
    assert loaded.settings.guard == SftGuardSettings(max_loss_rise=2, max_cut_share=0.1)
