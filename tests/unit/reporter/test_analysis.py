"""What the single answers show: letters, rotations, groups, failures, effort, decodings, near-duplicates."""

import json

import pytest
from scipy.stats import binomtest
from unit.reporter.factory import make_questions

from reporter.analysis.account import what_failed, what_was_done
from reporter.analysis.decoding import compare_decodings, describe_decodings
from reporter.analysis.effort import Effort, bootstrap_mean, measure_effort
from reporter.analysis.failures import count_failures, describe_failures
from reporter.analysis.groups import SMALL_GROUP, by_length, by_subject
from reporter.analysis.leakage import Leakage, describe_leakage, measure_leakage
from reporter.analysis.letters import count_letters, describe_letters, read_letters
from reporter.analysis.rotation import describe_rotations, read_rotations
from reporter.findings import Finding
from reporter.predictions import Answer
from reporter.scores import Score
from reporter.state import describe_phases
from shared.prediction import FAILURES
from shared.question import LETTERS, Question

GOOD = json.dumps({"predicted_category": "A", "confidence": 0.5, "reason": "x"})


def answer(row=0, gold="A", letter="A", text=GOOD, is_schema=True, **more):
    return Answer(
        f"q{row}", gold, text, letter, is_json=True, is_schema=is_schema, correct=letter == gold, problem=None, **more
    )  # fmt: skip


def test_letters_are_counted_beside_the_right_ones():
    rows = [answer(0, "A", "B"), answer(1, "B", "B"), answer(2, "A", None, is_schema=False)]
    assert count_letters({"base": rows, "sft": []}) == {
        "gold": {"A": Score(2, 3), "B": Score(1, 3)},
        "base": {"B": Score(2, 3), "none": Score(1, 3)},
    }
    assert count_letters({}) == {}


def test_a_letter_given_too_often_is_found_by_mcnemars_test_corrected_for_all_letters():
    golds = [LETTERS[row % 4] for row in range(80)]
    always_a = [answer(row, gold, "A") for row, gold in enumerate(golds)]
    fair = [answer(row, gold, gold) for row, gold in enumerate(golds)]
    letters = read_letters({"base": always_a, "sft": fair})
    a, b, *_ = letters["base"]
    assert (a.given, a.gold, a.recall) == (Score(80, 80), Score(20, 80), Score(20, 20))
    assert (b.given, b.recall) == (Score(0, 80), Score(0, 20))
    # The smallest of eight: 60 questions get an A that is wrong, none lacks one that is right.
    assert a.adjusted_p == pytest.approx(8 * binomtest(0, 60).pvalue)
    assert [row.is_biased for row in letters["sft"]] == [False] * 4
    (finding,) = describe_letters(letters)
    assert finding.tone == "bad"
    assert finding.text.startswith("Base answers by the letter: it gives A to 100.0% of the questions")


def rotations_of(row, letters, gold=0, probabilities=(None,) * 4):
    """One question in four rotations, whose right option is `gold` as published."""
    return [
        answer(row, LETTERS[(gold + r) % 4], letter, rotation=r, letter_probabilities=probabilities[r])
        for r, letter in enumerate(letters)
    ]


def test_a_model_that_follows_the_option_is_consistent_and_one_that_follows_the_place_is_not():
    follows_option, follows_place = rotations_of(0, "ABCD"), rotations_of(1, "AAAA")
    asked = [*follows_option, *follows_place]
    found = read_rotations({"sft": asked[::4]}, {"sft": asked[1:4] + asked[5:]}, {})["sft"]
    assert found.by_rotation == {0: Score(2, 2), 1: Score(1, 2), 2: Score(1, 2), 3: Score(1, 2)}
    assert found.consistent == Score(1, 2)
    # Of four options with a vote each the first is taken, as the evaluator does: here the right one.
    assert found.debiased == Score(2, 2)
    (finding,) = describe_rotations({"sft": found})
    assert finding.text.startswith(
        "SFT chooses the same option wherever it stands for 50.0% of the questions"
    )


