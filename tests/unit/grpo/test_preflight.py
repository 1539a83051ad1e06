"""The rehearsal before the training, on tiny models: taught as here, taught as the reference did, and not at all."""

import random

import numpy as np
import pytest
import torch
from models import make_job, make_question

from grpo_trainer.preflight import Rehearsal, check_rollouts, find_fault, score
from grpo_trainer.settings import GrpoSettings
from shared.errors import ExitCode, GuardTripped
from shared.lm.generate import Completion

QUESTIONS = [make_question(number) for number in range(8)]
RIGHT = '{"predicted_category": "A", "confidence": 0.9, "reason": "known"}'
WRONG = '{"predicted_category": "B", "confidence": 0.9, "reason": "known"}'


def make_settings(guard=None, **changes):
    values = {"num_generations": 4, "max_completion_length": 48, "temperature": 0.7, "prompts_per_step": 8}
    return GrpoSettings(run_id="r", namespace="n", guard=guard or {}, **(values | changes))


def rehearse(chat, folder, settings, questions=QUESTIONS):
    model, tokenizer = chat.load()
    return check_rollouts(make_job("grpo", settings, folder), model, tokenizer, questions)


def said(*texts, cut_off=0, questions=QUESTIONS[:1], **changes):
    """Completions as the model might have given them, the last `cut_off` of them cut at the limit."""
    settings = make_settings(num_generations=len(texts) // len(questions), micro_batch_size=4, **changes)
    completions = [
        Completion(text, (7,) * 20, "limit" if index >= len(texts) - cut_off else "stop", seconds=0.1)
        for index, text in enumerate(texts)
    ]
    return Rehearsal(settings, completions, score(completions, questions, settings))


def test_a_model_taught_here_passes_and_is_measured(taught_here, tmp_path, capsys):
    measured = rehearse(taught_here, tmp_path, make_settings())
    assert (measured["prompts"], measured["completions"]) == (8, 32)
    assert measured["mean_reward"] > 1.5
    assert 0 < measured["spread_share"] <= 1
    assert measured["preamble_share"] < 0.1
    assert measured["clipped_share"] < 0.5
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Preflight: sampling 8 prompts × 4 completions at temperature 0.7."
    assert lines[1:5] == [f"Preflight: {done} of 32 completions." for done in (8, 16, 24, 32)]
    assert lines[5].startswith("Preflight passed in ")
    assert "mean reward " in lines[5]
    assert " of 3, " in lines[5]


def test_the_references_model_is_stopped_with_the_cause_and_three_samples(taught_as_the_reference, tmp_path):
    """It is asked here as the reference asked it: its own training left the think block to the model."""
    model, tokenizer = taught_as_the_reference.load()
    # Without thinking switched off, a prompt ends where the model was taught to open with the block.
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "enable_thinking is defined and enable_thinking is false", "false"
    )
    job = make_job("grpo", make_settings(), tmp_path)
    with pytest.raises(GuardTripped) as raised:
        check_rollouts(job, model, tokenizer, QUESTIONS)
    first, heading, *samples = str(raised.value).splitlines()
    assert first.startswith("Preflight of 8 prompts: ")
    assert "completions begin with '<think>\\n\\n</think>" in first
    assert "Turn thinking off in both (shared.lm.chat) and redo SFT: make sft FORCE=1." in first
    assert heading == "Some of the completions:"
    assert len(samples) == 3
    assert any(sample.startswith("  '<think>\\n\\n</think>\\n\\n{") for sample in samples)
    assert raised.value.exit_code == ExitCode.GUARD_TRIPPED


def test_a_model_that_was_never_taught_is_stopped(base, tmp_path):
    with pytest.raises(GuardTripped, match=r"^Preflight of 8 prompts: all 32 completions are cut at "):
        rehearse(base, tmp_path, make_settings())


def test_random_numbers_and_the_model_are_as_they_were(taught_here, tmp_path):
    def draw():
        return torch.rand(3).tolist(), random.random(), np.random.rand()

    def seed():
        torch.manual_seed(5), random.seed(5), np.random.seed(5)

    model, tokenizer = taught_here.load()
    model.train()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    seed()
    expected = draw()
    seed()
    check_rollouts(make_job("grpo", make_settings(), tmp_path), model, tokenizer, QUESTIONS)
    assert draw() == expected
    assert model.training
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_the_same_seed_rehearses_the_same(taught_here, tmp_path):
    def measure():
        measured = rehearse(taught_here, tmp_path, make_settings({"preflight_prompts": 2}))
        return {name: value for name, value in measured.items() if name != "seconds"}

    torch.manual_seed(1)
    first = measure()
    torch.manual_seed(2)
    assert measure() == first


