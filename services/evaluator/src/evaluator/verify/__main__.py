"""Verify a whole run after the fact: `python -m evaluator.verify --run-id RUN --namespace USER`."""

import argparse
import sys
import warnings

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from rich.console import Console

from shared.errors import ExitCode, run_to_exit_code
from shared.hub import Hub
from shared.manifest import RunManifest
from shared.runs import ManifestStore


def main() -> int:
    """Verify the run and return the exit code: 0 all holds, 4 something does not, 2 there is no such run."""
    arguments = _parse_arguments()

    def verify_named() -> int:
        hub = Hub()
        return verify_run(hub, ManifestStore(hub, arguments.namespace).read(arguments.run_id))

    return run_to_exit_code(verify_named)


def verify_run(hub: Hub, manifest: RunManifest) -> int:
    """Verify a run, show what is found, and return the exit code."""
    console = Console(highlight=False)
    with console.status(f"Verifying run {manifest.run_id}") as status:
        # Only now that the run is there: this loads torch.
        from transformers.utils.logging import disable_progress_bar

        from evaluator.verify.output import open_checklist, render_summary, render_table
        from evaluator.verify.run import verify

        # PEFT asks for an option by a name that transformers 6 will not have.
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        disable_progress_bars()
        disable_progress_bar()  # type: ignore[no-untyped-call]
        checklist = open_checklist(console, status)
        verify(checklist, hub, manifest)
    if console.is_terminal:
        console.print(render_table(checklist.findings))
    print(render_summary(manifest.run_id, checklist), flush=True)
    return ExitCode.GUARD_TRIPPED if checklist.count("fails") else ExitCode.OK


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evaluator.verify", description=__doc__)
    parser.add_argument("--run-id", required=True, help="the run to verify")
    parser.add_argument("--namespace", required=True, help="user or organisation that owns the run's repos")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