def test_debiasing_adds_up_the_probabilities_of_an_option_wherever_it_stands():
    # Always the first place by a little; the right option, the second as published, comes next wherever it stands.
    ahead = [(0.4, 0.35, 0.15, 0.1), (0.4, 0.15, 0.35, 0.1), (0.4, 0.15, 0.1, 0.35), (0.5, 0.2, 0.2, 0.1)]
    asked = rotations_of(0, "AAAA", gold=1, probabilities=ahead)
    assert read_rotations({"base": asked[:1]}, {"base": asked[1:]}, {})["base"].debiased == Score(1, 1)


def test_two_options_of_the_same_text_are_the_same_option():
    question = Question(id="q0", question="?", opa="x", opb="y", opc="x", opd="z", cop=0, subject_name=None)
    # The first option in two rotations, the third in the others.
    asked = rotations_of(0, "ABAB")
    for known, consistent in (({"q0": question}, 1), ({}, 0)):
        found = read_rotations({"base": asked[:1]}, {"base": asked[1:]}, known)["base"]
        assert found.consistent == Score(consistent, 1)


def test_questions_that_lack_a_rotation_are_left_out():
    asked = rotations_of(0, "ABCD")
    assert read_rotations({"base": asked[:1]}, {"base": asked[1:3]}, {}) == {}


def test_subjects_come_by_size_and_small_ones_are_marked():
    rows = [
        answer(row, subject_name="Anatomy" if row < 30 else "Surgery") for row in range(30 + SMALL_GROUP - 1)
    ]
    anatomy, surgery = by_subject({"base": rows}, {})
    assert (anatomy.name, anatomy.rows, anatomy.is_small) == ("Anatomy", 30, False)
    assert (surgery.name, surgery.scores, surgery.is_small) == ("Surgery", {"base": Score(19, 19)}, True)


def test_a_subject_that_the_answers_lack_is_taken_from_the_question():
    questions = make_questions(8)
    rows = [answer(row) for row in range(8)]
    known = [
        Answer(**(vars(each) | {"row_id": row_id})) for each, row_id in zip(rows, questions, strict=True)
    ]
    assert {row.name for row in by_subject({"base": known}, questions)} == {
        q.subject_name for q in questions.values()
    }
    assert by_subject({"base": known}, {}) == []


def test_lengths_fall_into_four_groups_of_equal_size():
    rows = [answer(row, question_words=row + 5) for row in range(40)]
    groups = by_length({"base": rows}, {})
    assert [(row.name, row.rows) for row in groups] == [
        ("5–14 words", 10), ("15–24 words", 10), ("25–34 words", 10), ("35–44 words", 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "names"),
    [([7] * 9, []), ([], []), ([3] * 7 + [9], ["3 words", "4–9 words"]), ([1, 2], ["1 word", "2 words"])],
)
def test_questions_of_one_length_are_never_divided(words, names):
    rows = [answer(row, question_words=count) for row, count in enumerate(words)]
    groups = by_length({"base": rows} if rows else {}, {})
    assert [row.name for row in groups] == names
    assert sum(row.rows for row in groups) in (0, len(words))


def test_failures_are_counted_in_the_taxonomys_order_also_for_answers_without_a_kind():
    think = answer(0, letter=None, text=f"<think>x</think>{GOOD}", is_schema=False)
    empty = answer(1, letter=None, text="", is_schema=False)
    named = answer(2, letter=None, text="", is_schema=False, failure="cut_off")
    rows = count_failures({"base": [think, empty, named, answer(3)], "sft": [answer(0)]})
    assert [row.kind for row in rows] == [
        kind for kind in FAILURES if kind in ("empty", "think_block", "cut_off")
    ]
    assert rows[0].counts == {"base": Score(1, 4), "sft": Score(0, 1)}
    finding = describe_failures(rows)
    assert finding.text == "The commonest way to fail the schema: Base nothing at all (25.0%)."
    assert describe_failures(count_failures({"base": [answer()]})) is None


