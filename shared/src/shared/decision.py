"""What the gate found of a run, and which model is in production: written by one program, acted on by another.

The decision lies beside the run's manifest as `runs/<run_id>/gate.json`, the model in production in `production.json`,
both in the dataset repo `<namespace>/medmcqa-runs`.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.refs import RepoRef

GATE_FILE = "gate.json"
GATE_PAGE = "gate.md"
PRODUCTION_FILE = "production.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Judged(_Record):
    """One side of the gate: a model by the answers that it was judged by."""

    name: Literal["base", "sft", "grpo"]
    predictions: RepoRef = Field(description="the answers, at the commit that was read")

    def __str__(self) -> str:
        return f"{self.name} of {self.predictions.repo_id}@{self.predictions.commit[:8]}"


class GateRecord(_Record):
    """Whether a run's best model may replace the one in use."""

    run_id: str
    may_replace: bool
    in_use: Judged
    this_run: Judged
    failed: list[str] = Field(description="names of the rules that do not hold")
    rules: dict[str, str | float | bool] = Field(description="the settings that it was judged by")
    judged_at: datetime


class Production(_Record):
    """The model in production. `previous` is what it replaced, as `namespace/name@commit`."""

    run_id: str
    judged: Judged
    model: RepoRef = Field(description="the commit that the tag `production` points at")
    promoted_at: datetime
    forced: bool = Field(default=False, description="put there by hand, without the gate")
    previous: RepoRef | None = None
