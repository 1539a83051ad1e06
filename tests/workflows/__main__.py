"""Run one job of a GitHub workflow on this checkout: `make workflow WORKFLOW=ci JOB=smoke`."""

import argparse
import os
import sys
from pathlib import Path

from workflows.expressions import Unsupported
from workflows.files import ROOT
from workflows.runner import JobRun, Occasion, print_line


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workflows", description=__doc__)
    parser.add_argument("workflow", help="name of a file in .github/workflows, without ending")
    parser.add_argument("job")
    parser.add_argument("--artifacts", type=Path, default=ROOT / "reports" / "artifacts", help="a folder")
    parser.add_argument("--summary", type=Path, help="file to write the job's summary into")
    arguments = parser.parse_args()
    try:
        job = JobRun(arguments.workflow, arguments.job, ROOT, arguments.artifacts, _occasion(), print_line)
        result = job.run()
    except Unsupported as error:
        print(f"error: this runner cannot do what GitHub's does: {error}", file=sys.stderr)
        return 2
    if arguments.summary:
        arguments.summary.write_text(result.summary, encoding="utf-8")
    return 0 if result.succeeded else 1


def _occasion() -> Occasion:
    """What this machine gives, less what the make that started this would tell the steps' own."""
    told = ("MAKE", "MFLAGS", "WORKFLOW", "JOB")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(told)}
    # Given and empty, it is not taken from .env either.
    return Occasion(environment=kept | {"HF_ENDPOINT": ""})


if __name__ == "__main__":
    sys.exit(main())
