"""Split the questions for a run."""

import sys

from data_splitter.settings import SplitSettings
from shared.job import run_job


def main() -> int:
    """Run the phase and return its exit code."""
    return run_job("split", SplitSettings, work="data_splitter.split:split_questions")


if __name__ == "__main__":
    sys.exit(main())
