"""What a reader can do with the page, in a real browser that has no network."""

import dataclasses
import re

import pytest
from launching import wait_until
from playwright.sync_api import expect
from unit.reporter.stages import STAGES

from reporter.charts import Chart
from reporter.render import render_html

HOSTILE = (
    "</script><script>window.ran = 1; alert(1)</script><img src=//evil.example/x onerror='window.ran = 2'>"
    "<!-- <script> \u2028 \"'&lt; {{ 7 * 7 }} {{constructor.constructor('window.ran = 3')()}} " + "long" * 80
)
PHONE = {"width": 390, "height": 844}
PAGE_SIZE = 25


def drawn(colour):
    box = f'<rect fill="{colour}" width="640" height="90"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="90">{box}</svg>'


CHARTS = {
    name: Chart(b"", drawn("#ffffff").encode(), drawn("#161b22").encode()) for name in ("metrics", "pipeline")
}


@pytest.fixture(scope="session")
def summary(make_summary):
    return make_summary()


@pytest.fixture(scope="session")
def html(summary):
    return render_html(summary, CHARTS)


@pytest.fixture
def hostile_html(make_run, make_summary, hostile_parts):
    parts = hostile_parts(make_run(), HOSTILE)
    (answer,) = parts["answers"]["base"]
    parts["answers"]["base"] = [dataclasses.replace(answer, is_schema=False, failure=HOSTILE)]
    return render_html(make_summary(**parts), CHARTS)


def shown(page):
    return page.locator("#answer-list > li")


def control(page, label):
    return page.locator("#browser label", has_text=re.compile(f"^{label}")).locator("select, input")


def matches(page):
    return int(re.match(r"[\d,]+", page.locator("#matches").inner_text()).group().replace(",", ""))


def wait_for_matches(page, count):
    expect(page.locator("#matches")).to_have_text(re.compile(f"^{count:,} of"))


def column(page, table, index):
    return page.locator(f"{table} tbody tr:not(.error) > :nth-child({index})").all_inner_texts()


def count(summary, is_wanted):
    return sum(is_wanted(model, row) for model, rows in summary.run.answers.items() for row in rows)


# ---- tables


def test_a_table_sorts_as_numbers_by_a_click_and_the_other_way_by_the_keyboard(open_page, html):
    page = open_page(html)
    header = page.locator("table.jobs th", has_text="Minutes").first
    jobs = "#pipeline table.jobs"
    assert header.get_attribute("aria-sort") is None
    header.get_by_role("button").click()
    known = [float(minutes) for minutes in column(page, jobs, 4) if minutes != "—"]
    assert (known, header.get_attribute("aria-sort")) == (sorted(known), "ascending")
    page.keyboard.press("Enter")
    assert [float(minutes) for minutes in column(page, jobs, 4) if minutes != "—"] == known[::-1]
    assert header.get_attribute("aria-sort") == "descending"
    # What is not known is last either way, and the sum stays below.
    assert column(page, jobs, 4)[-1] == "—"
    assert page.locator(f"{jobs} tfoot").inner_text().startswith("All jobs")


def test_numbers_sort_by_their_size_and_not_by_their_digits(open_page, html):
    page = open_page(html)
    page.locator("#data th", has_text="Rows").get_by_role("button").click()
    rows = [int(text.replace(",", "")) for text in column(page, "#data table:not(.pairs)", 2) if text != "—"]
    assert rows == sorted(rows)
    assert {len(str(number)) for number in rows} == {3, 4}


def test_an_error_stays_below_the_job_that_it_explains(open_page, make_run, make_summary):
    manifest = make_run().manifest
    grpo = manifest.phases["grpo"]
    grpo.status, grpo.error = "failed", "all rewards are zero."
    page = open_page(render_html(make_summary(manifest=manifest), {}))
    for _ in range(2):
        page.locator("#pipeline th", has_text="Minutes").get_by_role("button").click()
        above = page.locator("#pipeline tr.error").evaluate("row => row.previousElementSibling.textContent")
        assert above.strip().startswith("grpo")


# ---- the browser of answers


