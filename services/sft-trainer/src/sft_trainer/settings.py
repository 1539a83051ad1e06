"""What the SFT trainer can be told."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from shared.prompts import TARGET_CONFIDENCE
from shared.settings import service_config
from shared.training import Scheduler, TrainerSettings, require_divisor


class SftGuardSettings(BaseModel):
    """When the training is stopped because it cannot teach, or no longer does.

    Over windows of 10 points, healthy trainings rose to 1.16 times their lowest loss at most (the demo, three seeds).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_cut_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="stop before the training if max_length leaves out more than this share of the rows; 1 never stops",
    )
    window: int = Field(
        default=10, ge=2, description="logged points over which a signal of the training is averaged"
    )
    max_loss_rise: float = Field(
        default=1.5, ge=0, description="stop at this multiple of the lowest loss so far; 0 never stops"
    )
    loss_floor: float = Field(
        default=0.5,
        ge=0,
        description="a loss up to this, nats a token, counts as low, whatever it was before",
    )

    @field_validator("max_loss_rise")
    @classmethod
    def _is_a_rise(cls, value: float) -> float:
        if 0 < value <= 1:
            raise ValueError(f"{value:g} times the lowest loss is no rise; use more than 1, or 0 for never")
        return value


class SftSettings(TrainerSettings):
    """How to fine-tune. The defaults are the reference run's."""

    model_config = service_config("SFT_")

    max_steps: int = Field(default=800, ge=1, description="optimizer steps")
    learning_rate: float = Field(default=2e-4, gt=0, le=1, description="highest learning rate")
    lr_scheduler: Scheduler = Field(
        default="cosine", description="how the learning rate falls after the warmup"
    )
    warmup_fraction: float = Field(
        default=0.03, ge=0, lt=1, description="share of the steps in which the learning rate rises from 0"
    )
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="AdamW's weight decay")
    batch_size: int = Field(default=16, ge=1, description="rows in one optimizer step")
    micro_batch_size: int = Field(
        default=4,
        ge=1,
        validate_default=True,
        description="rows in one forward pass; the gradients of batch_size rows are summed over several",
    )
    max_length: int = Field(
        default=1024, ge=16, description="tokens of prompt and answer; a row that needs more is left out"
    )
    confidences: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        default=(TARGET_CONFIDENCE,),
        min_length=1,
        description="what the taught answers state, dealt to the rows in turn; several leave GRPO's calibration reward "
        "something to choose from",
    )
    guard: SftGuardSettings = Field(default=SftGuardSettings(), description="when the training is stopped")

    @field_validator("micro_batch_size")
    @classmethod
    def _divides_the_batch(cls, value: int, info: ValidationInfo) -> int:
        return require_divisor("micro_batch_size", value, "batch_size", info.data.get("batch_size", value))
