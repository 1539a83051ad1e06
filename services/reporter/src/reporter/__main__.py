"""Write the run's report: HTML, Markdown and charts."""

import sys

from reporter.settings import ReportSettings
from shared.job import run_job


def main() -> int:
    """Run the phase and return its exit code."""
    return run_job("report", ReportSettings, work="reporter.report:write_report")


if __name__ == "__main__":
    sys.exit(main())
