"""What the evaluator can be told."""

from pydantic import Field

from shared.settings import JobSettings, service_config
from shared.training import Precision


class EvalSettings(JobSettings):
    """How the models are asked; decoding is always greedy."""

    model_config = service_config("EVAL_")

    max_new_tokens: int = Field(
        default=128,
        ge=1,
        le=4096,
        description="longest answer, tokens; what is longer is cut off and counted",
    )
    batch_size: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="questions answered at once; changes the speed, not the answers",
    )
    precision: Precision = Field(
        default="auto",
        description="number format to compute in; auto is the fastest the device has in hardware",
    )
