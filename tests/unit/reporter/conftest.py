"""A run as the jobs before the reporter leave it, with the counts of a plausible demo."""

import dataclasses
import functools
import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.reporter.factory import (
    ROWS,
    eval_metrics,
    make_answers,
    make_predictions,
    make_questions,
    only_answers,
)
from unit.reporter.stages import STAGES

from reporter.inputs import Rollout, RunData
from reporter.settings import ReportSettings
from reporter.summary import Summary, summarise
from shared.manifest import Attempt, Phase, RunManifest, Source
from shared.question import Question
from shared.refs import RepoRef

RUN_ID = "20261123-231502-demo-0"
BEGUN = datetime(2026, 11, 23, 23, 15, 2, tzinfo=UTC)
SPLITS = ("sft", "grpo", "eval")


def ref(suffix: str, repo_type: str = "model", **extra: str) -> RepoRef:
    """A pinned repo of the run."""
    commit = f"{random.Random(suffix).getrandbits(160):040x}"
    name = suffix if "/" in suffix else f"local/medmcqa-{RUN_ID}-{suffix}"
    return RepoRef(repo_id=name, repo_type=repo_type, commit=commit, **extra)


def make_manifest(metrics: dict[str, Any]) -> RunManifest:
    """A run whose first four phases have succeeded."""
    lora = {"r": 16, "alpha": 32, "dropout": 0.05, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}
    outputs = {
        "split": {"data": ref("data", "dataset")},
        "sft": {"model": ref("sft", fingerprint=f"sha256:{'5f' * 32}"), "adapter": ref("sft-adapter")},
        "grpo": {"model": ref("grpo", fingerprint=f"sha256:{'9a' * 32}"), "adapter": ref("grpo-adapter")},
        "eval": {"predictions": ref("predictions", "dataset")},
    }
    configs: dict[str, dict[str, Any]] = {
        "split": {"sft_rows": 1000, "grpo_rows": 500, "eval_rows": ROWS},
        "sft": {"learning_rate": 2e-4, "max_steps": 800, "batch_size": 4, "packing": False, "lora": lora},
        "grpo": {
            "learning_rate": 5e-6,
            "max_steps": 400,
            "rewards": ["json", "schema", "accuracy"],
            "lora": lora,
        },
        "eval": {"max_new_tokens": 128, "batch_size": 16},
    }
    phase_metrics = {
        "split": {
            "rows": {"sft": 1000, "grpo": 500, "eval": ROWS},
            "replaced": {"missing option": 4, "blank question": 1, "question in two splits": 7},
            "content_hash": {
                split: f"sha256:{digit * 64}" for split, digit in zip(SPLITS, "123", strict=True)
            },
            "letters": {split: {"A": 32, "B": 26, "C": 22, "D": 20} for split in SPLITS},
        },
        "sft": {
            "trainable_parameters": 4_587_520,
            "steps": 800,
            "rows": 950,
            "final_loss": 0.3127,
            "cut_answers": 3,
        },
        "grpo": {"steps": 120, "mean_frac_reward_zero_std": 0.36},
        "eval": metrics,
    }
    phases = {}
    for number, (name, made) in enumerate(outputs.items()):
        begun = BEGUN + timedelta(minutes=2 * number)
        attempt = Attempt(
            job_id=f"6a1f{number}c0de{number}", flavor="cpu-basic", started_at=begun,
            finished_at=begun + timedelta(seconds=50 + 25 * number), cost_usd=0.0004 * (number + 1), exit_code=0,
        )  # fmt: skip
        phases[name] = Phase(
            status="succeeded", attempts=[attempt], config=configs[name], outputs=made,
            metrics=phase_metrics.get(name, {}),
        )  # fmt: skip
    phases["report"] = Phase(status="running", attempts=[Attempt(job_id="6a1f4c0de4", flavor="cpu-basic")])
    return RunManifest(
        run_id=RUN_ID, profile="demo", seed=0, code="c83072b0f5e1d2c3b4a5968778695a4b3c2d1e0f", created_at=BEGUN,
        source=Source(dataset=ref("starter/medmcqa-mini", "dataset"), base_model=ref("starter/qwen3-mini")),
        phases=phases,
    )  # fmt: skip


def make_sft_curve(steps: int = 150) -> list[dict[str, float]]:
    """Loss that falls and a warmed-up cosine learning rate."""
    chance = random.Random(1)
    return [
        {
            "step": step,
            "loss": 0.35 + 2.6 * math.exp(-step / 25) + chance.gauss(0, 0.06),
            "learning_rate": 2e-4 * min(step / 8, 0.5 + 0.5 * math.cos(math.pi * step / steps)),
            "grad_norm": 1.0,
        }
        for step in range(1, steps + 1)
    ]


