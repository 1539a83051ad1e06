"""What the gate can be told: the profile's section `[gate]`, `GATE_…` in the environment, or flags."""

from pydantic import Field

from reporter.signals import Signal
from shared.settings import JobSettings, service_config


class GateSettings(JobSettings):
    """What a model must keep to replace the one in use. Differences are this run's model minus that one."""

    model_config = service_config("GATE_")

    baseline: str = Field(
        min_length=1,
        description="the model in use: a run id, or namespace/name[@commit] of a model or predictions repo; "
        "a run or predictions repo takes :sft or :grpo behind it to name one of its models",
    )
    level: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="bounds are those of intervals at 1 − level: each is wrong, to its side, in half of level",
    )
    min_gain: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="the gain in accuracy must lie above this beyond noise, a fraction",
    )
    max_schema_loss: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="the schema pass rate must not have fallen by more than this, noise allowed for, a fraction",
    )
    max_ece_increase: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="the expected calibration error must not have risen by more, noise allowed for",
    )
    max_brier_increase: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="the Brier score must not have risen by more, noise allowed for",
    )
    signal: Signal = Field(
        default="stated",
        description="the confidence that is judged: as stated, or the model's probability of its letter",
    )
    require_same_questions: bool = Field(
        default=True,
        description="refuse where the two did not answer the same questions; otherwise compare them unpaired",
    )
