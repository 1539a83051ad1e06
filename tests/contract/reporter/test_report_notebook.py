"""The notebook of a report, executed against a real hub: its figures are the reporter's own."""

import dataclasses
import io
import json
import os
import time

import nbformat
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient
from unit.reporter.conftest import make_manifest, ref
from unit.reporter.factory import eval_metrics, make_predictions, make_questions

from evaluator.card import render_card
from evaluator.predictions import BAG_OF_WORDS, BASELINE_SCHEMA, SCHEMA, file_name
from reporter.analysis.groups import by_length
from reporter.analysis.rotation import read_rotations
from reporter.comparisons import compare
from reporter.inputs import RunData
from reporter.notebook import build_notebook
from reporter.provenance import hub_pages
from reporter.scores import METRICS
from shared.hub import Hub
from shared.question import LETTERS
from shared.statistics.calibration import auroc, brier_score, expected_calibration_error, risk_coverage
from shared.statistics.intervals import wilson_interval
from shared.statistics.multiplicity import holm
from shared.statistics.paired import detectable_difference, mcnemar_p, paired_bootstrap_interval
from shared.statistics.thresholds import choose_threshold

ERROR_RATE, FAILURE_PROBABILITY = 0.5, 0.1
MODELS = ("base", "sft", "grpo")
# What the first version of the evaluator wrote.
FIRST_COLUMNS = (
    "row_id", "gold", "text", "letter", "confidence", "reason", "is_json", "is_schema", "correct", "problem",
    "new_tokens", "seconds", "cut_off",
)  # fmt: skip
CURVE = b"""{"step": 0, "validation/accuracy": 0.2}
{"step": 1, "loss": 2.0, "learning_rate": 0.1}
{"step": 2, "loss": 1.0, "validation/accuracy": 0.3}
"""
# What a scientist who goes on from there would write.
LOOK = """
import json
def plain(table):
    return None if table is None else json.loads(table.reset_index().to_json(orient="records", double_precision=15))
names = "metrics comparisons letters subjects lengths calibration thresholds decodings rotations"
tables = {name: globals()[name] for name in names.split()}
curves_at = {f"{m} {s}": risk_coverage(*found, len(answers[m])).values.tolist() for (m, s), found in SIGNALS.items()}
print(json.dumps({name: plain(table) for name, table in tables.items()} | {"curves": curves_at}))
"""


def parquet(answers, schema=SCHEMA):
    buffer = io.BytesIO()
    rows = [dataclasses.asdict(answer) for answer in answers]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    return buffer.getvalue()


def with_card(files):
    """The files with the card that the evaluator writes of them, by which `load_dataset` finds them."""
    metrics = eval_metrics(make_predictions())
    for measured in metrics["models"].values():
        measured |= {"model": "local/model", "fingerprint": "sha256:0"}
    card = render_card("run", "local/predictions", ref("data", "dataset"), metrics, sorted(files))
    return files | {"README.md": card.encode()}


def whole_repo():
    """The predictions of a run of today's version, by path."""
    predictions = make_predictions()
    parts = {
        "default": predictions.answers, "constrained": predictions.constrained,
        "rotated": predictions.rotated, "calibration": predictions.calibration,
    }  # fmt: skip
    files = {
        file_name(config, model): parquet(rows)
        for config, part in parts.items()
        for model, rows in part.items()
    }
    baseline = parquet(predictions.bag_of_words, BASELINE_SCHEMA)
    return with_card(files | {file_name("baselines", BAG_OF_WORDS): baseline})


def first_version_repo():
    """The predictions of a run of the first version."""
    columns = pa.schema([SCHEMA.field(name) for name in FIRST_COLUMNS])
    answers = make_predictions().answers
    return with_card({file_name("default", model): parquet(rows, columns) for model, rows in answers.items()})


