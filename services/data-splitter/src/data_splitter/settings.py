"""What the data-splitter can be told."""

from typing import Annotated, Literal

from pydantic import Field

from shared.settings import JobSettings, service_config

Rows = Annotated[int, Field(ge=1)]


class SplitSettings(JobSettings):
    """Which rows of the shuffled source become which split; the defaults are the reference run's."""

    model_config = service_config("SPLIT_")

    sft_rows: Rows = Field(default=1000, description="questions to fine-tune on, the first of the shuffle")
    grpo_rows: Rows = Field(default=500, description="questions to reinforce on, the next ones")
    eval_rows: Rows = Field(default=200, description="questions that no training sees, after those")
    shuffle_seed: Annotated[int, Field(ge=0)] | Literal["run"] = Field(
        default=42, description='seed of the shuffle, or "run": the run\'s own seed, so that runs differ'
    )

    def counts(self) -> dict[str, int]:
        """Return how many rows each split gets, in the order in which they are taken."""
        return {"sft": self.sft_rows, "grpo": self.grpo_rows, "eval": self.eval_rows}
