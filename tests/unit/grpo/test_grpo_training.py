"""GRPO as the phase builds it, on a tiny model that SFT has taught; and as the reference run built it."""

import pytest
import torch
from models import make_job, make_question, train_here
from trl import GRPOConfig, GRPOTrainer

from grpo_trainer.guard import build_guard
from grpo_trainer.preflight import check_rollouts
from grpo_trainer.rollouts import RolloutRecorder, group_advantages
from grpo_trainer.settings import GrpoSettings
from grpo_trainer.train import build_prompts, build_trainer, describe_objective
from shared.errors import GuardTripped
from shared.lm.adapters import build_lora_config, weight_fingerprint
from shared.lm.trainer import prepare_libraries, trainer_arguments
from shared.prompts import build_messages

QUESTIONS = [make_question(number) for number in range(8)]


def make_settings(**changes):
    return GrpoSettings(
        run_id="r",
        namespace="n",
        **(
            {
                "max_steps": 3,
                "learning_rate": 1e-3,
                "prompts_per_step": 4,
                "micro_batch_size": 16,
                "max_completion_length": 48,
                "temperature": 0.7,
                "gradient_checkpointing": "off",
                "logging_steps": 1,
                "rollout_groups": 4,
            }
            | changes
        ),
    )


def build_here(chat, folder, settings):
    prepare_libraries(0)
    model, tokenizer = chat.load()
    job, recorder = make_job("grpo", settings, folder), RolloutRecorder(settings)
    return build_trainer(job, model, tokenizer, build_prompts(tokenizer, QUESTIONS), recorder), job, recorder


def build_as_the_reference(chat, folder, settings):
    """The reference's trainer: the same model, questions and rewards, and thinking left at its default."""
    prepare_libraries(0)
    model, tokenizer = chat.load()
    job, recorder = make_job("grpo", settings, folder), RolloutRecorder(settings)
    prompts = build_prompts(tokenizer, QUESTIONS)
    assert prompts[0]["prompt"] == build_messages(QUESTIONS[0])
    trainer = GRPOTrainer(
        model,
        reward_funcs=recorder.reward_functions(),
        args=GRPOConfig(
            **trainer_arguments(job, model.dtype),
            gradient_checkpointing=False,
            per_device_train_batch_size=settings.micro_batch_size,
            num_generations=settings.num_generations,
            max_completion_length=settings.max_completion_length,
            temperature=settings.temperature,
        ),
        train_dataset=prompts,
        processing_class=tokenizer,
        peft_config=build_lora_config(model, settings.lora),
    )
    return trainer, job, recorder


def test_with_the_projects_rendering_rewards_are_earned(taught_here, tmp_path):
    trainer, job, recorder = build_here(taught_here, tmp_path, make_settings())
    curve = train_here(trainer, job)
    assert [row["step"] for row in curve.rows] == [1, 2, 3]
    assert curve.rows[0]["rewards/json/mean"] > 0.5
    assert all(row["reward"] > 0 for row in curve.rows)
    assert any(row["frac_reward_zero_std"] < 1 and row["grad_norm"] > 0 for row in curve.rows)
    assert {row["row_id"] for row in recorder.rows} <= {question.id for question in QUESTIONS}


def test_the_references_training_gets_no_reward_for_right_answers(taught_as_the_reference, tmp_path):
    settings = make_settings()
    trainer, job, recorder = build_as_the_reference(taught_as_the_reference, tmp_path, settings)
    curve = train_here(trainer, job)
    assert [(row["reward"], row["frac_reward_zero_std"]) for row in curve.rows] == [(0.0, 1.0)] * 3
    answers = [row["completion"] for row in recorder.rows]
    well_formed = [
        text for text in answers if text.startswith('<think>\n\n</think>\n\n{"predicted_category": ')
    ]
    assert len(well_formed) > len(answers) / 2