@pytest.fixture(scope="module")
def execute(hub_server):
    """Publishes predictions, and returns what their notebook works out, and all that it prints."""
    hub = Hub(hub_server.url, hub_server.token)

    def run(files):
        name = f"local/notebook-{time.time_ns()}"
        questions = [question.model_dump() for question in make_questions().values()]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(questions), buffer)
        data = hub.push_files(
            f"{name}-data",
            "dataset",
            {"data/eval-00000-of-00001.parquet": buffer.getvalue()},
            "Add questions",
        )
        predictions = hub.push_files(name, "dataset", files, "Add predictions")
        curve = hub.push_files(f"{name}-runs", "dataset", {"sft/curves.jsonl": CURVE}, "Add a curve")
        manifest = make_manifest(eval_metrics(make_predictions()))
        wanted = {"error_rate": ERROR_RATE, "failure_probability": FAILURE_PROBABILITY}
        manifest.phases["eval"].metrics["confidence"] = {"grpo": {"stated": wanted}}
        manifest.phases["sft"].outputs["curves"] = curve.model_copy(update={"path": "sft/curves.jsonl"})
        inputs = {"data": data, "predictions": predictions}
        # Another commit after it, which must not show.
        hub.push_files(name, "dataset", {"README.md": b"---\nlicense: mit\n---\n"}, "Spoil")
        text = build_notebook(RunData(manifest, inputs, pages=hub_pages(hub_server.url)))
        return execute_notebook(text, hub_server.env)

    return run


def execute_notebook(text, environment):
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(LOOK))
    # Jupyter's own folders are found as everywhere; the hub is named by the environment alone.
    client = NotebookClient(notebook, timeout=100, kernel_name="python3")
    client.execute(
        env=environment | {"MPLBACKEND": "agg", "JUPYTER_PLATFORM_DIRS": "1", "PATH": os.environ["PATH"]}
    )
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(
        output.text for output in outputs if output.output_type == "stream" and output.name == "stdout"
    )
    warnings = "".join(
        output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"
    )
    return json.loads(notebook.cells[-1].outputs[0].text), printed, warnings


@pytest.fixture(scope="module")
def worked_out(execute):
    return execute(whole_repo())


def signal(rows, name):
    values = [
        row.confidence if name == "stated"
        else row.letter_probabilities[LETTERS.index(row.letter)] if row.letter and row.letter_probabilities else None
        for row in rows
    ]  # fmt: skip
    known = [(value, row.correct) for value, row in zip(values, rows, strict=True) if value is not None]
    return [value for value, _ in known], [right for _, right in known]


def test_every_rate_has_the_reporters_wilson_interval(worked_out):
    tables, _, warnings = worked_out
    answers = make_predictions().answers
    assert warnings == ""
    assert len(tables["metrics"]) == 4 * len(MODELS)
    for line in tables["metrics"]:
        rows = answers[line["model"]]
        passed = [row for row in rows if row.is_schema]
        judged = {
            "accuracy": [row.correct for row in rows],
            "accuracy_on_schema": [row.correct for row in passed],
            "valid_json_rate": [row.is_json for row in rows],
            "schema_pass_rate": [row.is_schema for row in rows],
        }[line["metric"]]
        assert (line["successes"], line["total"]) == (sum(judged), len(judged))
        assert (line["low"], line["high"]) == pytest.approx(
            wilson_interval(sum(judged), len(judged)), abs=1e-12
        )


def test_every_comparison_is_the_reporters(worked_out):
    lines, answers = worked_out[0]["comparisons"], make_predictions().answers
    assert len(lines) == 9
    columns = {"accuracy": "correct", "valid_json_rate": "is_json", "schema_pass_rate": "is_schema"}
    for line in lines:
        first, second = (answers[model] for model in line["pair"].split(" → "))
        column = columns[line["metric"]]
        pairs = [(getattr(a, column), getattr(b, column)) for a, b in zip(first, second, strict=True)]
        gained, lost = pairs.count((False, True)), pairs.count((True, False))
        assert (line["gained"], line["lost"], line["total"]) == (gained, lost, len(pairs))
        assert line["p"] == pytest.approx(mcnemar_p(gained, lost), rel=1e-12)
        least = detectable_difference(gained, lost, len(pairs), 0.05 / len(lines))
        assert line["detectable"] == pytest.approx(least)
        assert (line["low"], line["high"]) == pytest.approx(
            paired_bootstrap_interval(gained, lost, len(pairs))
        )
    assert [line["p_holm"] for line in lines] == pytest.approx(holm([line["p"] for line in lines]))
    assert {line["verdict"] for line in lines} == {"better", "no difference shown"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["stated", "probability"])
