"""What the SFT trainer can be told."""

from pydantic import Field, ValidationInfo, field_validator

from shared.settings import service_config
from shared.training import Scheduler, TrainerSettings, require_divisor


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

    @field_validator("micro_batch_size")
    @classmethod
    def _divides_the_batch(cls, value: int, info: ValidationInfo) -> int:
        return require_divisor("micro_batch_size", value, "batch_size", info.data.get("batch_size", value))
