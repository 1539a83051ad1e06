"""What the repos of the trained models hold after the evaluation, on a real hub."""

import json
import time
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries

from evaluator.publishing.publish import publish_results
from evaluator.settings import EvalSettings
from shared.hub import Hub
from shared.job import Job, is_up_to_date
from shared.manifest import Phase, RunManifest, Source, resolve_inputs
from shared.runs import ManifestStore

ROWS = 40
RIGHT = {"base": 10, "sft": 20, "grpo": 30}
CARD = "---\nbase_model: me/base\n---\n\n# The model\n\nWhat it is.\n\n## Use\n\nHow.\n"
RESULTS = ".eval_results/medmcqa.yaml"


@pytest.fixture(scope="module")
def hub(hub_server):
    return Hub(hub_server.url, hub_server.token)


def measured(correct):
    counts = {"correct": correct, "valid_json": ROWS, "schema_pass": ROWS, "correct_on_schema": correct}
    return {"rows": ROWS, "accuracy": correct / ROWS} | counts


@pytest.fixture
def evaluated(hub, tmp_path):
    """A run whose answers are published, as a job that is about to publish the results, with its metrics."""
    run_id = f"run-{time.time_ns()}"
    models = {name: push_model(hub, f"local/medmcqa-{run_id}-{name}", tmp_path / name) for name in RIGHT}
    files = {
        f"data/{name}.parquet": write_answers(tmp_path, name, correct) for name, correct in RIGHT.items()
    }
    files["baselines/bag_of_words.parquet"] = write_answers(tmp_path, "words", 0)
    predictions = hub.push_files(f"local/medmcqa-{run_id}-predictions", "dataset", files, "Add answers")
    manifest = RunManifest(
        run_id=run_id, profile="test", seed=0, code="unknown", created_at=datetime.now(UTC),
        source=Source(dataset=predictions, base_model=models["base"]),
    )  # fmt: skip
    outputs = {
        "split": {"data": predictions},
        "sft": {"model": models["sft"]},
        "grpo": {"model": models["grpo"]},
    }
    for name, made in outputs.items():
        inputs = resolve_inputs(manifest, name)
        manifest.phases[name] = Phase(status="succeeded", outputs=made, inputs=inputs, code="same")
    settings = EvalSettings(run_id=run_id, namespace="local")
    inputs = resolve_inputs(manifest, "eval")
    job = Job("eval", settings, hub, ManifestStore(hub, "local"), manifest, inputs, tmp_path, tmp_path)
    metrics = {
        "models": {name: measured(correct) for name, correct in RIGHT.items()},
        "majority_letter": "A",
        "majority_letter_rate": 0.3,
    }
    return job, metrics, predictions


def push_model(hub, repo_id, folder, weights="weights"):
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(CARD)
    (folder / "config.json").write_text(json.dumps({"weights": weights}))
    return hub.push_folder(repo_id, "model", folder, "Add the model")


def write_answers(folder, name, correct):
    path = folder / f"{name}.parquet"
    columns = {
        "gold": ["A", "B", "C", "D"] * (ROWS // 4),
        "correct": [n < correct for n in range(ROWS)],
        "confidence": [0.95] * (ROWS - 1) + [None],
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_the_hub_shows_the_results_of_each_trained_model(hub, evaluated):
    job, metrics, predictions = evaluated
    made = publish_results(job, metrics, predictions)
    assert set(made) == {"sft_results", "grpo_results"}
    for name in ("sft", "grpo"):
        model, ref = job.inputs[name], made[f"{name}_results"]
        info = hub.api.model_info(model.repo_id)
        assert (info.sha, ref.path) == (ref.commit, RESULTS)
        accuracy = {each.metric_type: each.metric_value for each in info.card_data.eval_results}["accuracy"]
        assert (info.card_data.model_name, accuracy) == (model.repo_id.split("/")[1], RIGHT[name] / ROWS)
        (entry,) = hub.api.model_info(model.repo_id, expand=["evalResults"]).eval_results
        assert [entry] == parse_eval_result_entries(yaml.safe_load(hub.read_bytes(ref, RESULTS)))
        assert (entry.dataset_id, entry.value) == (job.inputs["data"].repo_id, RIGHT[name] / ROWS)
        history = [each.commit_id for each in hub.api.list_repo_commits(model.repo_id)]
        assert history[:2] == [ref.commit, model.commit]


def test_what_was_evaluated_stays_as_it_was_and_no_training_is_out_of_date(hub, evaluated):
    job, metrics, predictions = evaluated
    made = publish_results(job, metrics, predictions)
    model = job.inputs["sft"]
    assert RESULTS not in hub.list_files(model)
    assert hub.read_bytes(made["sft_results"], "config.json") == hub.read_bytes(model, "config.json")
    job.manifest.phases["eval"] = Phase(status="succeeded", outputs={"predictions": predictions} | made)
    for name in ("sft", "grpo"):
        phase = job.manifest.phases[name]
        assert is_up_to_date(phase, {}, "same", resolve_inputs(job.manifest, name))


def test_an_evaluation_that_is_redone_replaces_the_results_of_the_one_before(hub, evaluated):
    job, metrics, predictions = evaluated
    publish_results(job, metrics, predictions)
    metrics["models"]["sft"] = measured(12)
    ref = publish_results(job, metrics, predictions)["sft_results"]
    card = ModelCard(hub.read_bytes(ref, "README.md").decode())
    assert card.text.count("## Results") == 1
    assert {each.metric_type: each.metric_value for each in card.data.eval_results}["accuracy"] == 0.3


def test_a_training_that_is_redone_leaves_no_results_of_the_weights_before_it(hub, evaluated, tmp_path):
    job, metrics, predictions = evaluated
    publish_results(job, metrics, predictions)
    model = push_model(hub, job.inputs["sft"].repo_id, tmp_path / "sft", weights="others")
    assert RESULTS not in hub.list_files(model)
    assert hub.read_bytes(model, "README.md").decode() == CARD


def test_a_repo_that_has_got_other_weights_since_is_left_alone(hub, evaluated, tmp_path, capsys):
    job, metrics, predictions = evaluated
    newer = push_model(hub, job.inputs["sft"].repo_id, tmp_path / "sft", weights="others")
    assert set(publish_results(job, metrics, predictions)) == {"grpo_results"}
    assert hub.resolve(newer.repo_id, "model") == newer
    assert f"warning: {newer.repo_id} has changed since {job.inputs['sft'].commit}" in capsys.readouterr().out
