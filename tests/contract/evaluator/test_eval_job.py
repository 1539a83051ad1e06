"""The evaluator against a real hub: as a process, and its work alone where models are not what they should be."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from models import make_question, make_qwen3
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from warm_start import JOBS

from evaluator.answers import hash_prompt
from evaluator.evaluate import evaluate_models
from evaluator.predictions import SCHEMA
from evaluator.settings import EvalSettings
from shared.errors import ExitCode, GuardTripped
from shared.hub import Hub
from shared.job import Job
from shared.lm.adapters import merge_adapter, save_adapter, weight_fingerprint
from shared.lm.chat import encode_prompt
from shared.lm.generate import decoding
from shared.lm.precision import pick_device
from shared.manifest import Phase, RunManifest, Source, resolve_inputs
from shared.prediction import parse_completion
from shared.runs import ManifestStore

QUESTIONS = [make_question(number, opa="Well, " * (number % 4) + "water") for number in range(7)]
QUICK = {"max_new_tokens": 8, "batch_size": 4}
EVERY_WAY = {"max_new_tokens": 48, "decoding": "both", "rotate_options": True}
PAIR = b'{"row_id": "q3", "split": "eval", "other_id": "q1", "other_split": "grpo", "similarity": 0.9}\n'


@pytest.fixture(scope="module")
def hub(hub_server):
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three models; that of sft is stored in half precision."""
    root, half = tmp_path_factory.mktemp("models"), torch.bfloat16
    kinds = {"base": (0, torch.float32), "sft": (1, half), "grpo": (2, torch.float32)}
    return {name: make_qwen3(root / name, seed=seed, dtype=dtype) for name, (seed, dtype) in kinds.items()}


