"""The prompt is the interface that every model was trained on: byte for byte that of the reference run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.prediction import Prediction, parse_completion
from shared.prompts import SYSTEM_PROMPT, build_messages, build_target, render_user
from shared.question import Question

QUESTION = Question(
    id="q", question="Wrist drop follows injury of:", opa="Ulnar", opb="Radial", opc="Median", opd=" Axillary ", cop=1
)  # fmt: skip
DEFAULT = "Based on medical knowledge and clinical reasoning."


def explained(explanation):
    return QUESTION.model_copy(update={"exp": explanation})


def reason(explanation):
    return json.loads(build_target(explained(explanation)))["reason"]


def test_the_system_prompt_is_the_references():
    assert SYSTEM_PROMPT.split("\n") == [
        "You are a medical MCQ classifier. Given a medical multiple-choice question with 4 options (A, B, C, D), "
        "analyze the question and respond with ONLY valid JSON in this exact format:",
        '{"predicted_category": "<A|B|C|D>", "confidence": <float 0-1>, "reason": "<concise explanation>"}',
        "Output nothing else \u2014 no markdown, no extra text, just the JSON object.",
    ]


def test_the_user_turn_is_the_question_and_four_lettered_options_as_published():
    assert render_user(QUESTION) == (
        "Question: Wrist drop follows injury of:\nA) Ulnar\nB) Radial\nC) Median\nD)  Axillary "
    )


def test_the_messages_are_system_and_user():
    assert build_messages(QUESTION) == [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": render_user(QUESTION)},
    ]


def test_the_target_is_one_line_of_json_with_the_separators_of_json_dumps():
    assert build_target(explained("Radial nerve supplies the extensors – “wrist drop”.")) == (
        '{"predicted_category": "B", "confidence": 0.95, '
        '"reason": "Radial nerve supplies the extensors – “wrist drop”."}'
    )


@pytest.mark.parametrize("explanation", [None, "", " ", "\n\t"])
def test_an_empty_explanation_gives_way_to_the_default(explanation):
    assert reason(explanation) == DEFAULT


@pytest.mark.parametrize(
    ("length", "expected"),
    [(249, "x" * 249), (250, "x" * 250), (251, "x" * 247 + "..."), (9000, "x" * 247 + "...")],
)
def test_a_long_explanation_is_cut_to_250_characters(length, expected):
    assert reason("x" * length) == expected


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 3))
def test_every_target_passes_the_whole_schema_with_the_gold_letter(explanation, cop):
    target = build_target(explained(explanation).model_copy(update={"cop": cop}))
    parsed = parse_completion(target)
    assert "\n" not in target
    assert parsed.problem is None
    assert parsed.prediction == Prediction(
        predicted_category="ABCD"[cop], confidence=0.95, reason=json.loads(target)["reason"]
    )
