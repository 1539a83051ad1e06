"""The page's own markup: what a browser may run, what a screen reader is told, what can be read."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from unit.reporter.stages import STAGES

from reporter.charts import Chart
from reporter.render import MAX_MARKDOWN_BYTES, render_html, render_markdown

HOSTILE = "</script><script>alert(1)</script><!-- <script> \u2028 ]]> &lt; 'x' \"y\""
CHARTS = {name: Chart(b"png", b"<svg/>", b"<svg/>") for name in ("metrics", "deltas", "pipeline")}
TEXT_ON_PAPER = ("ink", "muted", "base", "sft", "grpo", "good", "bad")
ENOUGH_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of any size."""


class Outline(HTMLParser):
    """Tags with their attributes in order, and what stands inside each script."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts, self.is_script = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.is_script = tag == "script"
        if self.is_script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.is_script = False

    def handle_data(self, data):
        if self.is_script:
            self.scripts[-1] += data

    def of(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def outline(make_summary):
    return Outline(render_html(make_summary(), CHARTS))


@pytest.fixture
def hostile(make_run, make_summary, hostile_parts):
    return Outline(render_html(make_summary(**hostile_parts(make_run(), HOSTILE)), CHARTS))


def source_hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def directives(outline):
    (policy,) = (meta["content"] for meta in outline.of("meta") if "http-equiv" in meta)
    return dict(directive.split(maxsplit=1) for directive in policy.split("; "))


def test_the_browser_is_told_to_run_the_pages_own_script_and_style_and_to_load_nothing(outline, make_summary):
    style = re.search("<style>(.*?)</style>", render_html(make_summary(), {}), re.DOTALL).group(1)
    _, script = outline.scripts
    assert directives(outline) == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": source_hash(style),
        "script-src": source_hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_on_the_page_needs_a_style_or_a_script_that_the_browser_would_refuse(outline):
    assert not [attributes for _, attributes in outline.tags if "style" in attributes]
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]


def test_data_cannot_leave_the_element_that_holds_it(hostile, outline):
    assert [set(script) for script in hostile.of("script")] == [
        set(script) for script in outline.of("script")
    ]
    data, script = hostile.scripts
    assert script == outline.scripts[1]
    assert not re.search("[<>&\u2028]", data)
    (question,) = json.loads(data)["questions"]
    assert question["text"] == question["options"][0] == question["answers"]["base"]["text"] == HOSTILE


def test_headings_are_in_order_and_none_is_skipped(make_summary, make_stage):
    for summary in (make_summary(), *map(make_stage, STAGES)):
        page = Outline(render_html(summary, CHARTS))
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1
        assert all(below <= above + 1 for above, below in pairwise(levels))


def test_the_page_has_its_landmarks_and_a_way_past_them(outline):
    assert [tag for tag, _ in outline.tags if tag in ("header", "nav", "main", "footer")] == [
        "header", "nav", "main", "footer",
    ]  # fmt: skip
    first_link = outline.of("a")[0]
    assert outline.of("main") == [{"id": first_link["href"].removeprefix("#"), "tabindex": "-1"}]


def test_no_id_is_given_twice(outline):
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_control_is_inside_its_label(make_summary):
    page = render_html(make_summary(), {})
    labels = re.findall("<label.*?</label>", page, re.DOTALL)
    assert len(labels) == 5
    assert all(len(re.findall("<(?:select|input)", label)) == 1 for label in labels)
    assert len(re.findall("<(?:select|input)", page)) == 5


def test_every_header_cell_says_what_it_heads(make_summary, make_stage):
    for summary in (make_summary(), *map(make_stage, STAGES)):
        cells = Outline(render_html(summary, CHARTS)).of("th")
        assert {cell.get("scope") for cell in cells} <= {"col", "row"}


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(theme, make_summary):
    blocks = re.findall(r":root \{([^}]*--paper[^}]*)\}", render_html(make_summary(), {}))
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[theme]))
    pairs = [(text, "paper") for text in TEXT_ON_PAPER]
    pairs += [("ink", "note"), ("ink", "panel"), ("ink", "page"), ("muted", "page"), ("muted", "panel")]
    weak = {pair: contrast(*(colours[name] for name in pair)) for pair in pairs}
    assert {pair: value for pair, value in weak.items() if value < ENOUGH_CONTRAST} == {}


def test_the_markdown_is_short_enough_for_a_job_summary_whatever_the_answers_are(make_run, make_summary):
    usual = render_markdown(make_summary(), CHARTS)
    assert len(usual.encode()) < MAX_MARKDOWN_BYTES / 10
    run = make_run()
    long = {"question": "é" * 200_000}
    questions = {key: question.model_copy(update=long) for key, question in run.questions.items()}
    run.manifest.phases["grpo"].status, run.manifest.phases["grpo"].error = "failed", "é" * MAX_MARKDOWN_BYTES
    short = render_markdown(make_summary(questions=questions, manifest=run.manifest), CHARTS)
    assert len(short.encode()) < MAX_MARKDOWN_BYTES
    assert "They are too long for this page; report.html has them." in short
    assert "| Accuracy |" in short