def test_every_kind_of_failure_has_its_meaning():
    for kind in FAILURES:
        (row,) = count_failures({"base": [answer(is_schema=False, failure=kind)]})
        assert row.meaning != kind.replace("_", " ")


def test_means_come_with_their_interval_and_what_was_not_recorded_is_unknown():
    rows = [answer(new_tokens=10, cut_off=False), answer(new_tokens=30, cut_off=True)]
    effort = measure_effort({"base": rows})["base"]
    assert (effort.new_tokens.value, effort.cut_off, effort.seconds) == (20, Score(1, 2), None)
    assert measure_effort({"base": [answer()]}) == {}
    assert Effort(None, None, None, None) not in measure_effort({"base": [answer(seconds=1.0)]}).values()


def test_the_interval_of_a_mean_is_about_two_standard_errors_on_either_side():
    mean = bootstrap_mean([float(value) for value in range(100)])
    assert mean.value == 49.5
    assert mean.interval.low == pytest.approx(49.5 - 1.96 * 2.887, abs=0.6)
    assert mean.interval.high == pytest.approx(49.5 + 1.96 * 2.887, abs=0.6)
    assert bootstrap_mean([]) is None


def test_decodings_are_compared_where_every_answer_counts():
    free = [answer(row, letter="A" if row % 2 else "B", is_schema=row > 30) for row in range(60)]
    constrained = [answer(row) for row in range(60)]
    rows = {row.metric.name: row for row in compare_decodings({"sft": free}, {"sft": constrained})}
    assert (rows["accuracy"].comparison.gained, rows["accuracy"].comparison.lost) == (30, 0)
    assert rows["accuracy"].comparison.verdict == "better"
    assert rows["accuracy_on_schema"].comparison is None
    assert rows["schema_pass_rate"].constrained == Score(60, 60)
    finding = describe_decodings(list(rows.values()))
    assert finding.tone == "good"
    assert finding.text.startswith("What constrained decoding changes in accuracy: SFT +50.0 points (")
    assert compare_decodings({"sft": free}, {}) == []
    assert describe_decodings([]) is None


def test_accuracy_is_told_with_and_without_what_resembles_training():
    rows = [answer(row, letter="A" if row < 3 else "B", resembles_training=row < 2) for row in range(5)]
    found = measure_leakage({"base": rows})
    assert found == {"base": Leakage(Score(3, 5), unlike=Score(1, 3), alike=Score(2, 2))}
    assert describe_leakage(found).text.startswith(
        "2 questions resemble a training row. Accuracy without them: Base 33.3% ("
    )


def test_no_near_duplicate_is_good_news_and_none_looked_for_is_none():
    clean = measure_leakage({"base": [answer(resembles_training=False)]})
    assert describe_leakage(clean) == Finding(
        "good", "No question of the evaluation resembles a row of the training splits."
    )
    assert measure_leakage({"base": [answer()]}) == {}
    assert describe_leakage({}) is None


def test_the_account_says_what_was_trained_and_asked(make_run):
    run = make_run()
    assert what_was_done(run.manifest, run.answers) == (
        "SFT was trained for 800 steps on 950 questions; GRPO was trained for 120 steps; "
        "Base, SFT and GRPO answered 400 unseen questions with free greedy decoding."
    )
    assert what_failed(run.manifest, describe_phases(run.manifest)) == []


def test_the_account_names_what_stopped_and_what_was_cut_off(make_stage):
    stopped = make_stage("grpo_stopped_by_guard")
    assert stopped.failed == ["grpo: stopped by a guard at 57 of 400, checkpoint at step 50"]
    assert make_stage("split_only").done == "The data has been split; nothing has been trained."
    resumed = make_stage("resumed_twice")
    assert resumed.failed == [
        "grpo: job 6a1fgrpo1 ended early (interrupted), and another followed",
        "grpo: job 6a1fgrpo2 ended early (killed or crashed), and another followed",
    ]
