"""The command line of the launcher."""

import argparse
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from pydantic import NonNegativeFloat, PositiveInt, TypeAdapter, ValidationError

from launcher.phases import DEFAULT_PROFILE
from launcher.profiles import Seed
from shared.errors import ExitCode
from shared.manifest import PHASES
from shared.runs import RUNS_REPO


class _CommandLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line, by the names that these options have as variables of make."""
        named = re.sub(r"argument --([a-z-]+):", lambda match: _variable(match[1]) + ":", message)
        self.exit(ExitCode.BAD_INPUT, f"error: {named}. See: make help\n")


def _variable(option: str) -> str:
    return option.replace("-", "_").upper()


def parse_arguments(commands: Iterable[str], description: str | None) -> argparse.Namespace:
    """Read the command line; what a variable of the environment says as well is overruled by it."""
    parser = _CommandLine(prog="python -m launcher", description=description)
    parser.add_argument("command", choices=tuple(commands))
    parser.add_argument("--profile", help=f"profile name or .toml file (a new run: {DEFAULT_PROFILE})")
    parser.add_argument("--run", help="run id (default: the newest run that fits the other options)")
    parser.add_argument("--seed", type=_seed, help="seed of the run (default: the profile's)")
    parser.add_argument(
        "--namespace", type=_namespace, help="user or organisation that owns the repos (default: you)"
    )
    parser.add_argument("--source-dataset", help="namespace/name[@revision] (default: the profile's)")
    parser.add_argument("--base-model", help="namespace/name[@revision] (default: the profile's)")
    parser.add_argument("--force", action="store_true", help="redo what is up to date; promote ungated")
    parser.add_argument(
        "--max-attempts",
        type=_max_attempts,
        default=os.environ.get("MAX_ATTEMPTS") or None,
        help="jobs a phase, launched again where one is cut off (default: MAX_ATTEMPTS, or the profile's)",
    )
    parser.add_argument(
        "--budget-usd",
        type=_budget_usd,
        default=os.environ.get("BUDGET_USD") or None,
        help="launch nothing that could make the run cost more (default: BUDGET_USD, or no limit)",
    )
    parser.add_argument(
        "--image", help="of every phase; {service} stands for the service (default: IMAGE, or the profile's)"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        default=os.environ.get("DRY_RUN", "") not in ("", "0"),
        help="of a phase: print the requests that would launch jobs, send none (default: DRY_RUN)",
    )
    parser.add_argument("--format", choices=["table", "json"], default="table", help="of results and cost")
    parser.add_argument("--seeds", default="", help="of seeds: those to run and pool, e.g. '0 1 2'")
    parser.add_argument("--keep-going", action="store_true", help="of seeds: pool the others where one fails")
    parser.add_argument("--runs", default="", help="of compare: run ids, the first is compared with")
    parser.add_argument("--baseline", help="of gate: the model in use, run id or repo (default: production)")
    parser.add_argument("--job", help="of logs and cancel: a job's id (default: that of the run and phase)")
    parser.add_argument("--all", action="store_true", help="of jobs: those too that have ended")
    parser.add_argument("--follow", action="store_true", help="of logs: until the job ends")
    parser.add_argument(
        "--phase",
        choices=PHASES,
        help="of logs and cancel: whose (default: the newest job); of container: which",
    )
    parser.add_argument("--folder", type=Path, default=Path(), help="of scripts: where to write them")
    arguments = parser.parse_args()
    if arguments.command == "container" and not arguments.phase:
        parser.error("container needs --phase")
    return arguments


def _namespace(text: str) -> str:
    try:
        validate_repo_id(f"{text}/{RUNS_REPO}")
    except HFValidationError as error:
        raise argparse.ArgumentTypeError(f"{text} is no name of a user or an organisation") from error
    return text


def _seed(text: str) -> int:
    return int(_parse(text, Seed))


def _max_attempts(text: str) -> int:
    return int(_parse(text, PositiveInt))


def _budget_usd(text: str) -> float:
    return float(_parse(text, NonNegativeFloat))


def _parse(text: str, wanted: Any) -> Any:
    try:
        return TypeAdapter(wanted).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.errors()[0]['msg']}") from error
