"""What a profile resolves to before anything is launched: settings as the services themselves resolve them."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from launcher.profiles import Profile
from launcher.requests import build_request
from shared.errors import BadInput
from shared.estimate.known import KNOWN_MODELS
from shared.estimate.model import ModelShape, shape_from_config
from shared.hub import Hub
from shared.refs import split_revision

# Of the split, how many rows there will be.
PLANNED_PHASES = ("split", "sft", "grpo", "eval")


def resolve_settings(profile: Profile) -> dict[str, dict[str, Any]]:
    """Return the settings of the phases that decide what a run takes, each resolved by its own service.

    Raises:
        BadInput: with the message of the first service that refuses.
    """
    with ThreadPoolExecutor() as pool:
        resolved = pool.map(lambda phase: _ask_service(profile, phase), PLANNED_PHASES)
        return dict(zip(PLANNED_PHASES, resolved, strict=True))


def find_shape(model: str) -> ModelShape:
    """Return the sizes of a model, `namespace/name[@revision]`: known by name, else from its config.json on the Hub.

    Raises:
        PipelineError: the Hub cannot be asked, or the model has no sizes that are counted here.
    """
    repo_id, revision = split_revision(model)
    if repo_id in KNOWN_MODELS:
        return KNOWN_MODELS[repo_id]
    hub = Hub()
    return shape_from_config(
        json.loads(hub.read_bytes(hub.resolve(repo_id, "model", revision), "config.json"))
    )


def _ask_service(profile: Profile, phase: str) -> dict[str, Any]:
    request = build_request(profile, phase, "planned", "planned", force=False)
    result = subprocess.run(
        [sys.executable, *request.command[1:], "--check"],
        env=os.environ | request.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise BadInput(result.stderr.strip().splitlines()[-1].removeprefix("error: "))
    settings: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return settings