def test_no_prompts_skip_it(taught_here, tmp_path, capsys):
    assert rehearse(taught_here, tmp_path, make_settings({"preflight_prompts": 0})) == {}
    assert capsys.readouterr().out == ""


def test_fewer_questions_than_prompts_are_all_there_is(taught_here, tmp_path):
    measured = rehearse(taught_here, tmp_path, make_settings(), QUESTIONS[:2])
    assert (measured["prompts"], measured["completions"]) == (2, 8)


def test_a_first_lot_without_a_spread_may_be_chance_and_others_are_tried(taught_here, tmp_path, capsys):
    """At this temperature a model answers a question the same way four times: the search ends after four lots."""
    settings = make_settings({"preflight_prompts": 1}, temperature=1e-6)
    with pytest.raises(GuardTripped, match=r"^Preflight of 4 prompts: "):
        rehearse(taught_here, tmp_path, settings)
    assert capsys.readouterr().out.count("Preflight: sampling 1 prompts") == 4


def test_weights_that_are_no_numbers_are_named_before_anything_is_sampled(taught_here, tmp_path):
    model, tokenizer = taught_here.load()
    model.model.layers[0].mlp.down_proj.weight.data[0, 0] = torch.inf
    with pytest.raises(GuardTripped, match=r"no finite numbers in torch.float32\. Use precision fp32"):
        check_rollouts(make_job("grpo", make_settings(), tmp_path), model, tokenizer, QUESTIONS)


@pytest.mark.parametrize(
    ("rehearsal", "beginning"),
    [
        (said(*["Thinking… " + RIGHT] * 4), "all 4 completions do not begin with the JSON (mean reward 0; "),
        (said(RIGHT, *["Thinking… " + RIGHT] * 3), "3 of 4 completions do not begin with the JSON (mean reward 0.75; "),
        (said(*["It is A."] * 4), "every reward is 0: all 4 completions begin with 'It is A.'; 4 of 4 fail with: no"),
        (said(*[RIGHT[:30]] * 4, cut_off=4), "all 4 completions are cut at max_completion_length 48 (mean reward 0; "),
        (said(RIGHT, RIGHT, *[RIGHT[:30]] * 18, cut_off=18), "18 of 20 completions are cut at max_completion_length "),
        (said(RIGHT, RIGHT, RIGHT, RIGHT), "every completion earns the highest reward, 3, so that nothing is left to"),
        (said(WRONG, WRONG, WRONG, WRONG), "all 4 completions of each prompt earn the same (mean reward 2): "),
    ],
    ids=["prose before it", "mostly prose", "no JSON", "all cut", "nearly all cut", "all right", "all the same"],
)  # fmt: skip
def test_what_cannot_learn_is_stopped_with_what_was_seen(rehearsal, beginning):
    explanation = find_fault(rehearsal).explain(rehearsal)
    assert explanation.startswith(f"Preflight of 1 prompts: {beginning}")
    assert "\nSome of the completions:\n  '" in explanation


@pytest.mark.parametrize(
    "rehearsal",
    [
        said(RIGHT, RIGHT, "Thinking… " + RIGHT, "Thinking… " + RIGHT),
        said(RIGHT, *["It is A."] * 7),
        said(RIGHT, RIGHT, *[RIGHT[:30]] * 8, cut_off=8),
        said(WRONG, RIGHT, WRONG, WRONG),
        said(RIGHT, RIGHT, WRONG, RIGHT, questions=(make_question(0), make_question(4))),
    ],
    ids=["half prose", "hardly any JSON", "mostly cut", "mostly wrong", "one group with a spread"],
)
def test_what_can_just_learn_goes_on(rehearsal):
    assert find_fault(rehearsal) is None


def test_the_rewards_and_weights_are_those_of_the_training():
    rehearsal = said(
        RIGHT, WRONG, "It is A.", RIGHT[:-1], rewards=("accuracy", "json"), reward_weights=(2.0, 0.5)
    )
    assert rehearsal.totals.tolist() == [2.5, 0.5, 0.0, 0.0]
    assert rehearsal.measure() == {
        "prompts": 1,
        "completions": 4,
        "mean_reward": 0.75,
        "spread_share": 1.0,
        "clipped_share": 0.0,
        "preamble_share": 0.0,
    }
