"""Pool seeds: `python -m reporter.seeds --run-ids A B C --namespace USER`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from rich.console import Console

from shared.errors import run_to_exit_code
from shared.hub import Hub

WIDE = 200


def main() -> int:
    """Pool the seeds' runs, write the pages and return the exit code."""
    arguments = _parse_arguments()
    disable_progress_bars()
    return run_to_exit_code(
        lambda: pool_seeds(arguments.run_ids, arguments.namespace, arguments.folder, arguments.missing)
    )


def pool_seeds(run_ids: Sequence[str], namespace: str, reports: Path, missing: Sequence[int] = ()) -> None:
    """Print the pooled figures and write them under the folder of reports."""
    # Only now that the command is understood: this loads numpy, pyarrow and the templates.
    from reporter.compare.runs import load_runs, name_folder, write_pages
    from reporter.seeds.output import render, show, summarise

    pool = summarise(load_runs(Hub(), namespace, run_ids), missing)
    folder = reports / name_folder("seeds", [pool.profile, *map(str, pool.seeds)])
    write_pages(folder, render(pool))
    # In a pipe rich would fit everything into 80 columns, and cut what scripts look for.
    show(pool, Console(width=None if sys.stdout.isatty() else WIDE, highlight=False))
    print(f"The pooled seeds are in {folder / 'seeds.html'}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reporter.seeds", description=__doc__)
    parser.add_argument("--run-ids", nargs="+", required=True, help="runs of one profile, one a seed")
    parser.add_argument("--namespace", required=True, help="user or organisation that owns the runs' repos")
    parser.add_argument("--folder", type=Path, default=Path("reports"), help="where the pages go")
    parser.add_argument("--missing", nargs="*", type=int, default=[], help="seeds that failed, to be named")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
