"""What the training curves are made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.reporter.stages import BEGUN, with_validation

from reporter.charts.curves import draw_grpo_curves, draw_sft_curves, format_rate, reward_names, running_mean
from reporter.charts.theme import LIGHT, themed
from shared.manifest import Attempt


def test_the_running_mean_is_centred():
    assert running_mean([0, 0, 9, 0, 0], window=3) == [0, 3, 3, 3, 0]


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 60))
def test_the_running_mean_never_leaves_the_range_of_its_values(values, window):
    means = running_mean(values, window)
    assert len(means) == len(values)
    assert all(min(values) - 1e-6 <= value <= max(values) + 1e-6 for value in means)


def test_a_window_of_one_changes_nothing():
    assert running_mean([3, 1, 2], window=1) == [3, 1, 2]


def test_reward_functions_are_found_by_their_logged_means():
    curve = [
        {"step": 1, "rewards/json/mean": 1, "rewards/json/std": 0},
        {"rewards/a/b/mean": 0},
        {"reward": 1},
    ]
    assert reward_names(curve) == ["json", "a/b"]


def test_learning_rates_are_written_as_in_settings():
    assert [format_rate(value) for value in (0, 2e-4, 1.75e-4, 5e-6, 0.1)] == [
        "0", "2e-4", "1.75e-4", "5e-6", "1e-1",
    ]  # fmt: skip


def draw(draw_curves, summary):
    with themed(LIGHT):
        figure = draw_curves(summary, LIGHT)
        figure.draw_without_rendering()
        return figure


def upright_lines(axes):
    return {
        line.get_xdata()[0]
        for line in axes.lines
        if len(line.get_xdata()) == 2 and line.get_ydata() == [0, 1]
    }


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize(
    ("stage", "draw_curves", "steps", "legend"),
    [
        ("resumed_twice", draw_grpo_curves, {40, 80, 90}, ["resumed, steps 40 and 80", "published, step 90"]),
        ("resumed_twice", draw_sft_curves, set(), []),
        ("sft_running", draw_sft_curves, {20}, ["resumed, step 20"]),
        ("grpo_stopped_by_guard", draw_grpo_curves, {57}, ["stopped by a guard, step 57"]),
    ],
)
def test_every_panel_marks_resumes_the_published_step_and_the_guard(
    stage, draw_curves, steps, legend, make_stage
):
    figure = draw(draw_curves, make_stage(stage))
    assert [upright_lines(axes) for axes in figure.axes] == [steps] * len(figure.axes)
    assert legend_texts(figure) == legend


def test_many_resumes_are_counted_and_not_named(make_run, make_summary):
    manifest = make_run().manifest
    manifest.phases["sft"].attempts = [
        Attempt(job_id=str(step), started_at=BEGUN, resumed_from=step or None) for step in range(0, 60, 10)
    ]
    assert legend_texts(draw(draw_sft_curves, make_summary(manifest=manifest))) == ["resumed, 5 times"]


@pytest.mark.parametrize(
    ("draw_curves", "curve", "panels"),
    [(draw_sft_curves, "sft_curve", 2), (draw_grpo_curves, "grpo_curve", 4)],
)
def test_the_validation_slice_has_a_panel_of_its_own_where_it_was_scored(
    draw_curves, curve, panels, make_run, make_summary
):
    assert len(draw(draw_curves, make_summary()).axes) == panels
    scored = with_validation(getattr(make_run(), curve), every=40)
    validation = draw(draw_curves, make_summary(**{curve: scored})).axes[panels:]
    lines = {line.get_label(): list(line.get_xdata()) for axes in validation for line in axes.lines}
    assert lines == {name: [0, 40, 80, 120] for name in ("accuracy", "schema pass rate", "score")}


@pytest.mark.parametrize(
    ("draw_curves", "curve"), [(draw_sft_curves, "sft_curve"), (draw_grpo_curves, "grpo_curve")]
)
def test_a_curve_that_has_nothing_but_its_first_validation_is_drawn(draw_curves, curve, make_summary):
    summary = make_summary(**{curve: [{"step": 0, "validation/accuracy": 0.4}]})
    (axes,) = draw(draw_curves, summary).axes
    assert [line.get_label() for line in axes.lines] == ["accuracy"]
