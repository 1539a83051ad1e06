"""What the settings of the jobs that train or run a model have in common. Loads no torch."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.settings import JobSettings

Precision = Literal["auto", "bf16", "fp16", "fp32"]
Scheduler = Literal["cosine", "linear", "constant_with_warmup"]
GradientCheckpointing = Literal["auto", "on", "off"]
Dashboard = Literal["trackio", "wandb", "tensorboard"]

# What a training can be interrupted and resumed with another value of: its weights come out the same.
OPERATIONAL = ("checkpoint_minutes", "report_to", "guard")


class LoraSettings(BaseModel):
    """The low-rank adapter that is trained instead of the weights themselves (Hu et al., 2021, arXiv:2106.09685)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1, le=512, description="rank of the update, r")
    alpha: int = Field(
        default=32, ge=1, le=2048, description="scale of the update: it counts alpha / rank times"
    )
    dropout: float = Field(
        default=0.05, ge=0, lt=1, description="share of the adapter's inputs that is dropped"
    )
    target_modules: tuple[str, ...] = Field(
        default=("q_proj", "k_proj", "v_proj", "o_proj"),
        min_length=1,
        description="names of the linear layers that get an adapter",
    )


class ValidationSettings(BaseModel):
    """How a training measures itself while it runs, on rows of its own split that it does not train on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(
        default=0,
        ge=0,
        description="last rows of the phase's own split, kept out of training; 0 measures nothing",
    )
    steps: int = Field(default=50, ge=1, description="optimizer steps between two measurements")
    max_new_tokens: int = Field(default=128, ge=1, le=4096, description="longest answer, tokens")
    batch_size: int = Field(default=32, ge=1, le=1024, description="questions answered at once")
    keep: Literal["last", "best"] = Field(
        default="last", description="which weights are published: the last, or those that answered best"
    )

    @model_validator(mode="after")
    def _measures_what_it_chooses_by(self) -> "ValidationSettings":
        if self.keep == "best" and self.rows == 0:
            raise ValueError("keep = best needs rows to choose by; set validation.rows")
        return self


class TrainerSettings(JobSettings):
    """What every training phase can be told, whatever it trains on."""

    max_grad_norm: float = Field(default=1.0, gt=0, description="gradients are scaled down to this norm")
    gradient_checkpointing: GradientCheckpointing = Field(
        default="auto",
        description="recompute activations instead of keeping them: less memory, a third slower; "
        "auto does so where they would not fit",
    )
    precision: Precision = Field(
        default="auto", description="number format of the computation; auto is the fastest native one"
    )
    logging_steps: int = Field(
        default=10, ge=1, description="optimizer steps between two points of the curve"
    )
    checkpoint_minutes: float = Field(
        default=10, gt=0, description="minutes between two checkpoints: the most that a killed job can lose"
    )
    report_to: tuple[Dashboard, ...] = Field(
        default=(), description="dashboards that the curves are shown in as they come, besides the report"
    )
    lora: LoraSettings = Field(default=LoraSettings(), description="the adapter")
    validation: ValidationSettings = Field(
        default=ValidationSettings(), description="the measurements during training"
    )

    def result_config(self) -> dict[str, Any]:
        """Leave out what may change between two jobs of one training."""
        return {name: value for name, value in self.config().items() if name not in OPERATIONAL}


def require_divisor(name: str, value: int, whole_name: str, whole: int) -> int:
    """Return `value` if it divides `whole` without rest.

    Raises:
        ValueError: with the nearest values that do.
    """
    if whole % value == 0:
        return value
    divisors = (number for number in range(1, whole + 1) if whole % number == 0)
    nearest = sorted(sorted(divisors, key=lambda number: max(number, value) / min(number, value))[:3])
    choices = " or ".join((", ".join(map(str, nearest[:-1])), str(nearest[-1])))
    raise ValueError(f"{name} {value} does not divide {whole_name} {whole}; use {choices}")
