"""The notebook as it is written; a contract test executes it."""

import ast
import subprocess
import sys

import nbformat
import pytest
from unit.reporter.conftest import ref

from reporter.notebook import CHAPTERS, build_notebook
from reporter.provenance import HubPages

INPUTS = {"data": ref("data", "dataset"), "predictions": ref("predictions", "dataset")}
NEEDED = {"datasets", "huggingface_hub", "matplotlib", "numpy", "pandas"}


@pytest.fixture(scope="module")
def text(make_run):
    return build_notebook(make_run(inputs=INPUTS, pages=HubPages("http://127.0.0.1:4000")))


def sources(text, kind):
    return [cell.source for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == kind]


def test_a_notebook_is_valid_and_has_not_been_run(text):
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebook.nbformat == 4
    assert all(
        cell.execution_count is None and cell.outputs == [] for cell in notebook.cells if "outputs" in cell
    )
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert {cell_id.rpartition("-")[0] for cell_id in ids} == {"title", "parameters", *CHAPTERS}


def test_the_same_run_gives_the_same_notebook_byte_for_byte(text, make_run):
    assert build_notebook(make_run(inputs=INPUTS, pages=HubPages("http://127.0.0.1:4000"))) == text


def test_every_repo_is_pinned_to_the_commit_of_the_run(text):
    names = {}
    exec(sources(text, "code")[0], names)
    assert (names["PREDICTIONS"], names["REVISION"]) == (
        INPUTS["predictions"].repo_id,
        INPUTS["predictions"].commit,
    )
    assert (names["DATA"], names["DATA_REVISION"]) == (INPUTS["data"].repo_id, INPUTS["data"].commit)
    assert names["HUB"] == "http://127.0.0.1:4000"
    assert names["CURVES"] == {}


def test_a_training_curve_is_named_by_repo_path_and_commit(make_run):
    run = make_run(inputs=INPUTS)
    run.manifest.phases["grpo"].outputs["curves"] = ref("runs", "dataset", path="runs/x/grpo/curves.jsonl")
    names = {}
    exec(sources(build_notebook(run), "code")[0], names)
    made = ref("runs", "dataset")
    assert names["CURVES"] == {
        "grpo": {"repo_id": made.repo_id, "filename": "runs/x/grpo/curves.jsonl", "revision": made.commit}
    }
    assert names["HUB"] == "https://huggingface.co"


def test_it_needs_nothing_of_ours(text):
    tree = ast.parse("\n".join(source.removesuffix(";") for source in sources(text, "code")))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported - set(sys.stdlib_module_names) == NEEDED


def test_its_code_is_clean(text, tmp_path):
    path = tmp_path / "report.ipynb"
    path.write_text(text)
    # What is imported after a setting has been made comes late on purpose.
    options = [
        "--isolated",
        "--select=E,F,B,UP,SIM,C4,RET",
        "--ignore=E402",
        "--line-length=120",
        "--target-version=py311",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_chart_and_table_is_introduced_by_prose(text):
    cells = nbformat.reads(text, as_version=4).cells
    for chapter in CHAPTERS:
        first = next(cell for cell in cells if cell.id.startswith(f"{chapter}-"))
        assert first.cell_type == "markdown"
        assert first.source.startswith("## ")


def test_the_wanted_error_rate_is_the_one_that_the_evaluation_was_told(make_run):
    run = make_run(inputs=INPUTS)
    wanted = {"error_rate": 0.05, "failure_probability": 0.02}
    run.manifest.phases["eval"].metrics["confidence"] = {"grpo": {"stated": wanted}}
    names = {}
    exec(sources(build_notebook(run), "code")[0], names)
    assert (names["ERROR_RATE"], names["FAILURE_PROBABILITY"]) == (0.05, 0.02)


def test_a_run_without_predictions_has_no_notebook(make_run):
    assert build_notebook(make_run(inputs={})) is None
