"""The run manifest: one JSON file a run, the only thing that the jobs tell each other.

It lies in the dataset repo `<namespace>/medmcqa-runs` as `runs/<run_id>/manifest.json`. `python -m shared.manifest`
prints its JSON Schema, which is committed as `shared/manifest.schema.json`.
"""

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.errors import BadInput, UpstreamNotReady
from shared.refs import RepoRef

SCHEMA_VERSION = 1
PHASES = ("split", "sft", "grpo", "eval", "report")
UPSTREAM: dict[str, tuple[str, ...]] = {
    "split": (),
    "sft": ("split",),
    "grpo": ("split", "sft"),
    "eval": ("split", "sft", "grpo"),
    "report": ("split", "sft", "grpo", "eval"),
}
Status = Literal["pending", "running", "succeeded", "failed", "interrupted"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Progress(_Record):
    """How far a phase is, in its own steps (training steps, rows)."""

    step: int = Field(ge=0)
    total: int = Field(ge=0)
    saved: int | None = Field(default=None, ge=0, description="step of the newest checkpoint on the Hub")


class Attempt(_Record):
    """One job that worked on a phase. `cost_usd` is what its minutes cost at the flavor's list price."""

    job_id: str
    flavor: str | None = None
    image: str | None = None
    code: str | None = Field(
        default=None,
        description="repository@commit that was installed into the image, where it does not hold the code",
    )
    request: str | None = Field(default=None, description="hash of what the launcher asked for")
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cost_usd: float | None = Field(default=None, ge=0)
    exit_code: int | None = None
    resumed_from: int | None = Field(default=None, ge=0, description="step of the checkpoint it began with")


class Claim(_Record):
    """A launcher that is about to launch a job, so that no other does the same."""

    token: str
    at: datetime


class Phase(_Record):
    """What one phase was asked to do, did, and made."""

    status: Status = "pending"
    attempts: list[Attempt] = Field(default_factory=list)
    claim: Claim | None = None
    progress: Progress | None = None
    config: dict[str, Any] = Field(default_factory=dict, description="every resolved setting")
    code: str | None = Field(default=None, description="fingerprint of the sources that ran")
    inputs: dict[str, RepoRef] = Field(default_factory=dict)
    outputs: dict[str, RepoRef] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None

    def attempt(self, job_id: str) -> Attempt:
        """Return the record of a job, made if there is none yet."""
        for attempt in self.attempts:
            if attempt.job_id == job_id:
                return attempt
        self.attempts.append(Attempt(job_id=job_id))
        return self.attempts[-1]


class Source(_Record):
    """Where a run begins: the question dataset and the base model."""

    dataset: RepoRef
    base_model: RepoRef


class RunManifest(_Record):
    """Everything needed to know, trust and redo a run."""

    schema_version: Literal[1] = 1
    run_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    profile: str
    seed: int = Field(ge=0)
    code: str = Field(description="git commit of the checkout that began the run")
    created_at: datetime
    source: Source
    phases: dict[str, Phase] = Field(default_factory=dict, validate_default=True)

    @field_validator("phases")
    @classmethod
    def _with_every_phase(cls, phases: dict[str, Phase]) -> dict[str, Phase]:
        # A run that began before a phase existed can still be continued with it.
        return {phase: phases.get(phase, Phase()) for phase in PHASES} | phases


def parse_manifest(text: str | bytes, whose: str = "This run's manifest") -> RunManifest:
    """Read a manifest.

    Args:
        text: JSON.
        whose: what a refusal calls it, as the subject of a sentence.

    Raises:
        BadInput: it is of a newer schema, or not a manifest at all.
    """
    try:
        version = json.loads(text).get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise BadInput(
                f"{whose} has schema {version}, this code knows {SCHEMA_VERSION}. "
                "Update your checkout, or begin a new run: make split."
            )
        return RunManifest.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise _damaged(whose, f"{where}: {problem['msg']}") from error
    except (ValueError, AttributeError) as error:
        raise _damaged(whose, str(error)) from error


def _damaged(whose: str, reason: str) -> BadInput:
    return BadInput(f"{whose} is damaged: {reason}. Begin a new run: make split.")


def render_manifest(manifest: RunManifest) -> str:
    """Return the manifest as the JSON text that is stored."""
    return manifest.model_dump_json(indent=2) + "\n"


def resolve_inputs(manifest: RunManifest, phase: str) -> dict[str, RepoRef]:
    """Return what a phase must read, by name, from the outputs of those before it.

    A report is of whatever there is: it needs the split alone, and reads what the phases that have succeeded made.

    Raises:
        UpstreamNotReady: a phase before it has not succeeded.
    """
    for upstream in ("split",) if phase == "report" else UPSTREAM[phase]:
        status = manifest.phases[upstream].status
        if status != "succeeded":
            raise UpstreamNotReady(
                f"{phase} needs {upstream}, which is {status} in run {manifest.run_id}. "
                f"Run it first: make {upstream} RUN={manifest.run_id}."
            )
    if phase == "split":
        return {"source": manifest.source.dataset}
    inputs = {"data": manifest.phases["split"].outputs["data"], "base": manifest.source.base_model}
    for name, upstream, made in (
        ("sft", "sft", "model"),
        ("grpo", "grpo", "model"),
        ("predictions", "eval", "predictions"),
    ):
        if upstream in UPSTREAM[phase] and manifest.phases[upstream].status == "succeeded":
            inputs[name] = manifest.phases[upstream].outputs[made]
    return inputs


if __name__ == "__main__":
    print(json.dumps(RunManifest.model_json_schema(), indent=2))
