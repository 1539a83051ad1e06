"""What the data-splitter can be told."""

from typing import Annotated, Literal

from pydantic import Field

from shared.settings import JobSettings, service_config

Rows = Annotated[int, Field(ge=1)]


class SplitSettings(JobSettings):
    """Which rows of the shuffled source become which split; by default the reference's, and a fourth split."""

    model_config = service_config("SPLIT_")

    sft_rows: Rows = Field(default=1000, description="questions to fine-tune on, the first of the shuffle")
    grpo_rows: Rows = Field(default=500, description="questions to reinforce on, the next ones")
    eval_rows: Rows = Field(default=200, description="questions that no training sees, after those")
    calibration_rows: Annotated[int, Field(ge=0)] = Field(
        default=200,
        description="questions to fit confidence and thresholds on, the last ones; 0 for no such split",
    )
    shuffle_seed: Annotated[int, Field(ge=0)] | Literal["run"] = Field(
        default=42, description='seed of the shuffle, or "run": the run\'s own seed, so that runs differ'
    )
    near_duplicates: Literal["off", "report", "replace"] = Field(
        default="report",
        description="what becomes of rows that resemble a row of an earlier split: not looked for, listed, or replaced",
    )
    near_duplicate_similarity: Annotated[float, Field(ge=0.5, le=1)] = Field(
        default=0.5,
        description="least share of word pairs in common (Jaccard) that makes two questions resemble",
    )

    def counts(self) -> dict[str, int]:
        """Return how many rows each split gets, in the order in which they are taken."""
        counts = {
            "sft": self.sft_rows,
            "grpo": self.grpo_rows,
            "eval": self.eval_rows,
            "calibration": self.calibration_rows,
        }
        return {split: count for split, count in counts.items() if count}
