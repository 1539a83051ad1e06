"""What the evaluator can be told."""

from pydantic import Field

from evaluator.choices import DecodingChoice
from shared.settings import JobSettings, service_config
from shared.training import Precision


class EvalSettings(JobSettings):
    """How the models are asked; always greedily."""

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
    decoding: DecodingChoice = Field(
        default="free",
        description="free as the model will, constrained to the prediction's schema, or both, each asked apart",
    )
    rotate_options: bool = Field(
        default=False,
        description="ask each question three times more, its options turned by one, two and three places",
    )
    error_rate: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="share of wrong answers that is acceptable among those given without a look at them",
    )
    failure_probability: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="chance, over the draw of the calibration split, that the error rate is higher all the same",
    )
