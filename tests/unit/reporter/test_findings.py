"""What the report says in words, and that it claims no more than the counts allow."""

import dataclasses

import pytest
from unit.reporter.stages import STAGES

from reporter.findings import (
    Finding,
    describe_chance,
    describe_comparison,
    describe_format,
    describe_majority,
    describe_validation,
    format_p,
    headline,
    percent,
    points,
)
from reporter.scores import Comparison, MajorityLetter, Score


def accuracy(**counts):
    return {model: {"accuracy": Score(right, 200)} for model, right in counts.items()}


def test_a_clear_gain_is_good_news():
    finding = describe_comparison(Comparison("sft", "grpo", gained=40, lost=10, total=200))
    assert finding == Finding(
        "good",
        "GRPO against SFT: +15.0 points of accuracy (95% interval +8.2 to +21.5, p-value < 0.001; "
        "40 questions gained, 10 lost of 200). Chance alone is an unlikely explanation.",
    )


def test_a_small_gain_is_called_noise():
    finding = describe_comparison(Comparison("base", "sft", gained=30, lost=24, total=200))
    assert finding.tone == "neutral"
    assert finding.text.startswith("SFT against Base: +3.0 points of accuracy (")
    assert finding.text.endswith("That is within the noise.")


def test_a_clear_loss_is_bad_news():
    assert describe_comparison(Comparison("sft", "grpo", gained=10, lost=40, total=200)).tone == "bad"


def test_no_difference_at_all_is_noise():
    finding = describe_comparison(Comparison("base", "grpo", gained=0, lost=0, total=200))
    assert finding.tone == "neutral"
    assert "±0.0 points" in finding.text


def test_a_model_that_is_not_above_the_commonest_letter_is_suspected_of_having_learned_it():
    below = Comparison("always A", "sft", gained=10, lost=14, total=200)
    finding = describe_majority(MajorityLetter("A", 0.36), {"sft": below})
    assert finding == Finding(
        "bad",
        "Always answering A, the commonest letter, would score 36.0%. SFT is not above it (−2.0 points): "
        "it may have learned the letters, not the answers.",
    )


@pytest.mark.parametrize(
    ("gained", "tone", "words"),
    [(60, "good", "GRPO is clearly above it"), (18, "neutral", "within the noise")],
)
def test_above_the_commonest_letter_counts_only_where_it_is_clear(gained, tone, words):
    above = Comparison("always A", "grpo", gained=gained, lost=14, total=200)
    finding = describe_majority(MajorityLetter("A", 0.36), {"grpo": above})
    assert finding.tone == tone
    assert words in finding.text


def test_one_model_below_the_letter_spoils_the_other_above_it():
    pairs = {
        "sft": Comparison("always A", "sft", gained=10, lost=14, total=200),
        "grpo": Comparison("always A", "grpo", gained=60, lost=14, total=200),
    }
    assert describe_majority(MajorityLetter("A", 0.36), pairs).tone == "bad"


def test_the_base_model_is_not_judged_against_the_letter():
    base = Comparison("always A", "base", gained=1, lost=50, total=200)
    finding = describe_majority(MajorityLetter("A", 0.36), {"base": base})
    assert finding == Finding("neutral", "Always answering A, the commonest letter, would score 36.0%.")


def test_models_that_do_not_clearly_beat_guessing_are_named():
    findings = list(describe_chance(accuracy(base=20, sft=55, grpo=90)))
    assert findings == [
        Finding("bad", "Base's 10.0% is below guessing among four options (25%)."),
        Finding("neutral", "SFT's 27.5% cannot be told from guessing among four options (25%)."),
    ]


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
    assert finding.text.endswith("can be used by a program: 95.5% for Base.")
    assert describe_format({"base": {"schema_pass_rate": None}}) is None


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
