"""One model asked in every way: the record does not depend on how many are asked at once."""

import pytest
import torch
from models import make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

from evaluator.asking import Asking
from evaluator.data import EvalData
from evaluator.predictions import build_table
from evaluator.questions import plan_question_sets
from evaluator.settings import EvalSettings

QUESTIONS = [make_question(number, opa="Well, " * (number % 5) + "water") for number in range(9)]
SETS = plan_question_sets(
    EvalData(QUESTIONS[:6], [], calibration=QUESTIONS[6:], resembling=frozenset({"q1"})), "both", rotate=True
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Put all sets to one toy model; returns the answers of each and what was reported."""
    folder = make_qwen3(tmp_path_factory.mktemp("model"))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def run(batch_size):
        settings = EvalSettings(run_id="r", namespace="n", max_new_tokens=40, batch_size=batch_size)
        reported = []
        answers = Asking(settings, reported.append, print).ask(model, tokenizer, SETS)
        return answers, reported

    return run


@pytest.fixture(scope="module")
def one_at_a_time(ask):
    return ask(1)


@pytest.mark.parametrize("batch_size", [7, 32])
def test_the_record_is_the_same_for_any_batch_size(ask, one_at_a_time, batch_size):
    answers, _ = ask(batch_size)
    for config, expected in one_at_a_time[0].items():
        found, kept = build_table(answers[config]), build_table(expected)
        assert found.num_rows == len(expected)
        assert found.drop_columns("seconds").equals(kept.drop_columns("seconds")), config


def test_everything_that_is_asked_is_answered_and_counted(one_at_a_time):
    answers, reported = one_at_a_time
    assert {config: len(rows) for config, rows in answers.items()} == {
        "default": 6, "constrained": 6, "rotated": 18, "calibration": 3,
    }  # fmt: skip
    assert reported == sorted(reported)
    assert reported[-1] == 33


def test_each_answer_says_how_it_was_asked(one_at_a_time):
    answers, _ = one_at_a_time
    assert {row.decoding for row in answers["constrained"]} == {"constrained"}
    assert {row.decoding for row in answers["default"] + answers["rotated"]} == {"free"}
    turned = answers["rotated"][7]
    assert (turned.row_id, turned.rotation, turned.resembles_training) == ("q1", 2, True)
    assert turned.gold == "D"
    assert turned.prompt_hash != answers["default"][1].prompt_hash
    assert all(row.is_schema and row.letter_probabilities is not None for row in answers["constrained"])