def make_grpo_curve(steps: int = 120) -> list[dict[str, float]]:
    """Rewards that rise, as TRL names them."""
    chance = random.Random(2)
    rows = []
    for step in range(1, steps + 1):
        parts = {"json": 0.97, "schema": 0.95, "accuracy": 0.38 + 0.14 * step / steps}
        noisy = {name: min(1.0, max(0.0, mean + chance.gauss(0, 0.04))) for name, mean in parts.items()}
        row = {"step": step, "reward": sum(noisy.values()), "reward_std": 0.42 + chance.gauss(0, 0.04)}
        row |= {f"rewards/{name}/mean": value for name, value in noisy.items()}
        row |= {f"rewards/{name}/std": 0.3 for name in noisy}
        row["frac_reward_zero_std"] = min(1.0, max(0.0, 0.35 + chance.gauss(0, 0.12)))
        row["completions/mean_length"] = 42 + chance.gauss(0, 2)
        row["completions/clipped_ratio"] = 0.01
        rows.append(row)
    return rows


def make_rollouts(questions: dict[str, Question]) -> list[Rollout]:
    """Four completions of the first and of the last step."""
    answers = make_answers(dict(list(questions.items())[:4]), 0.5, 0.9, 0.9, seed=5)
    return [
        Rollout(
            step=step, row_id=answer.row_id, completion=answer.text, reward=float(answer.is_json + answer.correct),
            rewards={"json": float(answer.is_json), "accuracy": float(answer.correct)}, advantage=-0.58,
        )
        for step in (1, 120)
        for answer in answers
    ]  # fmt: skip


@pytest.fixture(scope="session")
def settings() -> ReportSettings:
    return ReportSettings(run_id=RUN_ID, namespace="local")


@pytest.fixture(scope="session")
def make_run() -> Callable[..., RunData]:
    """Make a run; a keyword replaces a part of it."""

    def make(**parts: Any) -> RunData:
        questions = parts.get("questions", make_questions())
        if "answers" in parts:
            parts["predictions"] = only_answers(parts.pop("answers"))
        predictions = parts.setdefault("predictions", make_predictions())
        manifest = make_manifest(eval_metrics(predictions) if predictions.answers else {})
        usual = {
            "manifest": manifest, "inputs": {}, "questions": questions, "sft_curve": make_sft_curve(),
            "grpo_curve": make_grpo_curve(), "rollouts": make_rollouts(questions),
        }  # fmt: skip
        return RunData(**(usual | parts))

    return make


@pytest.fixture(scope="session")
def make_summary(make_run: Callable[..., RunData], settings: ReportSettings) -> Callable[..., Summary]:
    """Judge a run made by `make_run`; the usual one once, with a run of its own for each test to change."""

    @functools.cache
    def judge_the_usual() -> Summary:
        return summarise(make_run(), settings)

    def judge(**parts: Any) -> Summary:
        run = make_run(**parts)
        return summarise(run, settings) if parts else dataclasses.replace(judge_the_usual(), run=run)

    return judge


@pytest.fixture(scope="session")
def make_stage(
    make_run: Callable[..., RunData], make_summary: Callable[..., Summary]
) -> Callable[[str], Summary]:
    """Judge a run at another moment of its life, by a name from `STAGES`."""
    return functools.cache(lambda name: make_summary(**STAGES[name](make_run())))


@pytest.fixture
def hostile_parts() -> Callable[[RunData, str], dict[str, Any]]:
    """The parts of a run whose every free text is replaced by one text."""

    def replace(run: RunData, text: str) -> dict[str, Any]:
        texts = dict.fromkeys(("question", "opa", "opb", "opc", "opd", "subject_name"), text)
        answer, rollout = run.answers["base"][0], run.rollouts[0]
        questions = {answer.row_id: run.questions[answer.row_id].model_copy(update=texts)}
        manifest = run.manifest
        manifest.phases["sft"].config = {text: text}
        manifest.phases["sft"].metrics = {
            text: text,
            "precision": {"dtype": text, "device": text, "because": text},
            "published_step": 3,
            "published_because": text,
        }
        manifest.phases["split"].metrics["replaced"] = {text: 1}
        failed = Phase(status="failed", error=text)
        failed.attempts.append(Attempt(job_id=text, flavor=text))
        manifest.phases["grpo"] = failed
        return {
            "manifest": manifest,
            "questions": questions,
            "answers": {"base": [dataclasses.replace(answer, text=text, problem=text)]},
            "rollouts": [
                dataclasses.replace(rollout, row_id=answer.row_id, completion=text, rewards={text: 1.0})
            ],
        }

    return replace