def test_answers_are_filtered_by_model_and_outcome_and_counted_aloud(open_page, html, summary):
    page = open_page(html)
    assert matches(page) == count(summary, lambda *_: True)
    control(page, "Model").select_option("sft")
    control(page, "Outcome").select_option("wrong")
    wanted = count(summary, lambda model, row: model == "sft" and not row.correct)
    wait_for_matches(page, wanted)
    assert {text.split("\n")[0] for text in shown(page).all_inner_texts()} == {"SFT · wrong"}
    assert page.locator("#matches").get_attribute("role") == "status"
    page.get_by_role("button", name="Clear").click()
    wait_for_matches(page, count(summary, lambda *_: True))


def test_each_kind_of_failure_can_be_listed(open_page, html, summary):
    page = open_page(html)
    kinds = {row.failure for rows in summary.run.answers.values() for row in rows} - {None}
    assert len(kinds) > 2
    for kind in kinds:
        control(page, "Failure").select_option(kind)
        wait_for_matches(page, count(summary, lambda _, row, kind=kind: row.failure == kind))


def test_a_subject_can_be_listed_and_its_disagreements(open_page, html, summary):
    page = open_page(html)
    control(page, "Subject").select_option("Psychiatry")
    wait_for_matches(page, count(summary, lambda _, row: row.subject_name == "Psychiatry"))
    control(page, "Subject").select_option("")
    control(page, "Outcome").select_option("disagree")
    verdicts = {}
    for rows in summary.run.answers.values():
        for row in rows:
            verdicts.setdefault(row.row_id, set()).add(row.correct)
    wait_for_matches(page, count(summary, lambda _, row: len(verdicts[row.row_id]) == 2))
    assert shown(page).count() > 0


def test_search_finds_all_words_in_whatever_case_and_order(open_page, html, summary):
    page = open_page(html)
    control(page, "Search").fill("  ULNAR q0001 wrist ")
    wait_for_matches(page, len(summary.run.answers))
    assert all("q0001" in text for text in shown(page).all_inner_texts())
    control(page, "Search").fill("there is no such word")
    wait_for_matches(page, 0)
    assert shown(page).count() == 0


def test_an_answer_stands_beside_its_question_and_what_the_others_said(open_page, html, summary):
    row = next(row for row in summary.run.answers["grpo"] if row.letter and row.letter != row.gold)
    page = open_page(html, f"#answers?model=grpo&search={row.row_id}")
    card = shown(page).first
    assert card.locator("h3").inner_text() == "GRPO · wrong"
    assert card.locator("li.gold").inner_text().startswith(f"{row.gold}) ")
    assert card.locator("li.chosen").inner_text().startswith(f"{row.letter}) ")
    assert f"stated confidence {row.confidence:g}" in card.inner_text()
    share = float(re.search(rf"probability of {row.letter} ([\d.]+)%", card.inner_text()).group(1))
    assert share == pytest.approx(100 * row.letter_probabilities["ABCD".index(row.letter)], abs=0.1)
    assert card.locator("> pre").text_content() == row.text
    card.locator("summary").click()
    others = [
        next(one for one in summary.run.answers[model] if one.row_id == row.row_id)
        for model in ("base", "sft")
    ]
    assert card.locator("details pre").all_text_contents() == [other.text for other in others]


def test_answers_come_page_by_page(open_page, html):
    page = open_page(html)
    first = page.locator("#answer-list").inner_text()
    assert shown(page).count() == PAGE_SIZE
    assert page.get_by_role("button", name="Previous").is_disabled()
    page.get_by_role("button", name="Next").click()
    assert page.locator("#page").inner_text() == "Page 2 of 48"
    assert page.locator("#answer-list").inner_text() != first
    page.get_by_role("button", name="Previous").click()
    assert page.locator("#answer-list").inner_text() == first


def test_a_view_has_an_address_that_opens_it_again(open_page, html, summary):
    page = open_page(html)
    control(page, "Model").select_option("base")
    control(page, "Outcome").select_option("failed")
    failed = count(summary, lambda model, row: model == "base" and not row.is_schema)
    wait_for_matches(page, failed)
    address = page.evaluate("location.hash")
    assert address == "#answers?model=base&outcome=failed"
    again = open_page(html, address)
    assert matches(again) == failed
    assert control(again, "Outcome").input_value() == "failed"


def test_a_count_of_failures_leads_to_the_answers_that_it_counts(open_page, html):
    page = open_page(html, reduced_motion="reduce")
    link = page.locator("#analysis a[href*='kind=']").first
    link.click()
    expect(page.locator("#matches")).to_have_text(re.compile(f"^{link.inner_text()} of"))
    assert page.locator("#browser").evaluate("one => one.getBoundingClientRect().top < innerHeight")


