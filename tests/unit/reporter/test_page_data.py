"""Which answers the page embeds, and how."""

import json
from collections import Counter

import pytest
from unit.reporter.factory import make_answers, make_questions

from reporter.browser import MAX_BYTES, MAX_TEXT, collect_browser
from reporter.predictions import Answer
from shared.question import Question

QUESTION = Question(
    id="q1", question="Which?", opa="one", opb="two", opc="three", opd="four", cop=1, subject_name="Anatomy"
)


def answer(row_id="q1", correct=True, **values):
    needed = {"gold": "B", "text": "{}", "letter": "B", "is_json": True, "is_schema": True, "problem": None}
    return Answer(row_id=row_id, correct=correct, **(needed | values))


def size(browser):
    return len(json.dumps(browser.data["questions"], separators=(",", ":")))


def test_a_question_stands_once_beside_what_each_model_said_to_it():
    said = answer(confidence=0.95, letter_probabilities=(0.1, 0.70004, 0.1, 0.1), text="right")
    failed = answer(
        correct=False, letter=None, is_schema=False, failure="cut_off", problem="not JSON", text="…"
    )
    browser = collect_browser({"base": [failed], "sft": [said]}, {"q1": QUESTION}, seed=0)
    assert browser.data == {
        "models": [("base", "Base"), ("sft", "SFT")],
        "questions": [
            {
                "id": "q1",
                "gold": "B",
                "text": "Which?",
                "options": ["one", "two", "three", "four"],
                "subject": "Anatomy",
                "answers": {
                    "base": {"text": "…", "kind": "cut_off"},
                    "sft": {
                        "text": "right",
                        "letter": "B",
                        "confidence": 0.95,
                        "probabilities": [0.1, 0.7, 0.1, 0.1],
                        "right": True,
                    },
                },
            }
        ],
    }
    assert (browser.subjects, browser.kinds) == (["Anatomy"], [("cut_off", 1)])


def test_every_answer_of_the_evaluation_is_there_and_every_failure_counted(make_run):
    run = make_run()
    browser = collect_browser(run.answers, run.questions, seed=0)
    assert browser.embedded == browser.total == len(run.questions)
    given = [(entry["id"], model) for entry in browser.data["questions"] for model in entry["answers"]]
    assert sorted(given) == sorted((row.row_id, model) for model, rows in run.answers.items() for row in rows)
    failures = Counter(row.failure for rows in run.answers.values() for row in rows if row.failure)
    assert dict(browser.kinds) == dict(failures)
    assert [count for _, count in browser.kinds] == sorted(failures.values(), reverse=True)


def test_answers_of_earlier_versions_are_told_apart_by_the_reason_in_words():
    browser = collect_browser({"base": [answer(is_schema=False, problem="no reason")]}, {}, seed=0)
    assert browser.kinds == [("no reason", 1)]


def test_a_question_that_is_not_in_the_data_repo_keeps_its_right_letter():
    (entry,) = collect_browser({"base": [answer()]}, {}, seed=0).data["questions"]
    assert entry["gold"] == "B"
    assert "text" not in entry


def test_long_texts_are_cut_and_say_so():
    question = QUESTION.model_copy(update={"question": "q" * (MAX_TEXT + 7), "opa": "o" * (MAX_TEXT + 1)})
    browser = collect_browser({"base": [answer(text="a" * 2_000)]}, {"q1": question}, seed=0)
    (entry,) = browser.data["questions"]
    assert entry["text"].endswith("q … (7 more characters)")
    assert entry["options"][0].endswith("o … (1 more characters)")
    assert entry["answers"]["base"]["text"].endswith("a … (500 more characters)")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_confidence_that_is_no_number_is_left_out(value):
    (entry,) = collect_browser({"base": [answer(confidence=value)]}, {}, seed=0).data["questions"]
    assert "confidence" not in entry["answers"]["base"]


def test_two_thousand_questions_of_three_models_fit_without_leaving_one_out():
    questions = make_questions(2_000)
    answers = {
        model: make_answers(questions, 0.4, 0.97, 0.97, seed)
        for seed, model in enumerate(("base", "sft", "grpo"))
    }
    browser = collect_browser(answers, questions, seed=0)
    assert browser.embedded == 2_000
    assert size(browser) < MAX_BYTES / 2


@pytest.mark.parametrize("limit", [2_000, 20_000, 60_000])
def test_what_does_not_fit_is_left_out_beginning_with_what_every_model_got_right(limit, make_run):
    run = make_run()
    whole = collect_browser(run.answers, run.questions, seed=0)
    cut = collect_browser(run.answers, run.questions, seed=0, max_bytes=limit)
    assert size(cut) <= limit + 2
    assert 0 < cut.embedded < whole.embedded == cut.total
    kept = {entry["id"] for entry in cut.data["questions"]}
    wrong = {
        row.row_id for rows in run.answers.values() for row in rows if not row.correct or not row.is_schema
    }
    assert kept <= wrong or wrong <= kept
    # In the order of the evaluation, whatever was drawn.
    assert [entry for entry in whole.data["questions"] if entry["id"] in kept] == cut.data["questions"]


def test_the_seed_draws_what_is_left_out(make_run):
    run = make_run()
    first, again, other = (
        collect_browser(run.answers, run.questions, seed, max_bytes=20_000).data for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_run_without_answers_has_nothing_to_look_through():
    browser = collect_browser({}, {"q1": QUESTION}, seed=0)
    assert (browser.models, browser.embedded, browser.total) == ([], 0, 0)
