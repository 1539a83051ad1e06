"""A whole report: from a run to its files, whatever the run left behind."""

import base64
import re
import struct
import xml.etree.ElementTree as ElementTree

import pytest

from reporter.charts import CHARTS
from reporter.charts.theme import LIGHT, themed
from reporter.console import render_results_text
from reporter.pages import escape_markdown
from reporter.render import render_html, render_markdown
from reporter.report import render_report
from shared.manifest import Progress

FROM_ANSWERS = {"letters", "subjects", "reliability", "risk_coverage"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_size(data):
    assert data.startswith(PNG_SIGNATURE)
    return struct.unpack(">II", data[16:24])


@pytest.fixture(scope="module")
def report(make_summary, settings):
    return render_report(make_summary(), settings)


def test_a_report_is_two_pages_and_a_picture_a_chart(report):
    assert set(report) == {"report.html", "report.md", *(f"{name}.png" for name in CHARTS)}
    widths = {png_size(content)[0] for name, content in report.items() if name.endswith(".png")}
    assert widths == {1536, 1680}
    for name in CHARTS:
        assert f'id="chart-{name}"'.encode() in report["report.html"]
        assert f"]({escape_markdown(name)}.png)".encode() in report["report.md"]


def test_the_same_run_gives_the_same_report_byte_for_byte(report, make_summary, settings):
    assert render_report(make_summary(), settings) == report


def test_charts_come_in_a_light_and_a_dark_theme(report):
    drawn = re.findall(rb"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", report["report.html"])
    pictures = [base64.b64decode(picture) for picture in drawn]
    assert len(pictures) == 2 * len(CHARTS)
    for dark, light in zip(pictures[::2], pictures[1::2], strict=True):
        sizes = {ElementTree.fromstring(picture).attrib["viewBox"] for picture in (dark, light)}
        assert len(sizes) == 1
        assert b"#161b22" in dark
        assert b"#161b22" not in light


def only_base(make_run):
    run = make_run()
    run.manifest.phases["eval"].metrics["models"] = {
        "base": run.manifest.phases["eval"].metrics["models"]["base"]
    }
    return {"manifest": run.manifest, "answers": {"base": run.answers["base"]}}


def nothing_parseable(make_run):
    run = make_run()
    hopeless = {
        "accuracy": 0.0,
        "valid_json_rate": 0.0,
        "schema_pass_rate": 0.0,
        "accuracy_on_schema": None,
        "rows": 400,
    }
    run.manifest.phases["eval"].metrics["models"] = dict.fromkeys(("base", "sft", "grpo"), hopeless)
    return {"manifest": run.manifest, "answers": {}}


def nothing_evaluated(make_run):
    run = make_run()
    run.manifest.phases["eval"].metrics = {}
    return {"manifest": run.manifest, "answers": {}}


def one_logged_step(make_run):
    run = make_run()
    return {"sft_curve": run.sft_curve[:1], "grpo_curve": run.grpo_curve[:1], "rollouts": run.rollouts[:1]}


def holes_in_the_curves(make_run):
    return {
        "sft_curve": [
            {"step": 1},
            {"loss": 1.0},
            {"step": 2, "loss": float("nan")},
            {"step": 3, "loss": 1.0},
        ],
        "grpo_curve": [{"reward": 1.0, "reward_std": 0.1}, {"step": 2, "reward": 1.0}],
    }


@pytest.mark.parametrize(
    ("parts", "charts", "words"),
    [
        (
            nothing_evaluated,
            {"sft_curves", "grpo_curves", "pipeline"},
            "This run has no evaluation figures yet.",
        ),
        (only_base, set(CHARTS) - {"deltas"}, "Base answers "),
        (
            nothing_parseable,
            set(CHARTS) - FROM_ANSWERS,
            "GRPO has not been shown to have learned any medicine (against guessing −25.0 points",
        ),
        (one_logged_step, set(CHARTS), "Rollouts at step 1"),
        (holes_in_the_curves, set(CHARTS), "Training"),
    ],
)
def test_a_run_with_missing_pieces_still_has_its_report(parts, charts, words, make_run, make_summary):
    summary = make_summary(**parts(make_run))
    assert {name for name in CHARTS if draws(name, summary)} == charts
    assert words in render_html(summary, {})
    assert render_markdown(summary, {}).startswith("# MedMCQA run ")


@pytest.mark.parametrize(
    ("stage", "charts"),
    [
        ("split_only", {"pipeline"}),
        ("sft_running", {"sft_curves", "pipeline"}),
        ("sft_interrupted", {"sft_curves", "pipeline"}),
        ("grpo_stopped_by_guard", {"sft_curves", "grpo_curves", "pipeline"}),
        ("eval_pending", {"sft_curves", "grpo_curves", "pipeline"}),
        ("resumed_twice", set(CHARTS)),
    ],
)
def test_a_run_can_be_reported_on_at_any_moment_of_its_life(stage, charts, make_stage):
    assert {name for name in CHARTS if draws(name, make_stage(stage))} == charts


def draws(name, summary):
    with themed(LIGHT):
        figure = CHARTS[name](summary, LIGHT)
        if figure is not None:
            figure.draw_without_rendering()
        return figure is not None


def test_names_in_the_diagram_stay_inside_their_boxes(make_run, make_summary):
    manifest = make_run().manifest
    manifest.phases["sft"].status = "interrupted"
    manifest.phases["sft"].progress = Progress(step=10_000, total=20_000)
    name = f"{'organisation-' * 4}x/{'a-very-long-model-name-' * 4}y"
    manifest.source.base_model = manifest.source.base_model.model_copy(update={"repo_id": name})
    with themed(LIGHT):
        figure = CHARTS["pipeline"](make_summary(manifest=manifest), LIGHT)
        figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in axes.patches]
    for text in axes.texts:
        place = text.get_window_extent()
        holders = [box for box in boxes if box.contains((place.x0 + place.x1) / 2, (place.y0 + place.y1) / 2)]
        assert all(box.x0 < place.x0 and place.x1 < box.x1 for box in holders), text.get_text()


def test_the_results_are_printed_as_a_table(make_summary):
    head, rule, *rows = render_results_text(make_summary()).splitlines()
    assert head.split() == ["metric", "Base", "SFT", "GRPO"]
    assert set(rule.strip()) == {"─"}
    assert rows == [
        " accuracy             26.8%   43.2% (+16.5)   49.5% (+22.8)",
        " accuracy_on_schema   27.3%   43.0% (+15.7)   50.1% (+22.8)",
        " valid_json_rate      98.5%    99.8% (+1.2)    99.0% (+0.5)",
        " schema_pass_rate     96.0%    97.0% (+1.0)    98.2% (+2.2)",
    ]