@pytest.mark.parametrize(
    "fragment",
    [
        "#answers?model=nobody&outcome=toString&kind=__proto__",
        "#answers?page=99999",
        "#answers?page=-1&x=%ff",
    ],
)
def test_an_address_that_makes_no_sense_shows_answers_all_the_same(fragment, open_page, html):
    assert shown(open_page(html, fragment)).count() == PAGE_SIZE


# ---- whatever data holds


def test_hostile_data_is_text_and_nothing_of_it_runs(open_page, hostile_html):
    page = open_page(hostile_html)
    assert shown(page).locator("> pre").first.text_content() == HOSTILE
    assert shown(page).locator("h3 ~ p:not(.tag)").first.text_content() == HOSTILE
    control(page, "Failure").select_option(HOSTILE)
    wait_for_matches(page, 1)
    control(page, "Subject").select_option(HOSTILE)
    wait_for_matches(page, 1)
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert (
        page.locator("main img:not([src^='data:']), main script:not([type='application/json'])").count() == 0
    )


def test_a_script_that_gets_into_the_page_is_refused(chromium, tmp_path, html):
    path = tmp_path / "tampered.html"
    intruders = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
    path.write_text(html.replace("<main", f"{intruders}<main"), encoding="utf-8")
    page = chromium.new_page(offline=True)
    page.goto(path.as_uri())
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert shown(page).count() == PAGE_SIZE
    page.close()


# ---- how it looks


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_nothing_is_wider_than_a_phone(stage, open_page, html, make_stage):
    page = open_page(html if stage is None else render_html(make_stage(stage), CHARTS), viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_hostile_data_is_not_wider_than_a_phone_either(open_page, hostile_html):
    page = open_page(hostile_html, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_dark_theme_is_dark_charts_too_and_print_is_light_in_both(open_page, html):
    light, dark = (open_page(html, color_scheme=scheme) for scheme in ("light", "dark"))
    chart = "document.querySelector('figure img').currentSrc"
    paper = "getComputedStyle(document.querySelector('section')).backgroundColor"
    assert light.screenshot() != dark.screenshot()
    assert light.evaluate(chart) != dark.evaluate(chart)
    assert (light.evaluate(paper), dark.evaluate(paper)) == ("rgb(255, 255, 255)", "rgb(22, 27, 34)")
    dark.emulate_media(media="print")
    wait_until(lambda: dark.evaluate(chart) == light.evaluate(chart))
    assert dark.evaluate(paper) == "rgb(255, 255, 255)"


def test_print_has_the_samples_in_place_of_the_controls_and_everything_open(open_page, html):
    page = open_page(html)
    page.evaluate("""addEventListener("beforeprint", () => {
        window.open_at_print = [...document.querySelectorAll(".fold")].map((one) => one.open);
    })""")
    page.evaluate("""() => {
        const fold = document.createElement("details");
        fold.className = "fold";
        fold.append("folded");
        document.querySelector("main section").append(fold);
    }""")
    assert page.pdf(format="A4").startswith(b"%PDF-")
    assert page.evaluate("window.open_at_print") == [True]
    assert page.locator("details.fold").get_attribute("open") is None
    assert not page.locator(".samples").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".samples").is_visible()
    # Chromium leaves a button's text out of a header that it repeats on the next page.
    assert page.locator("th button").first.evaluate("one => getComputedStyle(one).display") == "contents"
    assert not page.locator("#browser, nav[aria-label='Sections'], .skip").locator("visible=true").count()


def test_without_javascript_the_samples_and_the_tables_are_there(open_page, html):
    page = open_page(html, java_script_enabled=False)
    assert page.locator(".samples").is_visible()
    assert not page.locator("#browser").is_visible()
    assert page.locator("#data table").first.is_visible()
    assert page.get_by_role("button").count() == 0


def test_the_first_key_leads_past_the_navigation_and_focus_can_be_seen(open_page, html):
    page = open_page(html)
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    assert skip.evaluate("link => link === document.activeElement && link.getBoundingClientRect().left >= 0")
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_nothing_moves_for_a_reader_who_wants_no_motion(open_page, html):
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert open_page(html, reduced_motion="reduce").evaluate(behaviour) == "auto"
    assert open_page(html, reduced_motion="no-preference").evaluate(behaviour) == "smooth"
