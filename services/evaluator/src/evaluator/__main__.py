"""Evaluate base, SFT and GRPO."""

import sys

from evaluator.settings import EvalSettings
from shared.job import run_job


def main() -> int:
    """Run the phase and return its exit code."""
    return run_job("eval", EvalSettings, work="evaluator.evaluate:evaluate_models")


if __name__ == "__main__":
    sys.exit(main())
