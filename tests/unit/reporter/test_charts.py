"""What the charts of the results draw, and what is said of them to those who do not see them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.charts import CHARTS
from reporter.charts.alternatives import DESCRIPTIONS, describe_chart
from reporter.charts.metrics import spread
from reporter.charts.reliability import draw_reliability
from reporter.charts.risk_coverage import draw_risk_coverage
from reporter.charts.subjects import draw_subjects
from reporter.charts.theme import LIGHT, themed


@pytest.fixture(scope="module")
def summary(make_summary):
    return make_summary()


def draw(draw_chart, summary):
    with themed(LIGHT):
        figure = draw_chart(summary, LIGHT)
        figure.draw_without_rendering()
        return figure


def test_every_chart_has_its_numbers_in_words(summary):
    assert set(DESCRIPTIONS) == set(CHARTS)
    for name in CHARTS:
        assert describe_chart(name, summary).endswith(".")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("metrics", "Accuracy: Base 26.8% (22.6–31.3%), SFT 43.2% (38.5–48.1%), GRPO 49.5% (44.6–54.4%)."),
        ("deltas", "GRPO accuracy +22.8 points (+15.8 to +29.5)"),
        ("letters", "Right answers: A 35.0%"),
        ("subjects", "Psychiatry (10 rows): Base 30.0% (10.8–60.3%)"),
        ("reliability", "SFT, stated confidence: mean 95.0%, right 43.0%, calibration error 52.0% ("),
        ("risk_coverage", "SFT, stated confidence: of the surest 97.0% 57.0% are wrong, of all 57.0%."),
        ("grpo_curves", "Mean reward: "),
        ("pipeline", "split: done. sft: done."),
    ],
)
def test_the_main_numbers_of_a_chart_are_said(name, words, summary):
    assert words in describe_chart(name, summary)


def test_a_reliability_diagram_has_a_panel_for_each_model_and_signal_and_a_whisker_for_each_bin(summary):
    figure = draw(draw_reliability, summary)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        f"{model}: {signal}"
        for signal in ("stated confidence", "letter probability")
        for model in ("Base", "SFT", "GRPO")
    ]
    bins = {(each.model, each.signal): each.bins for each in summary.analysis.confidences}
    constant = figure.axes[1]
    # The diagonal, and one whisker: a constant makes one bin.
    assert len(bins["sft", "stated"]) == 1
    assert len(constant.lines) == 2
    low, high = (100 * end for end in bins["sft", "stated"][0].interval)
    assert list(constant.lines[1].get_ydata()) == [low, high]


def test_risk_and_coverage_has_a_curve_a_model_and_a_diamond_for_each_threshold(summary):
    stated, probability = draw(draw_risk_coverage, summary).axes
    found = [each for each in summary.analysis.confidences if each.automation.wrong]
    diamonds = [line for line in probability.lines if line.get_marker() == "D"]
    assert found
    assert sorted(float(line.get_xdata()[0]) for line in diamonds) == pytest.approx(
        sorted(100 * each.automation.answered.rate for each in found)
    )
    assert not [line for line in stated.lines if line.get_marker() == "D"]
    assert (len(stated.collections), len(probability.collections)) == (3, 3)


def test_small_subjects_are_pale_and_every_row_says_how_many_it_is_of(summary):
    subjects, lengths = draw(draw_subjects, summary).axes
    labels = [label.get_text() for label in subjects.get_yticklabels()]
    assert labels[-1] == "Psychiatry  (10, few)"
    assert {line.get_alpha() for line in subjects.lines[-6:]} == {0.4}
    assert {line.get_alpha() for line in lengths.lines[1:]} == {1.0}


@given(st.lists(st.floats(0, 100), max_size=5).map(sorted), st.floats(0.1, 20))
def test_labels_are_moved_apart_and_no_further(places, gap):
    moved = spread(places, gap)
    assert all(after - before > gap - 1e-9 for before, after in itertools.pairwise(moved))
    if all(after - before >= gap for before, after in itertools.pairwise(places)):
        assert moved == pytest.approx(places)
    assert sum(moved) == pytest.approx(sum(places), abs=1e-6)
