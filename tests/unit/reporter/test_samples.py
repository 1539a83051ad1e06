"""Which answers and rollouts are shown."""

import random

from reporter.inputs import Rollout
from reporter.predictions import Answer
from reporter.samples import draw_samples, first_and_last_rollouts


def answer(index, is_json=True, correct=False):
    return Answer(f"q{index}", "A", "text", None, is_json, False, correct, None)


def rollout(step, row_id="q0"):
    return Rollout(step=step, row_id=row_id, completion="{}", rewards={}, reward=0.0, advantage=None)


MIXED = [answer(n, is_json=n % 5 != 0, correct=n % 5 in (1, 2)) for n in range(50)]


def test_every_answer_is_of_one_kind_and_every_kind_is_counted():
    groups = draw_samples({"base": MIXED}, {}, per_kind=3, seed=0)["base"]
    assert [(group.kind, group.count, len(group.samples)) for group in groups] == [
        ("right", 20, 3),
        ("wrong", 20, 3),
        ("unparseable", 10, 3),
    ]


def test_the_same_seed_draws_the_same_answers_whatever_their_order():
    shuffled = random.Random(1).sample(MIXED, len(MIXED))
    first = draw_samples({"sft": MIXED}, {}, per_kind=2, seed=4)
    assert draw_samples({"sft": shuffled}, {}, per_kind=2, seed=4) == first
    assert draw_samples({"sft": MIXED}, {}, per_kind=2, seed=5) != first


def test_models_without_answers_are_left_out():
    assert list(draw_samples({"grpo": MIXED, "base": MIXED, "sft": []}, {}, 1, 0)) == ["base", "grpo"]


def test_no_more_are_shown_than_there_are():
    groups = draw_samples({"base": [answer(1, correct=True)]}, {}, per_kind=5, seed=0)["base"]
    assert [len(group.samples) for group in groups] == [1, 0, 0]


def test_rollouts_are_those_of_the_first_and_the_last_step():
    rollouts = [rollout(step) for step in (30, 10, 20, 10, 30, 10)]
    groups = first_and_last_rollouts(rollouts, {}, per_step=2)
    assert [(group.step, len(group.samples)) for group in groups] == [(10, 2), (30, 2)]


def test_a_single_step_is_shown_once_and_none_when_none_are_wanted():
    assert len(first_and_last_rollouts([rollout(1), rollout(1)], {}, per_step=4)) == 1
    assert first_and_last_rollouts([rollout(1)], {}, per_step=0) == []
    assert first_and_last_rollouts([], {}, per_step=4) == []
