"""The pages of a comparison and of pooled seeds in headless Chromium, with the network cut."""

import pytest
from evaluated_runs import push_evaluated_run

from reporter.compare.output import render as render_comparison
from reporter.compare.output import summarise as summarise_comparison
from reporter.compare.runs import load_runs
from reporter.seeds.output import render as render_seeds
from reporter.seeds.output import summarise as summarise_seeds
from shared.hub import Hub
from shared.runs import ManifestStore

RIGHT = {"base": 15, "sft": 30, "grpo": 44}


@pytest.fixture(scope="module")
def pages(hub_server):
    """Both pages, by name, of the same two runs."""
    store = ManifestStore(Hub(hub_server.url, hub_server.token), "local")
    run_ids = [push_evaluated_run(store, RIGHT, seed=seed, first_row=100 * seed) for seed in (0, 1)]
    runs = load_runs(store.hub, "local", run_ids)
    return render_comparison(summarise_comparison(runs)) | render_seeds(summarise_seeds(runs))


@pytest.mark.parametrize("name", ["compare.html", "seeds.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_shown_in_the_readers_colours_and_asks_for_nothing(pages, open_page, name, scheme):
    page = open_page(pages[name], color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 27, 34)"}[scheme]
    # The style's own hash lets it through the page's policy, the chart's colours with it.
    assert page.evaluate("getComputedStyle(document.querySelector('svg .mark')).fill") != "rgb(0, 0, 0)"


@pytest.mark.parametrize("name", ["compare.html", "seeds.html"])
def test_on_a_phone_nothing_sticks_out_of_the_page(pages, open_page, name):
    page = open_page(pages[name], viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
