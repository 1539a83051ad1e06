"""The pages: self-contained, and with whatever data holds shown as text."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from unit.reporter.stages import DIAGNOSIS, STAGES

from reporter.charts import Chart
from reporter.pages import escape_markdown, fence
from reporter.render import render_html, render_markdown
from shared.manifest import Phase

HOSTILE = (
    "<script>alert(1)</script><img src=//evil.example onerror=x> </pre></td>\"'&amp; `code` ``` | *a* _b_ [c](d) "
    "$x$ ~e~ {{ 7 * 7 }}\n# heading\n| cell"
)
SHOWN = " ".join(HOSTILE.split())
CHARTS = {name: Chart(b"png", b"<svg/>", b"<svg/>") for name in ("metrics", "pipeline")}
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture
def hostile(make_run, make_summary, hostile_parts):
    return make_summary(**hostile_parts(make_run(), HOSTILE))


def words(text):
    return " ".join(text.split())


def test_the_page_loads_nothing(make_summary):
    page = Page(render_html(make_summary(), CHARTS))
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "iframe", "object", "embed", "base", "form"})
    assert all(target.startswith("#") for target in page.attributes("href"))
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.attributes("src"))
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.attributes("srcset"))
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_the_style_loads_nothing(make_summary):
    page = render_html(make_summary(), {})
    style = page[page.index("<style>") : page.index("</style>")]
    assert "{" in style
    assert "url(" not in style
    assert "@import" not in style


def test_links_inside_the_page_lead_somewhere(make_summary):
    page = Page(render_html(make_summary(), CHARTS))
    places = {target.removeprefix("#").partition("?")[0] for target in page.attributes("href")}
    assert places <= set(page.attributes("id"))


def test_every_picture_says_in_words_what_it_shows(make_summary):
    page = Page(render_html(make_summary(), CHARTS))
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 2
    assert all(len(picture["alt"]) > 20 for picture in pictures)


def test_whatever_data_holds_is_text_on_the_page(hostile, make_summary):
    page, usual = Page(render_html(hostile, {})), Page(render_html(make_summary(), {}))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in usual.tags} | {"tr", "dl", "dt", "dd"}
    assert "//evil.example" not in " ".join(page.attributes("src"))
    # Question, four options, completion, rollout, subject, problem, setting, metric, run error (and its first line),
    # the precision's parts and why a step was published.
    assert words(page.text).count(SHOWN) >= 16


def test_whatever_data_holds_is_text_in_the_markdown(hostile):
    text = render_markdown(hostile, {})
    rendered = Page(MARKDOWN.render(text))
    assert {tag for tag, _ in rendered.tags}.isdisjoint({"script", "img", "a", "em", "del", "s"})
    assert [attributes for tag, attributes in rendered.tags if tag == "h1"] == [{}]
    assert words(rendered.text).count(SHOWN) >= 6


def test_no_cell_breaks_a_markdown_table(hostile):
    tables = re.findall(r"^\|.*\n\|[-:|]+\|\n(?:\|.*\n)+", render_markdown(hostile, {}), flags=re.MULTILINE)
    widths = [{len(re.findall(r"(?<!\\)\|", row)) - 1 for row in table.splitlines()} for table in tables]
    # Metrics, jobs, what SFT measured, attempts of SFT and of GRPO, splits, configuration, provenance, at the least.
    assert len(widths) >= 8
    assert all(len(width) == 1 for width in widths), widths


@given(st.text())
def test_any_text_reads_in_markdown_as_it_is(text):
    text = text.replace("\0", "")
    rendered = Page(MARKDOWN.render(f"| head |\n|---|\n| x {escape_markdown(text)} y |"))
    assert [tag for tag, _ in rendered.tags] == ["table", "thead", "tr", "th", "tbody", "tr", "td"]
    assert words(rendered.text) == words(f"head x {text} y")


@given(st.text(alphabet="`~a \n"))
def test_a_fence_holds_any_text(text):
    tokens = MARKDOWN.parse(f"before\n\n{fence(text)}\n\nafter")
    assert [token.type for token in tokens].count("fence") == 1
    assert tokens[3].content == f"{text}\n"


def test_a_long_completion_is_cut_and_says_so(make_run, make_summary):
    long = make_run().rollouts[:1]
    long = [type(long[0])(**(vars(long[0]) | {"completion": "a" * 2000}))]
    assert "… (500 more characters)" in render_html(make_summary(rollouts=long), {})


def test_a_failed_phase_shows_its_error_beside_its_job(make_run, make_summary):
    manifest = make_run().manifest
    manifest.phases["grpo"] = Phase(status="failed", error="all rewards are zero. Turn thinking off.")
    manifest.phases["grpo"].attempt("job-9")
    summary = make_summary(manifest=manifest)
    page = Page(render_html(summary, {}))
    assert "all rewards are zero. Turn thinking off." in page.text
    assert "status-failed" in " ".join(page.attributes("class"))
    assert "failed: all rewards are zero. Turn thinking off. |" in render_markdown(summary, {})


def test_a_diagnosis_is_shown_in_full_and_as_text_once_and_its_first_line_beside_the_job(make_stage):
    summary = make_stage("grpo_stopped_by_guard")
    page = Page(render_html(summary, {}))
    assert page.text.count(DIAGNOSIS) == 1
    assert page.text.count(DIAGNOSIS.splitlines()[0]) == 2
    assert not [tag for tag, _ in page.tags if tag == "think"]
    fences = [
        token.content for token in MARKDOWN.parse(render_markdown(summary, {})) if token.type == "fence"
    ]
    assert f"{DIAGNOSIS}\n" in fences


@pytest.mark.parametrize("stage", ["split_only", "sft_running", "sft_interrupted", "grpo_stopped_by_guard"])
def test_an_unfinished_run_says_so_first_and_shows_no_empty_evaluation(stage, make_stage):
    summary = make_stage(stage)
    page = Page(render_html(summary, {}))
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections[0] == "state"
    assert {"results", "answers"}.isdisjoint(sections)
    assert {target.removeprefix("#") for target in page.attributes("href")} == {"content", *sections}
    assert page.text.count("the evaluation, with its scores, comparisons and answers") == 1
    assert "left no data" not in page.text
    assert summary.next_step.command in page.text
    markdown = render_markdown(summary, {})
    assert re.findall("^## (.*)$", markdown, flags=re.MULTILINE)[0] == "This run is unfinished"
    assert not re.findall("^## (Results|Answers)$", markdown, flags=re.MULTILINE)
    assert markdown.count("the evaluation, with its scores, comparisons and answers") == 1
    assert "left no data" not in markdown


def test_a_finished_run_has_no_word_on_what_is_missing(make_stage):
    for page in (
        render_html(make_stage("resumed_twice"), CHARTS),
        render_markdown(make_stage("resumed_twice"), CHARTS),
    ):
        assert "unfinished" not in page
        assert "Not there yet" not in page


def test_a_validation_fall_is_told_before_there_is_an_evaluation(make_run, make_summary):
    parts = STAGES["resumed_twice"](make_run()) | STAGES["eval_pending"](make_run())
    trained = STAGES["resumed_twice"](make_run())["manifest"].phases["grpo"]
    trained.metrics["validation"]["published"]["score"] = 0.1
    parts["manifest"].phases["grpo"] = trained
    summary = make_summary(**parts)
    assert Page(render_html(summary, {})).text.count("ended below its own beginning") == 1
    assert render_markdown(summary, {}).count("ended below its own beginning") == 1


def test_an_evaluation_of_an_earlier_model_is_shown_with_a_word_of_warning(make_run, make_summary):
    run = make_run()
    run.manifest.phases["eval"].inputs = {"grpo": run.manifest.phases["sft"].outputs["model"]}
    page = Page(render_html(make_summary(manifest=run.manifest), CHARTS))
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections[:2] == ["state", "results"]
    assert "done, but with what grpo had made before" in page.text


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_how_it_was_trained_is_told_where_it_was_recorded(render, make_summary, make_stage):
    told = render(make_stage("resumed_twice"), CHARTS)
    parts = ("a T4 has no bf16 in hardware", "2 times, at steps 40 and 80", "it has the best validation score", "45.3%",
             "41.1–64.8%", "killed or crashed")  # fmt: skip
    for part in parts:
        assert part in told
    older = render(make_summary(), CHARTS)
    for part in (*parts, "Precision", "alidation slice", "Published"):
        assert part not in older


def test_what_is_told_in_words_is_not_listed_among_the_measured_values(make_stage):
    page = render_html(make_stage("resumed_twice"), {})
    assert "validation.start" not in page
    assert "precision.dtype" not in page


def test_charts_that_are_missing_are_named(make_summary):
    page = Page(render_html(make_summary(), {}))
    assert "This run left no data for the chart “sft curves”." in page.text


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_the_starter_is_said_to_know_no_medicine_and_a_real_model_is_not(render, make_run, make_summary):
    assert "knows no medicine" in render(make_summary(), {})
    manifest = make_run().manifest
    source = manifest.source
    manifest.source.base_model = source.base_model.model_copy(update={"repo_id": "Qwen/Qwen3-0.6B"})
    assert "made from a few hundred facts" in render(make_summary(manifest=manifest), {})
    manifest.source.dataset = source.dataset.model_copy(update={"repo_id": "openlifescienceai/medmcqa"})
    assert "miniature" not in render(make_summary(manifest=manifest), {})


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_every_part_the_report_owes_is_there(render, make_summary):
    page = render(make_summary(), CHARTS)
    for part in (
        "Accuracy on schema",
        "95% Wilson",
        "McNemar",
        "cpu-basic",
        "lora",
        "Unparseable",
        "Replaced rows",
    ):
        assert part in page
    assert "nothing in it is medical advice" in page


@pytest.mark.parametrize(
    ("cost", "shown"),
    [(0.0, "$0.00"), (0.0004, "&lt;$0.01"), (0.25, "$0.25"), (12.345, "$12.35"), (None, "—")],
)
def test_costs_are_never_rounded_to_nothing(cost, shown, make_run, make_summary):
    manifest = make_run().manifest
    for phase in manifest.phases.values():
        phase.attempts = []
    manifest.phases["sft"].attempt("j").cost_usd = cost
    assert f"<span>cost <b>{shown}</b></span>" in render_html(make_summary(manifest=manifest), {})
