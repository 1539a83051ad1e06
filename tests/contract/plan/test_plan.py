"""The plan of a profile: no network where the model is known, the Hub's config where not."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout

import pytest

from data_splitter.settings import SplitSettings
from evaluator.settings import EvalSettings
from grpo_trainer.settings import GrpoSettings
from launcher import requests
from launcher.check import Answer
from launcher.plan import show_plan
from launcher.profiles import PROFILES_FOLDER, load_profile
from sft_trainer.settings import SftSettings
from shared.errors import BadInput, PipelineError
from shared.hub import Hub
from shared.settings import load_settings

NOWHERE = {"HF_ENDPOINT": "http://127.0.0.1:9"}
HEAVY = re.compile(r"import time:.*\| +(torch|transformers|trl|peft)$", re.MULTILINE)


SETTINGS = {
    "data_splitter": SplitSettings,
    "sft_trainer": SftSettings,
    "grpo_trainer": GrpoSettings,
    "evaluator": EvalSettings,
}


@pytest.fixture
def plan_process(tmp_path):
    """Plan a profile as its users do, in a process that asks the services' own; returns what was printed."""

    def plan(profile, *model, check=True, **environment):
        options = [f"--profile={profile}", *(f"--base-model={name}" for name in model)]
        result = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "launcher", "plan", *options],
            cwd=tmp_path,
            env=os.environ | NOWHERE | environment,
            text=True,
            capture_output=True,
            check=False,
        )
        assert (result.returncode == 0) == check, result.stderr
        assert not HEAVY.search(result.stderr)
        return result.stdout if check else result.stderr.strip().splitlines()[-1]

    return plan


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Plan a profile in this process, five times as fast: the services check their settings in it too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(requests, "ask_services", ask_here)

    def plan(profile, *model, **environment):
        with monkeypatch.context() as patch, redirect_stdout(io.StringIO()) as printed:
            for name, value in (NOWHERE | environment).items():
                patch.setenv(name, value)
            show_plan(load_profile(str(profile)), *model)
        return printed.getvalue()

    return plan


def ask_here(questions):
    """Do what services do that are asked with `--check`."""
    return [answer(*question.arguments, environment=question.environment) for question in questions]


def answer(service, *arguments, environment):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            loaded = load_settings(SETTINGS[service], arguments)
        except PipelineError as error:
            return Answer(error.exit_code, "", f"error: {error}")
    return Answer(0, json.dumps(loaded.settings.config()), "")


@pytest.fixture
def change_profile(tmp_path):
    """Write the t4-small profile with some of its text replaced."""

    def change(*replacements):
        text = (PROFILES_FOLDER / "t4-small.toml").read_text("utf-8")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / str(len(list(tmp_path.iterdir()))) / "mine.toml"
        path.parent.mkdir()
        path.write_text(text)
        return path

    return change


def row(output, phase):
    """The cells of a phase in the table."""
    line = next(line for line in output.splitlines() if line.startswith(f" {phase} "))
    return re.split(r"  +", line.strip())


def section(output, phase):
    """The lines that explain a phase."""
    return output.split(f"\n{phase} on ")[1].split("\n\n")[0]


def test_the_references_run_is_planned_without_a_network(plan_process, plan):
    output = plan_process("t4-small")
    assert output == plan("t4-small")
    assert re.search(r"^Qwen/Qwen3-0\.6B@[0-9a-f]{40}: 596,049,920 parameters\.$", output, re.MULTILINE)
    for phase, steps in (("sft", "800"), ("grpo", "400")):
        assert row(output, phase)[:4] == [phase, "t4-small", "4,587,520", steps]
        assert "of 15.7 GB" in row(output, phase)[6]
        assert float(row(output, phase)[9]) >= 3 * float(row(output, phase)[8])
        assert "28 layers × rank 16 × (1024 + 2048" in section(output, phase)
    assert section(output, "sft").startswith("T4, in fp16\n")
    assert "× 800 steps = 3.33M" in section(output, "sft")
    assert output.rstrip().endswith("Every phase fits its card and its timeout.")


def test_minutes_and_dollars_of_the_phases_add_up(plan):
    output = plan("t4-small")
    minutes = {phase: float(row(output, phase)[7]) for phase in ("sft", "grpo", "eval")}
    assert float(row(output, "all")[1]) == pytest.approx(sum(minutes.values()), abs=2)
    for phase, taken in minutes.items():
        assert float(row(output, phase)[10].split(" to ")[0]) == pytest.approx(taken / 60 * 0.4, abs=0.006)


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES_FOLDER.glob("*.toml")))
def test_every_profile_in_the_repository_can_be_planned_and_fits(plan, name):
    assert "warning:" not in plan(name)


