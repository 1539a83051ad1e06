"""Compare runs: `python -m reporter.compare --run-ids A B --namespace USER`."""

import argparse
import sys
from pathlib import Path

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from rich.console import Console

from shared.errors import run_to_exit_code
from shared.hub import Hub

WIDE = 200


def main() -> int:
    """Compare the runs, write the pages and return the exit code."""
    arguments = _parse_arguments()
    disable_progress_bars()
    return run_to_exit_code(lambda: compare(arguments.run_ids, arguments.namespace, arguments.folder))


def compare(run_ids: list[str], namespace: str, reports: Path) -> None:
    """Print the comparison and write it under the folder of reports."""
    # Only now that the command is understood: this loads numpy, pyarrow and the templates.
    from reporter.compare.output import render, show, summarise
    from reporter.compare.runs import load_runs, name_folder, write_pages

    comparison = summarise(load_runs(Hub(), namespace, run_ids))
    folder = reports / name_folder("compare", run_ids)
    write_pages(folder, render(comparison))
    # In a pipe rich would fit everything into 80 columns, and cut what scripts look for.
    show(comparison, Console(width=None if sys.stdout.isatty() else WIDE, highlight=False))
    print(f"The comparison is in {folder / 'compare.html'}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reporter.compare", description=__doc__)
    parser.add_argument(
        "--run-ids", nargs="+", required=True, help="the first is what the others are compared with"
    )
    parser.add_argument("--namespace", required=True, help="user or organisation that owns the runs' repos")
    parser.add_argument("--folder", type=Path, default=Path("reports"), help="where the pages go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
