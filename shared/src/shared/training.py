"""What the settings of the jobs that train or run a model have in common. Loads no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.settings import JobSettings

Precision = Literal["auto", "bf16", "fp16", "fp32"]
Scheduler = Literal["cosine", "linear", "constant_with_warmup"]


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


class TrainerSettings(JobSettings):
    """What every training phase can be told, whatever it trains on."""

    max_grad_norm: float = Field(default=1.0, gt=0, description="gradients are scaled down to this norm")
    gradient_checkpointing: bool = Field(
        default=True, description="recompute activations instead of keeping them: less memory, a third slower"
    )
    precision: Precision = Field(
        default="auto", description="number format of the computation; auto is the fastest native one"
    )
    logging_steps: int = Field(
        default=10, ge=1, description="optimizer steps between two points of the curve"
    )
    lora: LoraSettings = Field(default=LoraSettings(), description="the adapter")


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
