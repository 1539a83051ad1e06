"""The gate's rules: what beats noise, what is no worse beyond a margin, and how often what is no better passes."""

import random

import numpy as np
import pytest
from rich.console import Console

from reporter.gate.choose import choose_best, take_named
from reporter.gate.output import Decision, render_markdown, render_summary, show
from reporter.gate.rules import judge, judge_accuracy, judge_schema, level_of_bounds
from reporter.gate.settings import GateSettings
from reporter.gate.side import Side, match
from reporter.predictions import Answer, Predictions
from shared.errors import BadInput
from shared.refs import RepoRef

REF = RepoRef(repo_id="local/medmcqa-r-predictions", repo_type="dataset", commit="a" * 40)
ROWS = 400


def answer(number, right, schema=True, confidence=0.9, probability=None):
    probabilities = None if probability is None else (probability, *[(1 - probability) / 3] * 3)
    return Answer(
        row_id=f"q{number}", gold="A" if right else "B", text="", letter="A" if schema else None, is_json=schema,
        is_schema=schema, correct=right and schema, problem=None, confidence=confidence if schema else None,
        letter_probabilities=probabilities,
    )  # fmt: skip


def answers(right, schema=None, confidence=0.9, rows=ROWS, first=0):
    """Answers to `rows` questions, of which those in `right` are right; the right letter is A for all."""
    return [
        Answer(
            row_id=f"q{number}", gold="A", text="", letter="A" if number in right else "B",
            is_json=True, is_schema=schema is None or number in schema,
            correct=number in right, problem=None,
            confidence=confidence(number) if callable(confidence) else confidence,
        )
        for number in range(first, first + rows)
    ]  # fmt: skip


def side(given, name="sft", candidates=1):
    return Side(name, REF, given, "as named", candidates)


def settings(**changed):
    return GateSettings(run_id="r", namespace="local", baseline="x", **changed)


def verdicts(first, second, **changed):
    return {one.rule: one for one in judge(side(first), side(second, "grpo"), settings(**changed))}


def failed(first, second, **changed):
    return [rule for rule, one in verdicts(first, second, **changed).items() if not one.holds]


def test_a_clearly_better_model_passes_every_rule():
    assert failed(answers(range(120)), answers(range(180))) == []


def test_an_equal_model_and_the_very_same_one_are_not_better():
    assert failed(answers(range(120)), answers(range(120))) == ["accuracy"]
    assert failed(answers(range(120)), answers(range(10, 130))) == ["accuracy"]


def test_a_gain_within_the_noise_is_not_one():
    assert failed(answers(range(120)), answers([*range(100), *range(120, 155)])) == ["accuracy"]


def test_a_worse_model_fails():
    assert "accuracy" in failed(answers(range(180)), answers(range(120)))


def test_a_gain_must_reach_beyond_the_least_that_is_asked_for():
    first, second = answers(range(120)), answers(range(160))
    assert failed(first, second) == []
    assert failed(first, second, min_gain=0.09) == ["accuracy"]


def test_an_accuracy_gained_at_the_cost_of_the_format_fails():
    lossy = answers(range(180), schema=range(380))
    assert failed(answers(range(120)), lossy) == ["schema pass"]
    assert failed(answers(range(120)), lossy, max_schema_loss=0.1) == []


def test_no_loss_of_format_is_shown_within_the_margin_only_by_enough_rows():
    few = [answers(range(10), rows=60), answers(range(45), rows=60)]
    assert not verdicts(*few)["schema pass"].holds
    assert verdicts(*few, max_schema_loss=0.06)["schema pass"].holds


def test_a_confidence_that_got_worse_fails_though_more_answers_are_right():
    first = answers(range(120), confidence=0.3)
    second = answers(range(180), confidence=1.0)
    assert failed(first, second) == ["calibration error", "Brier score"]


def test_a_model_that_states_no_confidence_any_more_fails_and_one_that_never_did_does_not():
    with_one, without = answers(range(120)), answers(range(180), confidence=None)
    assert failed(with_one, without) == ["calibration error", "Brier score"]
    assert failed(answers(range(120), confidence=None), without) == []
    assert failed(answers(range(120), confidence=None), answers(range(180))) == []


def test_the_models_own_probability_can_be_the_confidence_that_is_judged():
    first = [answer(number, number < 120, probability=0.4) for number in range(ROWS)]
    second = [answer(number, number < 120, probability=0.99) for number in range(ROWS)]
    assert verdicts(first, second)["Brier score"].holds
    assert not verdicts(first, second, signal="probability")["Brier score"].holds


def test_other_questions_are_refused_or_compared_as_two_samples():
    first, second = answers(range(120)), answers(range(600, 790), first=600)
    found = verdicts(first, second)
    assert not found["same questions"].holds
    assert "0 in common of 400 and 400" in found["same questions"].note
    assert failed(first, second, require_same_questions=False) == []
    # The same counts on the same questions would be clear, here they are not.
    less = answers(range(600, 745), first=600)
    assert "accuracy" in failed(first, less, require_same_questions=False)
    assert failed(first, answers(range(145))) == []


def test_two_sides_that_share_most_questions_are_compared_on_those():
    matched = match(answers(range(9), rows=300), answers(range(9), rows=300, first=50))
    assert (matched.common, matched.paired, matched.same) == (250, True, False)
    assert [a.row_id for a in matched.first] == [b.row_id for b in matched.second]


def test_a_question_of_the_same_id_with_another_right_letter_is_another_question():
    turned = [answer(number, right=False) for number in range(ROWS)]
    assert match(answers(range(9)), turned).common == 0


