"""What the reporter can be told."""

from pydantic import Field

from shared.settings import JobSettings, service_config


class ReportSettings(JobSettings):
    """How much of the run the report shows; its figures depend on the run alone."""

    model_config = service_config("REPORT_")

    samples_per_kind: int = Field(
        default=2,
        ge=0,
        le=20,
        description="answers shown for each model and kind (right, wrong, unparseable)",
    )
    rollout_samples: int = Field(
        default=4,
        ge=0,
        le=32,
        description="GRPO completions shown from the first and from the last logged step",
    )
    png_dpi: int = Field(
        default=160, ge=72, le=400, description="resolution of the PNG charts, dots per inch"
    )