def test_a_cpu_flavor_is_this_machine_on_a_local_hub_and_a_priced_one_on_hugging_face(plan):
    local, hosted = plan("demo"), plan("demo", HF_ENDPOINT="https://huggingface.co")
    assert f"this machine, {os.cpu_count()} cores, in fp32" in local
    assert row(local, "sft")[-1] == "0.00"
    assert section(hosted, "sft").startswith("2 vCPU, in fp32\n")
    assert "× $0.01 an hour" in section(hosted, "sft")


def test_settings_come_from_the_environment_too(plan_process):
    output = plan_process("t4-small", SFT_MAX_STEPS="7", SFT_LORA__RANK="8")
    assert row(output, "sft")[2:4] == ["2,293,760", "7"]


def test_every_way_in_which_the_evaluation_asks_is_counted(plan):
    asked = {"SPLIT_EVAL_ROWS": "320", "SPLIT_CALIBRATION_ROWS": "0", "EVAL_BATCH_SIZE": "32"}
    once = plan("t4-small", **asked)
    assert "30 × 32 answers at once" in section(once, "eval")
    ways = {"EVAL_DECODING": "both", "EVAL_ROTATE_OPTIONS": "true", "SPLIT_CALIBRATION_ROWS": "64"}
    assert f"{3 * (5 * 10 + 2)} × 32 answers at once" in section(plan("t4-small", **asked | ways), "eval")


def test_a_phase_that_does_not_fit_its_timeout_is_warned_of(plan, change_profile):
    output = plan(change_profile(('timeout = "auto"', 'timeout = "1h"')))
    (warning,) = [line for line in output.splitlines() if line.startswith("warning:")]
    assert re.fullmatch(
        r"warning: grpo may not end: up to \d+ minutes, and its timeout is 60\. Raise timeout in \[launch\]\.",
        warning,
    )
    output = plan(change_profile(('timeout = "auto"', 'timeout = "9m"')))
    assert re.search(r"warning: sft will not end: about \d+ minutes, and its timeout is 9\.", output)


def test_a_phase_that_does_not_fit_its_card_is_warned_of(plan, change_profile):
    changed = change_profile(
        ("prompts_per_step = 8", "prompts_per_step = 64"),
        ("micro_batch_size = 8", 'micro_batch_size = 256\ngradient_checkpointing = "off"'),
    )
    output = plan(changed)
    assert re.search(
        r"warning: grpo will not fit its card: \d+\.\d of 15\.7 GB\. Lower micro_batch_size", output
    )


def test_activations_are_recomputed_where_they_would_not_fit(plan, change_profile):
    output = plan(change_profile(("micro_batch_size = 8", "micro_batch_size = 16")))
    assert "recompute yes: 16 rows of 590 tokens need about" in section(output, "grpo")
    assert "recompute no: " in section(output, "sft")
    assert "will not fit" not in output


def test_a_model_whose_merge_does_not_fit_the_machine_is_warned_of(plan):
    output = plan("t4-small", "Qwen/Qwen3-4B")
    assert (
        "warning: sft cannot merge its adapter: in fp32 the model takes 16.1 GB, and the machine has 15 GB."
        in output
    )


def test_a_model_that_is_not_known_by_name_is_looked_up_on_the_hub(plan_process, hub_server):
    config = {
        "model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    }  # fmt: skip
    hub = Hub(hub_server.url, hub_server.token)
    hub.push_files("starter/some-llama", "model", {"config.json": json.dumps(config).encode()}, "Add config")
    reached = {
        "HF_ENDPOINT": hub_server.url,
        "HF_TOKEN": hub_server.token,
        "HF_HOME": hub_server.env["HF_HOME"],
    }
    # 2 × 1000 × 64 in the tables, 2 × (2 × 64 × 64 + 2 × 64 × 32 + 3 × 64 × 128 + 2 × 64) in the layers, 64 at the end.
    assert "starter/some-llama: 202,048 parameters." in plan_process("demo", "starter/some-llama", **reached)


def test_a_mistake_is_one_line(plan_process, change_profile):
    profile = change_profile(("max_length = 1024", "max_lenght = 1024"))
    assert re.match(
        "error: .*no setting max_lenght .*Did you mean max_length", plan_process(profile, check=False)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'flavor = "t4-small"',
            'flavor = "t5-small"',
            r"no estimate for flavor t5-small\. It is there for: cpu-basic, ",
        ),
        (
            "max_length = 1024",
            'precision = "bf16"',
            r"\[sft\] precision bf16 is not native on T4\. Use auto or fp16",
        ),
    ],
)
def test_what_cannot_be_planned_is_named(plan, change_profile, old, new, message):
    with pytest.raises(BadInput, match=message):
        plan(change_profile((old, new)))
