"""`python -m reporter.seeds` on runs that lie on a real hub."""

import html
import re
import statistics
import subprocess
import sys
from functools import partial

import pytest
from evaluated_runs import push_evaluated_run

from reporter.compare.runs import load_runs
from reporter.seeds.output import render, summarise
from shared.errors import BadInput, ExitCode
from shared.hub import Hub
from shared.runs import ManifestStore
from shared.statistics.clusters import spread

SEEDS = {
    0: {"base": 15, "sft": 40, "grpo": 42},
    1: {"base": 16, "sft": 42, "grpo": 41},
    2: {"base": 15, "sft": 41, "grpo": 44},
}
ROWS = 60


@pytest.fixture(scope="module")
def store(hub_server):
    return ManifestStore(Hub(hub_server.url, hub_server.token), "local")


@pytest.fixture
def evaluated_run(store):
    return partial(push_evaluated_run, store)


@pytest.fixture
def command(hub_env, tmp_path):
    """Runs the command in a folder of its own."""

    def run(*run_ids):
        command = [sys.executable, "-m", "reporter.seeds", "--run-ids", *run_ids, "--namespace", "local"]
        return subprocess.run(command, cwd=tmp_path, env=hub_env, text=True, capture_output=True, check=False)

    return run


@pytest.fixture
def pool(store):
    """Pools runs in this process; returns the HTML page and the Markdown."""

    def run(*run_ids, missing=()):
        return render(summarise(load_runs(store.hub, "local", run_ids), missing)).values()

    return run


@pytest.fixture
def seeds(evaluated_run):
    def make(own_questions=True, **changes):
        return [
            evaluated_run(right, seed=seed, easy=seed, first_row=1000 * seed * own_questions, **changes)
            for seed, right in SEEDS.items()
        ]

    return make


def test_a_figure_has_its_mean_its_spread_and_each_seed(command, seeds, tmp_path):
    done = command(*seeds())
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    rates = [right["sft"] / ROWS for right in SEEDS.values()]
    low, high = spread(rates).interval
    wanted = (
        f"SFT Accuracy {statistics.fmean(rates):.1%} {100 * low:.1f}–{100 * high:.1f}% {statistics.stdev(rates):.1%} "
        "66.7–70.0% 66.7% 70.0% 68.3%"
    )
    table = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert wanted in table
    assert "bag of words 30.0% 30.0–30.0% 0.0% 30.0–30.0% 30.0% 30.0% 30.0%" in table
    assert table[-1] == "The pooled seeds are in reports/seeds-mine-0-1-2/seeds.html"
    page, text = (
        (tmp_path / f"reports/seeds-mine-0-1-2/seeds.{kind}").read_text() for kind in ("html", "md")
    )
    assert "<h1>Profile mine over 3 seeds</h1>" in page
    assert 'make seeds SEEDS="0 1 2" PROFILE=mine' in text


def test_a_difference_is_shown_where_all_seeds_agree_and_not_where_they_do_not(pool, seeds):
    page, _ = pool(*seeds())
    assert (
        "SFT is better than Base in accuracy: +42.8 points in the mean of 3 seeds, +41.7 to +43.3 in single ones"
        in page
    )
    assert (
        "No difference shown between SFT and GRPO in accuracy: +2.2 points in the mean of 3 seeds, −1.7 to +5.0"
        in page
    )
    # Whatever the difference: three clusters can give no smaller one.
    assert "it cannot fall below 0.083 with 3 seeds" in page


def test_seeds_that_draw_their_own_questions_are_told_from_those_that_share_them(pool, seeds):
    assert "draws its own questions" in next(iter(pool(*seeds())))


def test_seeds_that_are_asked_the_same_questions_are_resampled_with_them(pool, seeds):
    page, _ = pool(*seeds(own_questions=False))
    assert "all seeds were asked the same questions" in page


def test_what_differs_but_the_seed_is_shown(pool, seeds, evaluated_run):
    same = seeds()
    assert "None: dataset, base model, code and every setting are the same." in next(iter(pool(*same)))
    other = evaluated_run(SEEDS[2], seed=7, first_row=9000, config={"temperature": 1.0})
    page, _ = pool(same[0], other)
    assert '<td class="mono">grpo.temperature</td><td class="wrap">0.6</td><td class="wrap">1</td>' in page


def test_a_seed_that_failed_is_named(pool, seeds):
    page, text = pool(*seeds()[:2], missing=[2])
    assert "Seed 2 failed and is not in here: what is pooled are the seeds that did not." in page
    assert 'make seeds SEEDS="0 1 2" PROFILE=mine' in text


def test_the_page_loads_nothing(pool, seeds):
    page, _ = pool(*seeds())
    assert re.findall(r"""(?:src|href)=["'](?!#)""", page) == []
    assert "default-src 'none'" in html.unescape(page)
    assert 'role="img" aria-label="Accuracy of every model' in page
    # Three models with three rings each.
    assert page.count('<circle class="seed"') == 9


def test_runs_of_two_profiles_are_not_seeds(pool, evaluated_run):
    first, second = evaluated_run(SEEDS[0]), evaluated_run(SEEDS[1], profile="other", seed=1)
    with pytest.raises(
        BadInput, match=r"only seeds of one profile can be pooled\. Compare them: make compare\."
    ):
        pool(first, second)


def test_one_seed_twice_is_refused(command, evaluated_run):
    done = command(evaluated_run(SEEDS[0]), evaluated_run(SEEDS[1]))
    assert (done.returncode, done.stderr) == (
        ExitCode.BAD_INPUT,
        "error: Seed 0 is there twice: name one run for each seed.\n",
    )
