"""What the report says in words, and that it claims no more than the counts allow."""

import dataclasses

import pytest
from unit.reporter.stages import STAGES

from reporter.comparisons import BAG_OF_WORDS, compare_to_chance, correct_for_number, from_counts
from reporter.findings import (
    Finding,
    describe_comparison,
    describe_format,
    describe_medicine,
    describe_validation,
    format_p,
    headline,
    percent,
    points,
)
from reporter.scores import Score


def accuracy(**counts):
    return {model: {"accuracy": Score(right, 200)} for model, right in counts.items()}


def test_a_clear_gain_is_good_news():
    (pair,) = correct_for_number([from_counts("sft", "grpo", gained=40, lost=10, total=200)])
    low, high = pair.interval
    assert describe_comparison(pair) == Finding(
        "good",
        f"GRPO is better than SFT in accuracy: +15.0 points (95% interval {points(low)} to {points(high)}; p < 0.001, "
        "corrected p < 0.001; 40 questions gained, 10 lost of 200).",
    )


def test_a_small_gain_is_no_difference_shown_and_says_what_could_have_been():
    (pair,) = correct_for_number([from_counts("base", "sft", gained=30, lost=24, total=200)])
    finding = describe_comparison(pair)
    assert finding.tone == "neutral"
    assert finding.text.startswith("No difference shown between Base and SFT in accuracy: +3.0 points (")
    assert finding.text.endswith(
        f"200 rows could have shown a difference of {100 * pair.detectable:.1f} points."
    )


def test_a_clear_loss_is_bad_news():
    finding = describe_comparison(from_counts("sft", "grpo", gained=10, lost=40, total=200))
    assert finding.tone == "bad"
    assert finding.text.startswith("GRPO is worse than SFT in accuracy: −15.0 points (")


def test_no_difference_at_all_is_none_shown():
    finding = describe_comparison(from_counts("base", "grpo", gained=0, lost=0, total=200))
    assert finding.tone == "neutral"
    assert "±0.0 points" in finding.text


def test_a_difference_that_does_not_survive_the_correction_is_none_shown():
    alone = from_counts("base", "sft", gained=20, lost=7, total=200)
    assert (alone.verdict, alone.p_value < 0.05) == ("better", True)
    corrected, *_ = correct_for_number([alone] * 6)
    assert describe_comparison(corrected).text.startswith("No difference shown between Base and SFT")


def baselines(gained_on_letter):
    return [
        compare_to_chance(Score(90, 200), "sft"),
        from_counts("always A", "sft", gained=gained_on_letter, lost=14, total=200),
        from_counts(BAG_OF_WORDS, "sft", gained=60, lost=14, total=200),
    ]


def test_a_model_that_beats_one_letter_guessing_and_a_bag_of_words_is_said_to():
    assert describe_medicine("sft", baselines(60)) == Finding(
        "good",
        "SFT is better than guessing, always answering A and the bag-of-words classifier, which know no medicine.",
    )


@pytest.mark.parametrize(("gained", "verdict"), [(18, "no difference shown"), (1, "worse")])
def test_a_model_that_fails_one_of_them_has_not_been_shown_to_know_medicine(gained, verdict):
    finding = describe_medicine("sft", baselines(gained))
    assert finding.tone == "bad"
    assert finding.text.startswith(
        "SFT has not been shown to have learned any medicine (against always answering A "
    )
    assert f": {verdict}" in finding.text
    assert "bag-of-words" not in finding.text


def test_a_base_model_that_knows_no_medicine_is_no_bad_news():
    below = from_counts("always A", "base", gained=1, lost=50, total=200)
    assert describe_medicine("base", [below]).tone == "neutral"


def test_the_headline_names_the_best_model_first():
    assert headline(accuracy(base=55, sft=68, grpo=60)) == (
        "SFT answers 34.0% of 200 unseen questions right (95% interval 27.8–40.8%), "
        "against 30.0% for GRPO and 27.5% for Base."
    )
    assert headline(accuracy(base=55)).endswith("(95% interval 21.8–34.1%).")
    assert headline({}) == "This run has no evaluation figures yet."


def test_usable_answers_are_counted_per_model():
    scores = {"base": {"schema_pass_rate": Score(191, 200)}, "sft": {"schema_pass_rate": None}}
    finding = describe_format(scores)
    assert finding is not None
    assert finding.text.endswith("can be used by a program: 95.5% (91.7–97.6%) for Base.")
    assert describe_format({"base": {"schema_pass_rate": None}}) is None


def test_usable_answers_are_compared_by_the_test_alone():
    scores = {"base": {"schema_pass_rate": Score(191, 200)}, "sft": {"schema_pass_rate": Score(150, 200)}}
    worse = from_counts("base", "sft", gained=1, lost=42, total=200, metric="schema_pass_rate")
    finding = describe_format(scores, [worse])
    assert finding.tone == "bad"
    assert "SFT is worse than Base in that (−20.5 points, 95% interval " in finding.text
    same = from_counts("base", "sft", gained=1, lost=2, total=200, metric="schema_pass_rate")
    assert describe_format(scores, [same]).text.endswith("No difference between the models is shown in that.")


def test_figures_are_written_the_same_way_everywhere():
    assert [percent(0), percent(0.34), percent(1)] == ["0.0%", "34.0%", "100.0%"]
    assert [points(0.065), points(-0.065), points(0.0001), points(-0.0001)] == [
        "+6.5",
        "−6.5",
        "±0.0",
        "±0.0",
    ]
    assert [format_p(1.0), format_p(0.0974), format_p(0.0009)] == ["1.000", "0.097", "< 0.001"]


def grpo_validation(make_stage, **published):
    history = make_stage("resumed_twice").histories["grpo"]
    last = dataclasses.replace(history.validation[-1], **published)
    return dataclasses.replace(history, validation=[history.validation[0], last])


def test_a_training_that_ended_below_its_beginning_is_bad_news(make_stage):
    finding = describe_validation(grpo_validation(make_stage, score=0.412))
    assert finding == Finding(
        "bad",
        "GRPO ended below its own beginning on its validation slice of 64 rows: 0.412 as published, against 0.450 "
        "before training. The slice is small; the evaluation, where there is one, weighs more.",
    )


@pytest.mark.parametrize("score", [0.45, 0.53, None])
def test_a_training_that_did_not_fall_is_no_finding(score, make_stage):
    assert describe_validation(grpo_validation(make_stage, score=score)) is None


def test_a_training_that_scored_no_validation_is_no_finding(make_summary):
    assert [describe_validation(history) for history in make_summary().histories.values()] == [None, None]


def test_the_fall_is_among_the_findings_of_the_run(make_run, make_summary):
    parts = STAGES["resumed_twice"](make_run())
    parts["manifest"].phases["grpo"].metrics["validation"]["published"]["score"] = 0.2
    assert [finding.text for finding in make_summary(**parts).findings if "validation slice" in finding.text]