def test_the_guard_stops_the_references_training_after_one_window(taught_as_the_reference, tmp_path):
    settings = make_settings(max_steps=9, guard={"window": 2})
    trainer, job, _ = build_as_the_reference(taught_as_the_reference, tmp_path, settings)
    with pytest.raises(GuardTripped) as raised:
        train_here(trainer, job, build_guard(settings))
    assert str(raised.value).startswith(
        "frac_reward_zero_std averaged 1 over the last 2 logged points (steps 1 to 2), and guard.max_zero_std stops "
    )
    assert trainer.state.global_step == 2


def test_a_preflight_changes_nothing_of_the_training(taught_here, tmp_path):
    def sample(rehearse):
        prepare_libraries(0)
        model, tokenizer = taught_here.load()
        settings = make_settings(max_steps=2, beta=0.1)
        job, recorder = make_job("grpo", settings, tmp_path), RolloutRecorder(settings)
        if rehearse:
            check_rollouts(job, model, tokenizer, QUESTIONS)
        trainer = build_trainer(job, model, tokenizer, build_prompts(tokenizer, QUESTIONS), recorder)
        curve = train_here(trainer, job, build_guard(settings))
        return recorder.rows, weight_fingerprint(trainer.model), [row["loss"] for row in curve.rows]

    assert sample(rehearse=True) == sample(rehearse=False)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_are_those_that_trl_trains_on(taught_here, tmp_path, scale):
    settings = make_settings(max_steps=1, scale_rewards=scale)
    trainer, job, recorder = build_here(taught_here, tmp_path, settings)
    train_here(trainer, job)
    ours = torch.tensor([row["advantage"] for row in recorder.rows])
    assert ours.unique().numel() > 1
    # TRL writes them into its own table of completions, and hands them out in no other way.
    torch.testing.assert_close(ours, torch.tensor(list(trainer._logs["advantages"])), atol=1e-5, rtol=1e-5)
    totals = torch.tensor([row["reward"] for row in recorder.rows])
    torch.testing.assert_close(group_advantages(totals, 4, scale), ours, atol=1e-5, rtol=1e-5)


def test_the_loss_is_the_one_that_the_report_explains(taught_here, tmp_path, monkeypatch):
    # A micro batch of half the step's completions: the average is over the tokens of the whole step.
    settings = make_settings(max_steps=1, micro_batch_size=8)
    trainer, job, _ = build_here(taught_here, tmp_path, settings)
    assert describe_objective(trainer) == {
        "loss_type": "dapo", "ratio_level": "token", "updates_per_batch": 1, "std_epsilon": 1e-4,
    }  # fmt: skip
    seen, compute = [], trainer._compute_loss
    monkeypatch.setattr(
        trainer, "_compute_loss", lambda model, inputs: seen.append(inputs) or compute(model, inputs)
    )
    curve = train_here(trainer, job)
    lengths = torch.cat([inputs["completion_mask"].sum(1) for inputs in seen])
    advantages = torch.cat([inputs["advantages"] for inputs in seen])
    assert len(seen) == 2
    assert advantages.unique().numel() > 1
    expected = -(lengths * advantages).sum() / lengths.sum()
    assert curve.rows[0]["loss"] == pytest.approx(float(expected), abs=1e-5)
    assert curve.rows[0]["clip_ratio/region_mean"] == 0


def test_a_step_samples_as_many_prompts_as_the_settings_say(taught_here, tmp_path):
    settings = make_settings(max_steps=2, prompts_per_step=2, micro_batch_size=4)
    trainer, job, recorder = build_here(taught_here, tmp_path, settings)
    train_here(trainer, job)
    for step in (1, 2):
        row_ids = [row["row_id"] for row in recorder.rows if row["step"] == step]
        assert len(row_ids) == 8
        assert [row_ids.count(row_id) for row_id in dict.fromkeys(row_ids)] == [4, 4]


def test_the_same_seed_samples_the_same_completions(taught_here, tmp_path):
    def sample():
        trainer, job, recorder = build_here(taught_here, tmp_path, make_settings(max_steps=2))
        train_here(trainer, job)
        return recorder.rows

    assert sample() == sample()
