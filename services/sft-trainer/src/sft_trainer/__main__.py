"""Fine-tune the base model on answers."""

import sys

from sft_trainer.settings import SftSettings
from shared.job import run_job


def main() -> int:
    """Run the phase and return its exit code."""
    return run_job("sft", SftSettings, work="sft_trainer.train:train_sft")


if __name__ == "__main__":
    sys.exit(main())
