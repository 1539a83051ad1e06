"""`python -m reporter.compare` on runs that lie on a real hub."""

import html
import re
import subprocess
import sys
from functools import partial

import pytest
from evaluated_runs import answer, push_evaluated_run

from reporter.compare.output import render, summarise
from reporter.compare.runs import load_runs
from shared.errors import BadInput, ExitCode
from shared.hub import Hub
from shared.runs import ManifestStore
from shared.statistics.paired import paired_bootstrap_interval

RIGHT = {"base": 15, "sft": 30, "grpo": 33}


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
        command = [sys.executable, "-m", "reporter.compare", "--run-ids", *run_ids, "--namespace", "local"]
        return subprocess.run(command, cwd=tmp_path, env=hub_env, text=True, capture_output=True, check=False)

    return run


@pytest.fixture
def compare(store):
    """Compares runs in this process; returns the HTML page and the Markdown."""

    def run(*run_ids):
        pages = render(summarise(load_runs(store.hub, "local", run_ids)))
        assert list(pages) == ["compare.html", "compare.md"]
        return pages.values()

    return run


def test_two_runs_are_compared_on_the_questions_that_both_were_asked(command, evaluated_run, tmp_path):
    first = evaluated_run(RIGHT)
    second = evaluated_run(RIGHT | {"grpo": 57}, config={"temperature": 1.0})
    done = command(first, second)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    table = [" ".join(line.split()) for line in done.stdout.splitlines()]
    folder = tmp_path / "reports" / f"compare-{first}-{second}"
    page, text = ((folder / f"compare.{kind}").read_text() for kind in ("html", "md"))
    low, high = (f"{100 * bound:+.1f}" for bound in paired_bootstrap_interval(24, 0, 60))
    assert f"{second} GRPO Accuracy +40.0 {low} to {high} < 0.001 < 0.001 60 better" in table
    assert f"{second} SFT Accuracy ±0.0" in " ".join(table)
    assert "grpo.temperature 0.6 1" in table
    assert table[-1] == f"The comparison is in reports/compare-{first}-{second}/compare.html"
    better = f"GRPO, accuracy: {second} is better than {first} (+40.0 points, 95% interval {low} to {high},"
    assert better in page
    assert better.replace("_", "\\_") in text
    assert f"make compare RUNS=&#34;{first} {second}&#34;" in page


def test_runs_that_share_no_question_stand_side_by_side_without_a_test(compare, evaluated_run):
    first, second = evaluated_run(RIGHT), evaluated_run(RIGHT, first_row=1000)
    page, text = compare(first, second)
    remark = (
        f"{second} shares no question with {first}: their figures stand side by side, and nothing is tested."
    )
    assert remark in page
    assert remark in text
    assert "Question by question" not in page


def test_only_shared_questions_are_paired(compare, evaluated_run):
    first, second = evaluated_run(RIGHT), evaluated_run(RIGHT, first_row=40)
    page, _ = compare(first, second)
    assert f"<b>{second}</b> shares <b>20</b> questions with it" in page


def test_a_better_confidence_is_shown_by_the_brier_score(compare, evaluated_run):
    first, second = evaluated_run(RIGHT), evaluated_run(RIGHT, confidence=0.5)
    page, _ = compare(first, second)
    assert f"SFT, Brier score: {second} is better than {first} (−0.202, 95% interval" in page
    assert f"GRPO, accuracy: no difference shown between {second} and {first}" in page


def test_what_data_holds_is_shown_as_text(compare, evaluated_run):
    hostile = "<script>alert(1)</script>|`x`"
    first = evaluated_run(RIGHT, config={"temperature": 0.6, "note": hostile})
    second = evaluated_run(RIGHT, config={"temperature": 0.6, "note": "b"})
    page, text = compare(first, second)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;|`x`" in page
    assert "| &lt;script&gt;alert(1)&lt;/script&gt;\\|\\`x\\` | b |" in text


def test_the_page_loads_nothing(compare, evaluated_run):
    page, _ = compare(evaluated_run(RIGHT), evaluated_run(RIGHT))
    assert re.findall(r"""(?:src|href)=["'](?!#)""", page) == []
    assert "default-src 'none'" in html.unescape(page)
    assert "prefers-color-scheme: dark" in page
    assert 'role="img" aria-label="Accuracy of every model' in page


def test_answers_without_schema_have_no_confidence_to_compare(compare, evaluated_run):
    prose = [answer(f"q{n}", False, 0.5, text="It is B.") for n in range(60)]
    first, second = evaluated_run(RIGHT, sft=prose), evaluated_run(RIGHT, sft=prose)
    _, text = compare(first, second)
    assert "| SFT | Brier score of the stated confidence | — | — |" in text
    assert f"{second} | SFT | Brier score" not in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda run, missing: (run,), "name two different runs or more"),
        (lambda run, missing: (run, run), "name two different runs or more"),
        (lambda run, missing: (run, missing), "There is no run no-such-run in local/medmcqa-runs."),
    ],
)
def test_what_cannot_be_compared_is_refused(compare, evaluated_run, given, message):
    with pytest.raises(BadInput, match=message):
        compare(*given(evaluated_run(RIGHT), "no-such-run"))


def test_a_run_that_is_not_evaluated_is_named_in_one_line(command, evaluated_run, store):
    first, second = evaluated_run(RIGHT), evaluated_run(RIGHT)

    def fail(manifest):
        manifest.phases["eval"].status = "failed"

    store.update(second, fail, "Fail")
    done = command(first, second)
    assert (done.returncode, done.stdout, done.stderr) == (
        ExitCode.UPSTREAM_NOT_READY,
        "",
        f"error: Run {second} has no results: eval is failed. Evaluate it: make eval RUN={second}.\n",
    )
