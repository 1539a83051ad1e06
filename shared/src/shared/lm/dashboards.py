"""Dashboards that show a training's curves as they come: trackio, wandb, tensorboard. Loads none of them, nor torch.

transformers has a callback for each. What they write to, and under which name, is decided here: a store that outlives
the job and needs no network, and one dashboard run for one training, however often that is interrupted and resumed.
"""

import netrc
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants

from shared.errors import BadInput
from shared.job import Job
from shared.training import Dashboard

PROJECT = "medmcqa-pipeline"
# As transformers looks for them; the first is the one to install.
PACKAGES: dict[Dashboard, tuple[str, ...]] = {
    "trackio": ("trackio",),
    "wandb": ("wandb",),
    "tensorboard": ("tensorboard", "tensorboardX"),
}
WANDB_FOLDER, TENSORBOARD_FOLDER = "WANDB_DIR", "TENSORBOARD_LOGGING_DIR"
WANDB_SERVER = "https://api.wandb.ai"


def require_dashboards(names: Sequence[Dashboard]) -> None:
    """Check that every dashboard can be reported to from here.

    Raises:
        BadInput: a package is not installed.
    """
    missing = [name for name in names if not any(map(find_spec, PACKAGES[name]))]
    if missing:
        packages = " ".join(PACKAGES[name][0] for name in missing)
        raise BadInput(
            f"report_to names {', '.join(missing)}, not installed where this job runs. "
            f"Run: pip install {packages}, or take it out of report_to."
        )


def name_dashboard_run(job: Job) -> str:
    """Return a name for a training that begins at its first step; one that is resumed keeps the name that it has."""
    name = f"{job.run_id}-{job.phase}"
    attempts = len(job.manifest.phases[job.phase].attempts)
    return name if attempts <= 1 else f"{name}-{attempts}"


def dashboard_arguments(job: Job, run_name: str) -> dict[str, Any]:
    """Return what transformers' TrainingArguments need for the dashboards that the settings name.

    Sets in the environment, where the user has not, what the dashboards read from there only.
    """
    names: Sequence[Dashboard] = job.settings.report_to
    if not names:
        return {"report_to": "none"}
    for variable, value in _environment(names, run_name).items():
        os.environ.setdefault(variable, value)
    return {
        "report_to": list(names),
        "run_name": run_name,
        "project": PROJECT,
        # Left to itself it would make a Space of its own on the Hub when a training has ended.
        "trackio_static_space_id": False,
    }


def describe_dashboards(job: Job) -> list[str]:
    """Return a line for each dashboard: where its data lies. Only after `dashboard_arguments`."""
    return [f"Reporting to {name}: {_whereabouts(name)}." for name in job.settings.report_to]


def tensorboard_files(job: Job) -> dict[str, Path]:
    """Return the events of the training by the names that they get in the run's folder; empty without tensorboard."""
    if "tensorboard" not in job.settings.report_to:
        return {}
    folder = Path(os.environ[TENSORBOARD_FOLDER]).expanduser()
    return {f"{job.phase}/tensorboard/{path.name}": path for path in sorted(folder.glob("events.*"))}


def _environment(names: Sequence[Dashboard], run_name: str) -> dict[str, str]:
    store = Path(constants.HF_HOME) / "medmcqa-pipeline" / "dashboards"
    variables: dict[str, str] = {}
    # Not trackio's: TRL has imported it by now, and with that its folder is fixed.
    if "wandb" in names:
        variables |= {
            WANDB_FOLDER: str(store),  # it adds a folder `wandb` by itself
            "WANDB_PROJECT": PROJECT,
            "WANDB_RUN_ID": run_name,
            "WANDB_RESUME": "allow",
            "WANDB_MODE": "online" if _has_wandb_key() else "offline",
        }
        # Otherwise wandb takes another, temporary folder, without a word.
        store.mkdir(parents=True, exist_ok=True)
    if "tensorboard" in names:
        variables[TENSORBOARD_FOLDER] = str(store / "tensorboard" / run_name)
    return variables


def _has_wandb_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or WANDB_SERVER).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _whereabouts(name: Dashboard) -> str:
    if name == "trackio":
        folder = os.environ.get("TRACKIO_DIR") or Path(constants.HF_HOME) / "trackio"
        elsewhere = os.environ.get("TRACKIO_SPACE_ID") or os.environ.get("TRACKIO_SERVER_URL")
        return elsewhere or f"{folder}, shown by TRACKIO_DIR={folder} trackio show"
    if name == "wandb":
        where = Path(os.environ[WANDB_FOLDER]) / "wandb"
        return f"{os.environ['WANDB_MODE']}, project {os.environ['WANDB_PROJECT']}, files in {where}"
    folder = os.environ[TENSORBOARD_FOLDER]
    return f"{folder}, shown by tensorboard --logdir {Path(folder).parent}"
