"""The same run at other moments of its life: each takes the finished run and returns the parts that differ."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from reporter.inputs import RunData
from shared.manifest import Attempt, Phase, Progress, RunManifest

BEGUN = datetime(2026, 11, 23, 23, 15, tzinfo=UTC)
DIAGNOSIS = """All 32 completions begin with '<think>': the model was taught behind another prompt.
Turn thinking off in both (shared.lm.chat) and redo SFT: make sft FORCE=1.

Sample completion 1:
<think>
Scurvy is a lack of vitamin C, and so the answer must be A) because <b>collagen</b>
</think>

Sample completion 2:
<think>
The radial nerve | extends the wrist.

Sample completion 3:
<think>"""


def split_only(run: RunData) -> dict[str, Any]:
    """Nothing but the split has been done."""
    return _without(run.manifest, "sft", "grpo", "eval") | {"sft_curve": [], "grpo_curve": [], "rollouts": []}


def sft_running(run: RunData) -> dict[str, Any]:
    """SFT is at step 40 of 120, in a second attempt that began at step 20."""
    first, second = (
        Attempt(job_id=f"6a1fsft{n}", flavor="t4-small", started_at=BEGUN + timedelta(hours=n))
        for n in (1, 2)
    )
    first.finished_at, first.cost_usd, first.exit_code = BEGUN + timedelta(hours=1, minutes=30), 0.2, 5
    second.resumed_from = 20
    parts = split_only(run)
    run.manifest.phases["sft"] = Phase(
        status="running", attempts=[first, second], progress=Progress(step=40, total=120, saved=30)
    )
    return parts | {"sft_curve": with_validation(run.sft_curve[:30])}


def sft_interrupted(run: RunData) -> dict[str, Any]:
    """The same SFT, cut off."""
    parts = sft_running(run)
    sft = run.manifest.phases["sft"]
    sft.status, sft.error = "interrupted", "sft was stopped. Start it again: make sft."
    sft.attempts[-1].finished_at, sft.attempts[-1].exit_code = BEGUN + timedelta(hours=2, minutes=25), 5
    return parts


def grpo_stopped_by_guard(run: RunData) -> dict[str, Any]:
    """GRPO could not learn."""
    parts = _without(run.manifest, "grpo", "eval")
    attempt = Attempt(
        job_id="6a1fgrpo1", flavor="t4-small", started_at=BEGUN, finished_at=BEGUN + timedelta(minutes=9),
        cost_usd=0.06, exit_code=4,
    )  # fmt: skip
    run.manifest.phases["grpo"] = Phase(
        status="failed", attempts=[attempt], progress=Progress(step=57, total=400, saved=50), error=DIAGNOSIS
    )
    return parts | {"grpo_curve": run.grpo_curve[:57], "rollouts": run.rollouts[:4]}


def eval_pending(run: RunData) -> dict[str, Any]:
    """All is trained, nothing is evaluated."""
    return _without(run.manifest, "eval")


def resumed_twice(run: RunData) -> dict[str, Any]:
    """The finished run, whose GRPO was resumed twice and published an earlier step than its last."""
    grpo = run.manifest.phases["grpo"]
    grpo.attempts = [
        Attempt(
            job_id=f"6a1fgrpo{n}", flavor="t4-small", started_at=BEGUN + timedelta(hours=n),
            finished_at=BEGUN + timedelta(hours=n, minutes=40), cost_usd=0.27, exit_code=code, resumed_from=resumed,
        )
        for n, code, resumed in ((1, 5, None), (2, 137, 40), (3, 0, 80))
    ]  # fmt: skip
    grpo.metrics |= {
        "resumes": 2,
        "precision": {"dtype": "fp16", "device": "cuda", "because": "a T4 has no bf16 in hardware"},
        "published_step": 90,
        "published_because": "it has the best validation score of the 13 steps that were scored.",
        "validation": {
            "rows": 64,
            "start": {"accuracy": 0.453125, "schema_pass_rate": 0.984375, "score": 0.45},
            "published": {"accuracy": 0.53125, "schema_pass_rate": 1.0, "score": 0.53},
        },
    }
    return {"manifest": run.manifest, "grpo_curve": with_validation(run.grpo_curve)}


def _without(manifest: RunManifest, *phases: str) -> dict[str, Any]:
    for name in phases:
        manifest.phases[name] = Phase()
    return {"manifest": manifest, "answers": {}}


def with_validation(curve: list[dict[str, float]], every: int = 10) -> list[dict[str, float]]:
    """A curve whose validation slice was scored at intervals, from before the first step on."""
    scored = {
        step: {
            "validation/accuracy": 0.45 + 0.08 * math.sin(step / 40),
            "validation/schema_pass_rate": 0.98,
            "validation/score": 0.44 + 0.08 * math.sin(step / 40),
        }
        for step in range(0, len(curve) + 1, every)
    }
    return [{"step": 0} | scored[0], *(row | scored.get(int(row["step"]), {}) for row in curve)]


STAGES = {
    stage.__name__: stage
    for stage in (
        split_only,
        sft_running,
        sft_interrupted,
        grpo_stopped_by_guard,
        eval_pending,
        resumed_twice,
    )
}
