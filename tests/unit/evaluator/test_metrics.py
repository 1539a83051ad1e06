"""What graded answers amount to, on the reference run's own examples."""

import hashlib
from dataclasses import replace

import pytest
from models import make_question

from evaluator.answers import Answer
from evaluator.metrics import measure, measure_majority, measure_training_like
from shared.rewards import REFERENCE_REWARDS, REWARDS

PERFECT = '{"predicted_category": "B", "confidence": 0.9, "reason": "Thiamine."}'
WRONG_LETTER = '{"predicted_category": "A", "confidence": 0.9, "reason": "Thiamine."}'
LETTER_ALONE = '{"predicted_category": "B"}'
PROSE = "The answer is B."
TRAPS = [
    PERFECT, WRONG_LETTER, LETTER_ALONE, PROSE, "", "null", "[1]", '"B"', "{}", PERFECT + "\n",
    f"<think>\n\n</think>\n\n{PERFECT}",
    PERFECT.replace("0.9", "true"), PERFECT.replace("0.9", "NaN"), PERFECT.replace("0.9", "1.1"),
    PERFECT.replace("B", "b"), PERFECT.replace("B", "E"), PERFECT.replace("Thiamine.", " "), PERFECT[:-1],
    '{"predicted_category": "A", "predicted_category": "B", "confidence": 1, "reason": "x"}', "[" * 100_000,
]  # fmt: skip


def test_an_answer_keeps_what_was_asked_said_and_parsed(grade_text):
    answer = grade_text(PERFECT, gold="B", new_tokens=12)
    assert answer == Answer(
        row_id="q1", rotation=0, decoding="free", gold="B", text=PERFECT, letter="B", confidence=0.9,
        reason="Thiamine.", is_json=True, is_schema=True, correct=True, problem=None, failure=None,
        token_ids=(7,) * 12, new_tokens=12, ended="stop", cut_off=False, seconds=0.5, prompt_tokens=3,
        prompt_hash=f"sha256:{hashlib.sha256(b'[1, 2, 3]').hexdigest()}", letter_probabilities=None,
        letter_mass=None, subject_name=None, question_words=5, resembles_training=None,
    )  # fmt: skip


def test_an_answer_that_fails_the_schema_keeps_its_letter_and_the_reason_why(grade_text):
    answer = grade_text(LETTER_ALONE)
    assert (answer.letter, answer.confidence, answer.reason) == ("B", None, None)
    assert (answer.is_json, answer.is_schema, answer.correct) == (True, False, True)
    assert (answer.problem, answer.failure) == ("no confidence", "missing_key")


def test_the_references_examples_give_its_metrics(grade_text):
    texts = [PERFECT, WRONG_LETTER, LETTER_ALONE, PROSE]
    answers = [
        grade_text(text, new_tokens=10 + place, cut_off=text is PROSE) for place, text in enumerate(texts)
    ]
    assert measure(answers) == {
        "accuracy": 2 / 4,
        "valid_json_rate": 3 / 4,
        "schema_pass_rate": 2 / 4,
        "accuracy_on_schema": 1 / 2,
        "rows": 4,
        "correct": 2,
        "valid_json": 3,
        "schema_pass": 2,
        "correct_on_schema": 1,
        "cut_off": 1,
        "problems": {"no confidence": 1, "not JSON": 1},
        "failures": {"prose_before": 1, "missing_key": 1},
        "letters": {"A": 1, "B": 2, "C": 0, "D": 0, "none": 1},
        "mean_prompt_tokens": 3.0,
        "mean_new_tokens": 11.5,
        "seconds": 2.0,
        "seconds_per_answer": 0.5,
        "tokens_per_second": 23.0,
    }


def test_accuracy_on_schema_does_not_exist_where_no_answer_passes(grade_text):
    metrics = measure([grade_text(PROSE), grade_text(LETTER_ALONE)])
    assert (metrics["accuracy_on_schema"], metrics["schema_pass_rate"]) == (None, 0.0)


@pytest.mark.parametrize("text", TRAPS)
def test_the_metrics_are_the_rewards(grade_text, text):
    answer = grade_text(text, gold="B")
    rewards = {name: REWARDS[name]([text], ground_truth=["B"])[0] for name in REFERENCE_REWARDS}
    assert rewards == {"json": answer.is_json, "schema": answer.is_schema, "accuracy": answer.correct}


def test_the_majority_letter_is_the_commonest_and_the_first_of_equals():
    assert measure_majority(list("ABBCD")) == {"majority_letter": "B", "majority_letter_rate": 0.4}
    assert measure_majority(list("DCDC")) == {"majority_letter": "C", "majority_letter_rate": 0.5}


def test_gold_letters_follow_the_question(grade_text):
    assert [grade_text(PERFECT, gold=make_question(number).letter).correct for number in range(4)] == [
        False, True, False, False,
    ]  # fmt: skip


def test_accuracy_is_told_with_and_without_the_questions_that_resemble_training_rows(grade_text):
    alike, unlike = (
        [replace(grade_text(text), resembles_training=resembles) for text in texts]
        for resembles, texts in ((True, [PERFECT, PERFECT, PERFECT]), (False, [PERFECT, WRONG_LETTER]))
    )
    assert measure_training_like(alike + unlike) == {"with": 4 / 5, "without": 1 / 2, "rows": 2}
    assert measure_training_like(alike) == {"with": 1.0, "without": None, "rows": 0}
    assert measure_training_like([*alike, grade_text(PERFECT)]) is None
