"""Trainings that are cut off and gone on with, against a real hub: they end in the weights of one that was not."""

import functools
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import FaultProxy
from training_run import TEACHING, Run, make_run

from shared.errors import ExitCode
from shared.lm.resume import MARKER

SFT = [
    "--learning-rate=0.01",
    "--batch-size=4",
    "--micro-batch-size=2",
    "--lora.rank=32",
    "--lora.alpha=64",
    "--lora.target-modules=q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj",
    "--logging-steps=1",
    "--validation.rows=2",
    "--validation.max-new-tokens=48",
    "--validation.steps=20",
    "--validation.keep=best",
]
GRPO = [
    "--max-steps=8",
    "--learning-rate=0.01",
    "--prompts-per-step=2",
    "--micro-batch-size=4",
    "--max-completion-length=40",
    "--temperature=1.0",
    "--logging-steps=1",
    "--validation.rows=2",
    "--validation.max-new-tokens=48",
    "--validation.steps=3",
    "--validation.keep=best",
]
STEPS = {"sft": 30, "grpo": 8}
PHASES = {"sft": ("sft_trainer", [*SFT, f"--max-steps={STEPS['sft']}"]), "grpo": ("grpo_trainer", GRPO)}
# GRPO needs a model that answers in JSON.
UPSTREAM = {"sft": [], "grpo": [("sft_trainer", TEACHING)]}
# A SIGTERM between two kills, each at a step that has been saved.
STOPS = {"sft": (4, 14, 20), "grpo": (1, 3, 5)}
both_phases = pytest.mark.parametrize("phase", [pytest.param("sft", marks=pytest.mark.slow), "grpo"])
# A checkpoint at every step.
OFTEN = "--checkpoint-minutes=0.00001"


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    from models import make_qwen3  # brings torch, which whoever only collects can do without

    return make_qwen3(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def train_whole(hub_server, base, tmp_path_factory) -> Callable[[str], Run]:
    """Makes a run whose trainings up to a phase nothing has interrupted, once for each phase."""

    @functools.cache
    def train(last: str) -> Run:
        run = make_run(hub_server, base, tmp_path_factory.mktemp("whole"))
        for package, settings in [*UPSTREAM[last], PHASES[last]]:
            process = run.start(package, *settings)
            assert process.returncode == ExitCode.OK, process.stderr
        return run

    return train


@pytest.fixture
def phase() -> str:
    """The phase under test, where a test does not name others."""
    return "sft"


@pytest.fixture
def whole(train_whole, phase) -> Run:
    """A run whose trainings up to the phase under test nothing has interrupted."""
    return train_whole(phase)


@pytest.fixture
def run(hub_server, base, whole, phase, tmp_path) -> Run:
    """A run that has everything before the phase under test."""
    made = make_run(hub_server, base, tmp_path)
    made.store.update(
        made.run_id, lambda manifest: take_upstream(manifest, whole, phase), "Take the phases before"
    )
    return made


def take_upstream(manifest, whole, phase):
    before = whole.store.read(whole.run_id)
    manifest.source = before.source
    for upstream in ("split", *PHASES):
        if upstream == phase:
            return
        manifest.phases[upstream] = before.phases[upstream]


def state_of(run, phase):
    return Path(run.environment["HF_HOME"]) / "medmcqa-pipeline" / "local" / run.run_id / phase


def newest_step(run, phase):
    markers = state_of(run, phase).glob(f"step-*/{MARKER}")
    return max((int(marker.parent.name.removeprefix("step-")) for marker in markers), default=0)


def spawn(run, phase, *more):
    package, settings = PHASES[phase]
    return run.spawn(package, *settings, OFTEN, *more)


def stop_at(run, phase, step, number, delay=0.0):
    """Starts the phase, and signals it as soon as it has a checkpoint of that step."""
    with spawn(run, phase) as process:
        deadline = time.monotonic() + 120
        while newest_step(run, phase) < step and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(delay)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def curve_of(run, phase):
    lines = run.hub.read_bytes(run.phase(phase).outputs["curves"], f"runs/{run.run_id}/{phase}/curves.jsonl")
    timed = ("step_time", "epoch")
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines.splitlines()]


@both_phases
def test_a_training_stopped_again_and_again_ends_in_the_same_weights_and_one_curve(run, whole, phase):
    first, second, third = STOPS[phase]
    assert stop_at(run, phase, first, signal.SIGKILL, delay=0.2)[0] == -signal.SIGKILL

    code, _, errors = stop_at(run, phase, second, signal.SIGTERM)
    assert code == ExitCode.INTERRUPTED, errors
    assert "Traceback" not in errors
    stopped = run.phase(phase)
    assert stopped.status == "interrupted"
    assert stopped.progress.saved == stopped.progress.step == newest_step(run, phase)

    code, output, _ = stop_at(run, phase, third, signal.SIGKILL, delay=0.1)
    assert code == -signal.SIGKILL
    assert f"Going on from the checkpoint of step {stopped.progress.saved} of" in output

    with spawn(run, phase) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == ExitCode.OK, errors
    assert "Going on from the checkpoint of step" in output
    done, expected = run.phase(phase), whole.phase(phase)
    assert done.outputs["model"].fingerprint == expected.outputs["model"].fingerprint
    assert done.metrics["published_step"] == expected.metrics["published_step"]
    assert curve_of(run, phase) == curve_of(whole, phase)
    assert [row["step"] for row in curve_of(run, phase) if "loss" in row] == list(range(1, STEPS[phase] + 1))
    resumed = [attempt.resumed_from is not None for attempt in done.attempts]
    assert resumed == [False, True, True, True]
    assert done.metrics["resumes"] == 3


@pytest.mark.slow
def test_a_training_whose_upload_failed_is_published_at_the_next_start(run, whole, hub_server):
    package, settings = PHASES["sft"]
    model_pushes = f"/api/models/local/medmcqa-{run.run_id}-sft/commit/main"
    with FaultProxy(
        hub_server.url,
        probability=1,
        in_a_row=100,
        kinds=("answered 503",),
        spared=lambda method, path: path != model_pushes,
    ) as proxy:
        failed = run.start(package, *settings, HF_ENDPOINT=proxy.url)
    assert failed.returncode == ExitCode.INTERNAL_ERROR, failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("error: The Hub refused while pushing to local/medmcqa-")
    assert run.phase("sft").status == "failed"
    done = run.start(package, *settings)
    assert done.returncode == ExitCode.OK, done.stderr
    assert f"Going on from the checkpoint of step {STEPS['sft']} of {STEPS['sft']}." in done.stdout
    assert "\nsft " not in done.stdout, "steps are reported, so there were some"
    assert run.phase("sft").outputs["model"].fingerprint == whole.phase("sft").outputs["model"].fingerprint
