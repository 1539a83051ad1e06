"""The results on the page and in Markdown: tests, tables, and what an earlier run does not have."""

import pytest
from unit.reporter.factory import eval_metrics, make_predictions, only_answers

from reporter.predictions import Answer
from reporter.render import render_html, render_markdown

OLD_COLUMNS = ("row_id", "gold", "text", "letter", "is_json", "is_schema", "correct", "problem")


@pytest.fixture(scope="module")
def summary(make_summary):
    return make_summary()


@pytest.fixture(scope="module")
def old_summary(make_run, make_summary):
    """The same run as the first version of the evaluator would have left it."""
    answers = {
        model: [Answer(**{name: getattr(answer, name) for name in OLD_COLUMNS}) for answer in rows]
        for model, rows in make_predictions().answers.items()
    }
    manifest = make_run().manifest
    metrics = eval_metrics(only_answers(answers))
    manifest.phases["eval"].metrics = {
        name: metrics[name] for name in ("models", "majority_letter", "majority_letter_rate")
    }
    return make_summary(manifest=manifest, predictions=only_answers(answers))


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_a_verdict_stands_beside_its_test_and_what_could_have_been_shown(render, summary):
    page = render(summary, {})
    for part in (
        "no difference shown",
        "corrected",
        "always A → SFT",
        "bag of words → GRPO",
        "guessing → Base",
    ):
        assert part in page
    pair = summary.comparisons[1]
    assert f"{100 * pair.detectable:.1f}" in page


@pytest.mark.parametrize(
    ("render", "decoding", "rotation"),
    [
        (render_html, "Free against constrained decoding", "all four together (debiased)"),
        (render_markdown, "| free | constrained |", "chooses the same option wherever it stands"),
    ],
)
def test_every_side_of_the_answers_is_shown(render, decoding, rotation, summary):
    page = render(summary, {})
    for part in ("Psychiatry", "few rows", "think block", "letter probability", decoding, rotation):
        assert part in page


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_a_run_of_an_earlier_version_is_compared_all_the_same_and_shows_no_empty_table(render, old_summary):
    page = render(old_summary, {})
    for part in ("SFT is better than Base in accuracy", "always A → SFT", "Psychiatry", "think block"):
        assert part in page
    for part in ("bag of words", "AUROC", "onstrained", "resemble", "options moved", "Mean an answer"):
        assert part not in page


def test_what_the_footer_says_of_confidence_comes_from_the_answers(summary, old_summary):
    remark = "SFT states 0.95 in 100.0% of its answers: a constant that it was taught, not a probability."
    footer = render_html(summary, {}).rpartition("<footer>")[2]
    assert remark in " ".join(footer.split())
    assert "constant that it was taught" not in render_html(old_summary, {})