def test_every_measure_of_confidence_is_the_reporters(worked_out, model, name):
    tables, predictions = worked_out[0], make_predictions()
    values, right = signal(predictions.answers[model], name)
    (line,) = [row for row in tables["calibration"] if (row["level_0"], row["level_1"]) == (model, name)]
    assert line["answers"] == len(values)
    assert line["ece"] == pytest.approx(expected_calibration_error(values, right), abs=1e-12)
    assert line["brier"] == pytest.approx(brier_score(values, right), abs=1e-12)
    assert line["auroc"] == pytest.approx(auroc(values, right), abs=1e-12)
    points = risk_coverage(values, right, len(predictions.answers[model]))
    curve = tables["curves"][f"{model} {name}"]
    assert [number for point in curve for number in point] == pytest.approx(
        [n for point in points for n in point]
    )
    (chosen,) = [row for row in tables["thresholds"] if (row["level_0"], row["level_1"]) == (model, name)]
    wanted = choose_threshold(*signal(predictions.calibration[model], name), ERROR_RATE, FAILURE_PROBABILITY)
    assert chosen["threshold"] == (wanted and pytest.approx(wanted.threshold))
    # At this rate the test shows both a threshold and none.
    assert (wanted is None) == ((model, name) == ("sft", "stated"))


def test_the_other_tables_are_of_the_answers_too(worked_out):
    tables, predictions = worked_out[0], make_predictions()
    anatomy = [row.correct for row in predictions.answers["sft"] if row.subject_name == "Anatomy"]
    (line,) = [row for row in tables["subjects"] if (row["subject_name"], row["model"]) == ("Anatomy", "sft")]
    assert (line["successes"], line["total"]) == (sum(anatomy), len(anatomy))
    given = [row.letter for row in predictions.answers["grpo"]]
    (line,) = [row for row in tables["letters"] if (row["model"], row["letter"]) == ("grpo", "C")]
    assert line["given"] == pytest.approx(given.count("C") / len(given))
    assert len(tables["decodings"]) == 9
    rotations = {row["index"]: row for row in tables["rotations"]}
    turned = [row.correct for row in predictions.rotated["base"] if row.rotation == 2]
    assert rotations["accuracy at 2"]["base"] == pytest.approx(sum(turned) / len(turned))
    for model, found in read_rotations(predictions.answers, predictions.rotated, make_questions()).items():
        assert rotations["consistent"][model] == pytest.approx(found.consistent.rate)
        assert rotations["debiased"][model] == pytest.approx(found.debiased.rate)
    for line in tables["decodings"]:
        metric = next(metric for metric in METRICS if metric.name == line["level_0"])
        model = line["level_1"]
        ours = compare(
            predictions.answers[model], predictions.constrained[model], ("free", "constrained"), metric
        )
        assert (line["gained"], line["lost"], line["p"]) == (
            ours.gained,
            ours.lost,
            pytest.approx(ours.p_value),
        )
    groups = {row.name: row for row in by_length(predictions.answers, make_questions())}
    assert len(tables["lengths"]) == len(groups) * len(MODELS)
    assert {(row["successes"], row["total"]) for row in tables["lengths"]} == {
        (score.successes, score.total) for row in groups.values() for score in row.scores.values()
    }


def test_predictions_of_the_first_version_are_shown_as_far_as_they_go(execute):
    tables, printed, _ = execute(first_version_repo())
    assert len(tables["metrics"]) == 4 * len(MODELS)
    assert {row["level_1"] for row in tables["calibration"]} == {"stated"}
    assert [name for name, table in tables.items() if table is None] == [
        "subjects", "lengths", "thresholds", "decodings", "rotations",
    ]  # fmt: skip
    for missing in ("subject_name", "question_words", "failure", "resembles_training"):
        assert f"These predictions have no {missing}: there is nothing to show here." in printed
    assert "This run made no predictions of the kind constrained" in printed