@pytest.fixture(scope="module")
def models(hub, folders):
    """Their references, each with the fingerprint that its training recorded."""
    return {name: push_model(hub, name, folder) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def begin_run(hub, tmp_path_factory):
    """Store a run whose training has ended."""

    def begin(models, more=lambda path: {}):
        run_id = f"run-{time.time_ns()}"
        path = tmp_path_factory.mktemp("rows") / "rows.parquet"
        pq.write_table(pa.Table.from_pylist([question.model_dump() for question in QUESTIONS]), path)
        files = {f"data/{split}-00000-of-00001.parquet": path for split in ("sft", "eval")} | more(path)
        data = hub.push_files(f"local/medmcqa-{run_id}-data", "dataset", files, "Add questions")
        outputs = {
            "split": {"data": data},
            "sft": {"model": models["sft"]},
            "grpo": {"model": models["grpo"]},
        }
        manifest = RunManifest(
            run_id=run_id,
            profile="demo",
            seed=0,
            code="unknown",
            created_at=datetime.now(UTC),
            source=Source(dataset=data, base_model=models["base"]),
        )
        for name, made in outputs.items():
            manifest.phases[name] = Phase(status="succeeded", outputs=made)
        ManifestStore(hub, "local").create(manifest)
        return manifest

    return begin


@pytest.fixture(scope="module")
def evaluate(hub, begin_run, tmp_path_factory):
    """Do the work of the phase in this process; `more` names files of the data that the rows become, too."""

    def run(models, more=lambda path: {}, **changes):
        manifest = begin_run(models, more)
        settings = EvalSettings(run_id=manifest.run_id, namespace="local", **QUICK | changes)
        inputs, work = resolve_inputs(manifest, "eval"), tmp_path_factory.mktemp("work")
        job = Job("eval", settings, hub, ManifestStore(hub, "local"), manifest, inputs, work, work)
        return job, lambda: evaluate_models(job)

    return run


def push_model(hub, name, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    ref = hub.push_folder(f"starter/evaluated-{name}", "model", folder, "Add the model")
    return ref.model_copy(update={"fingerprint": weight_fingerprint(model)})


def push_adapter(hub, base_folder, base, folder):
    torch.manual_seed(3)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base_folder),
        LoraConfig(target_modules=["q_proj"], init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    save_adapter(model, base, folder)
    AutoTokenizer.from_pretrained(base_folder).save_pretrained(folder)
    return hub.push_folder(f"starter/adapter-{time.time_ns()}", "model", folder, "Add the adapter")


def read_answers(hub, ref, name):
    return pq.read_table(hub.download(ref, f"data/{name}.parquet"))


def answer_by_hand(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompts = [encode_prompt(tokenizer, question) for question in QUESTIONS]
    with decoding(model, tokenizer, 8) as decoder:
        completions = decoder.complete(prompts, 1)
    return [hash_prompt(prompt) for prompt in prompts], [completion.text for completion in completions]


def test_every_answer_is_kept_in_the_order_of_the_questions(hub, hub_env, begin_run, models, folders):
    manifest = begin_run(models)
    options = [
        "--run-id",
        manifest.run_id,
        "--namespace",
        "local",
        "--max-new-tokens",
        "8",
        "--batch-size",
        "4",
    ]
    done = JOBS.run("evaluator", options, hub_env)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert "eval 21/21 (100%)" in done.stdout
    phase = ManifestStore(hub, "local").read(manifest.run_id).phases["eval"]
    assert {name: measured["fingerprint"] for name, measured in phase.metrics["models"].items()} == {
        name: ref.fingerprint for name, ref in models.items()
    }
    for name, folder in folders.items():
        table = read_answers(hub, phase.outputs["predictions"], name)
        assert table.schema.remove_metadata() == SCHEMA
        answers = table.to_pydict()
        assert answers["row_id"] == [question.id for question in QUESTIONS]
        assert answers["gold"] == [question.letter for question in QUESTIONS]
        assert (answers["prompt_hash"], answers["text"]) == answer_by_hand(folder)
        parsed = [parse_completion(text) for text in answers["text"]]
        assert answers["is_json"] == [completion.is_json for completion in parsed]
        measured = phase.metrics["models"][name]
        assert (measured["rows"], measured["correct"]) == (7, sum(answers["correct"]))
    assert (phase.metrics["majority_letter"], phase.metrics["majority_letter_rate"]) == ("A", 2 / 7)
    for computation in (phase.metrics["computation"][name] for name in folders):
        assert (computation["device"], computation["in_lanes"]) == (pick_device().type, True)
        assert computation["torch"] == torch.__version__


def test_a_model_that_is_the_base_again_fails_the_phase_but_keeps_the_answers_before_it(
    hub, evaluate, models
):
    job, work = evaluate(models | {"grpo": models["base"]})
    with pytest.raises(
        GuardTripped, match=r"broken at grpo: starter/evaluated-base@\w+ has the very weights of base"
    ):
        work()
    head = hub.resolve(job.repo("predictions"), "dataset")
    files = hub.api.list_repo_files(head.repo_id, repo_type="dataset", revision=head.commit)
    assert [name for name in files if name.endswith(".parquet")] == ["data/base.parquet", "data/sft.parquet"]


def test_a_repo_with_only_an_adapter_is_merged_onto_what_it_was_trained_from(
    hub, evaluate, models, folders, tmp_path
):
    adapter = push_adapter(hub, folders["base"], models["base"], tmp_path / "adapter")
    _, work = evaluate(models | {"sft": adapter})
    merged = merge_adapter(AutoModelForCausalLM.from_pretrained(folders["base"]), tmp_path / "adapter")
    assert work().metrics["models"]["sft"]["fingerprint"] == weight_fingerprint(merged)


def test_an_adapter_on_the_base_is_not_taken_for_one_on_sft(hub, evaluate, models, folders, tmp_path):
    adapter = push_adapter(hub, folders["base"], models["base"], tmp_path / "adapter")
    _, work = evaluate(models | {"grpo": adapter})
    with pytest.raises(
        GuardTripped, match=r"belongs to starter/evaluated-base@\w+, but the run says starter/evaluated-sft"
    ):
        work()


def test_a_training_that_began_with_other_weights_is_told_from_what_it_recorded(evaluate, models):
    job, work = evaluate(models)
    job.manifest.phases["sft"].metrics["parent_fingerprint"] = models["base"].fingerprint
    job.manifest.phases["grpo"].metrics["parent_fingerprint"] = models["base"].fingerprint
    with pytest.raises(
        GuardTripped,
        match=r"at grpo: the training of starter/evaluated-grpo@\w+ began with the weights sha256:",
    ):
        work()


def test_other_weights_than_the_run_recorded_fail_the_phase(evaluate, models):
    changed = models["sft"].model_copy(update={"fingerprint": models["grpo"].fingerprint})
    _, work = evaluate(models | {"sft": changed})
    with pytest.raises(
        GuardTripped, match=r"^starter/evaluated-sft@\w+ is not the model that the run recorded"
    ):
        work()


def with_calibration(path):
    return {"data/calibration-00000-of-00001.parquet": path, "near_duplicates.jsonl": PAIR}


@pytest.fixture(scope="module")
def asked_every_way(evaluate, models):
    """A job that has asked in every way, and what came of it."""
    job, work = evaluate(models, with_calibration, **EVERY_WAY)
    return job, work()


LOAD = """
import json, sys
from datasets import load_dataset
repo, commit, configs = *sys.argv[1:3], json.loads(sys.argv[3])
def load(config, split):
    table = load_dataset(repo, config, split=split, revision=commit)
    return {"columns": {name: repr(kind) for name, kind in table.features.items()}, "rows": table.to_list()}
print(json.dumps({f"{config}/{split}": load(config, split) for config, split in configs}))
"""


def load_all(hub_env, ref, configs):
    """What `load_dataset` of the real library makes of the repo: columns and rows by config/split."""
    command = [sys.executable, "-c", LOAD, ref.repo_id, ref.commit, json.dumps(configs)]
    done = subprocess.run(command, env=hub_env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_config_of_the_record_loads_with_load_dataset(hub_env, asked_every_way, models):
    _, outcome = asked_every_way
    metrics = outcome.metrics
    answered = ("default", "constrained", "rotated", "calibration")
    configs = [(config, name) for config in answered for name in models] + [("baselines", "bag_of_words")]
    loaded = load_all(hub_env, outcome.outputs["predictions"], configs)
    assert {tuple(loaded[f"{config}/{name}"]["columns"]) for config in answered for name in models} == {
        tuple(SCHEMA.names)
    }
    columns = loaded["constrained/grpo"]["columns"]
    assert columns["letter_probabilities"] == "List(Value('float64'))"
    assert (columns["token_ids"], columns["rotation"]) == ("List(Value('int32'))", "Value('int8')")
    rows = {key: value["rows"] for key, value in loaded.items()}
    ids = [question.id for question in QUESTIONS]
    assert [(row["row_id"], row["rotation"]) for row in rows["rotated/grpo"]] == [
        (row_id, turn) for turn in (1, 2, 3) for row_id in ids
    ]
    assert {
        row["decoding"] for row in rows["default/sft"] + rows["rotated/sft"] + rows["calibration/sft"]
    } == {"free"}
    assert {row["decoding"] for row in rows["constrained/base"]} == {"constrained"}
    # By construction, whatever the model.
    assert all(row["is_schema"] and row["failure"] is None for row in rows["constrained/base"])
    assert all(sum(row["letter_probabilities"]) == pytest.approx(1) for row in rows["constrained/base"])
    assert [row["resembles_training"] for row in rows["default/base"]] == [row_id == "q3" for row_id in ids]
    assert [row["row_id"] for row in rows["baselines/bag_of_words"]] == ids
    assert metrics["constrained"]["base"]["schema_pass_rate"] == 1.0
    assert metrics["calibration"]["grpo"]["rows"] == metrics["rotated"]["grpo"]["rows"] == 7
    assert metrics["training_like"]["sft"]["rows"] == 6
    assert metrics["baselines"]["bag_of_words"]["rows"] == 7


def test_a_later_evaluation_that_asks_less_leaves_nothing_of_the_earlier_one(hub, asked_every_way):
    job, _ = asked_every_way
    again = replace(job, settings=job.settings.model_copy(update={"decoding": "free", "rotate_options": False}),
                    workdir=job.workdir / "again")  # fmt: skip
    ref = evaluate_models(again).outputs["predictions"]
    folders = {path.partition("/")[0] for path in hub.list_files(ref) if path.endswith(".parquet")}
    assert folders == {"data", "calibration", "baselines"}
