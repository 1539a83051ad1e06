import pytest
from models import make_question

from shared.lm.validation import choose_published, describe_validation, score_answers
from shared.prompts import build_target

START = {"step": 0, "validation/accuracy": 0.5, "validation/schema_pass_rate": 1.0, "validation/score": 0.5}


def measured(step, score):
    return {
        "step": step,
        "validation/accuracy": score,
        "validation/schema_pass_rate": 1.0,
        "validation/score": score,
    }


def test_an_answer_counts_where_it_is_right_and_on_schema():
    question = make_question(1)
    texts = [
        build_target(question),
        build_target(make_question(0)),
        '{"predicted_category": "B"}',
        "<think>\n\n</think>\n\n" + build_target(question),
    ]
    scores = score_answers([question] * 4, texts)
    assert scores == {"accuracy": 0.5, "schema_pass_rate": 0.5, "score": 0.25}


def test_the_best_measured_step_is_published_and_the_reason_names_the_start():
    rows = [START, measured(10, 0.75), {"step": 15, "loss": 1.0}, measured(20, 0.25)]
    published = choose_published(rows, 20, "best")
    assert published.step == 10
    assert published.because == (
        "its validation score of 0.750 is the best of 2 measurements; before training it was 0.500"
    )
    facts = describe_validation(rows, 32, published)
    assert facts == {
        "rows": 32,
        "start": {"accuracy": 0.5, "schema_pass_rate": 1.0, "score": 0.5},
        "published": {"accuracy": 0.75, "schema_pass_rate": 1.0, "score": 0.75},
    }


def test_of_equal_steps_the_later_is_published():
    assert choose_published([START, measured(10, 0.75), measured(20, 0.75)], 20, "best").step == 20


def test_what_training_began_with_is_never_published_however_good():
    published = choose_published([START, measured(10, 0.25), measured(20, 0.0)], 20, "best")
    assert published.step == 10
    assert "before training it was 0.500" in published.because


@pytest.mark.parametrize("rows", [[{"step": 15, "loss": 1.0}], [START, measured(10, 1.0), measured(20, 0.0)]])
def test_the_last_step_is_published_where_the_settings_say_so(rows):
    assert choose_published(rows, 20, "last").step == 20
