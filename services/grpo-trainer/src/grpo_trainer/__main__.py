"""Train the SFT model on rewards."""

import sys

from grpo_trainer.settings import GrpoSettings
from shared.job import run_job


def main() -> int:
    """Run the phase and return its exit code."""
    return run_job("grpo", GrpoSettings, work="grpo_trainer.train:train_grpo")


if __name__ == "__main__":
    sys.exit(main())