def test_the_order_of_the_answers_does_not_matter():
    shuffled = answers(range(180))
    random.Random(0).shuffle(shuffled)
    ordered = verdicts(answers(range(120)), answers(range(180)))
    for rule, one in verdicts(answers(range(120)), shuffled).items():
        assert one.holds == ordered[rule].holds
        assert one.interval == (ordered[rule].interval and pytest.approx(ordered[rule].interval, abs=1e-9))


MOST = 0.025
"""How often a model that is no better may pass: half of the level, to its side."""
DRAWS = 300


def is_rare(passed):
    """Whether so many passes are no more than chance makes of the most that may be."""
    return passed / DRAWS <= MOST + 2.5 * np.sqrt(MOST / DRAWS)


def draw_right(rng, rows, rate=0.3):
    return set(np.flatnonzero(rng.random(rows) < rate))


def test_a_model_that_is_no_better_rarely_passes_on_accuracy():
    rng, passed = np.random.default_rng(1), 0
    for _ in range(DRAWS):
        first, second = (answers(draw_right(rng, 120), rows=120) for _ in range(2))
        passed += judge_accuracy(match(first, second), 0.05, 0.0).holds
    assert is_rare(passed)


def test_the_best_of_two_that_are_no_better_rarely_passes_though_chosen_by_the_same_answers():
    rng, passed = np.random.default_rng(2), 0
    for _ in range(DRAWS):
        base, sft, grpo = (answers(draw_right(rng, 120), rows=120) for _ in range(3))
        best = choose_best(Predictions(answers={"base": base, "sft": sft, "grpo": grpo}), REF)
        passed += judge_accuracy(match(base, best.answers), 0.05 / best.candidates, 0.0).holds
    assert is_rare(passed)


def test_a_format_that_fell_by_the_margin_rarely_passes():
    rng, passed, whole = np.random.default_rng(3), 0, answers([])
    for _ in range(DRAWS):
        fallen = answers([], schema=draw_right(rng, ROWS, 0.95))
        passed += judge_schema(match(whole, fallen), 0.05, 0.05).holds
    assert is_rare(passed)


def test_the_best_model_is_chosen_by_the_calibration_split_where_there_is_one():
    predictions = Predictions(
        answers={"base": answers([]), "sft": answers(range(200)), "grpo": answers(range(150))},
        calibration={"sft": answers(range(20), rows=100), "grpo": answers(range(30), rows=100)},
    )
    best = choose_best(predictions, REF)
    assert (best.name, best.candidates) == ("grpo", 1)
    assert best.chosen == "the best on the calibration split (20.0% for sft and 30.0% for grpo)"
    assert best.answers == predictions.answers["grpo"]
    without = choose_best(Predictions(answers=predictions.answers), REF)
    assert (without.name, without.candidates) == ("sft", 2)


def test_a_model_chosen_by_the_judging_answers_has_wider_bounds():
    first, second = side(answers(range(120))), answers(range(150))
    intervals = [
        judge(first, side(second, candidates=candidates), settings())[1].interval for candidates in (1, 2)
    ]
    assert intervals[1].low < intervals[0].low
    assert intervals[1].high > intervals[0].high


def test_a_model_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(BadInput, match=r"no answers of a model grpo\. Name one of base, sft\."):
        take_named(Predictions(answers={"base": [], "sft": []}), REF, "grpo")


def test_the_page_and_the_last_line_name_what_failed():
    first, second = side(answers(range(120))), side(answers(range(180), schema=range(380)), "grpo")
    decision = Decision(first, second, 0.05, judge(first, second, settings()))
    assert render_summary(decision) == (
        "grpo of local/medmcqa-r-predictions@aaaaaaaa may not replace sft of local/medmcqa-r-predictions@aaaaaaaa: "
        "schema pass."
    )
    page = render_markdown(decision)
    assert page.startswith("# Gate: may not replace\n")
    assert "| ok | accuracy | 30.0% | 45.0% | +15.0 (+11.4 to +18.5) |" in page
    assert "| **fails** | schema pass | 100.0% | 95.0% | −5.0 (" in page
    # A table of Markdown has as many bars in every line.
    assert len({line.count("|") for line in page.splitlines() if line.startswith("|")}) == 1


def test_bounds_that_were_widened_for_a_choice_are_named_as_such():
    first, second = side(answers(range(120))), side(answers(range(180)), "grpo", candidates=2)
    decision = Decision(first, second, level_of_bounds(first, second, 0.05), judge(first, second, settings()))
    assert "with 97.5% intervals." in render_markdown(decision)


def test_a_terminal_shows_a_table_and_a_log_one_line_a_rule(capsys):
    first, second = side(answers(range(120))), side(answers(range(180), schema=range(380)), "grpo")
    decision = Decision(first, second, 0.05, judge(first, second, settings()))
    show(decision, Console(force_terminal=True, width=220))
    assert "difference" in capsys.readouterr().out
    show(decision, Console(force_terminal=False))
    assert capsys.readouterr().out.splitlines()[2:5] == [
        "ok    same questions: asked: all (400 in common of 400 and 400; compared paired)",
        "ok    accuracy: 45.0% against 30.0%, +15.0 (+11.4 to +18.5); asked: lower bound above 0.0 points "
        "(60 gained, 0 lost, p < 0.001)",
        "FAILS schema pass: 95.0% against 100.0%, −5.0 (−7.2 to −2.7); asked: lower bound at least −2.0 points",
    ]
