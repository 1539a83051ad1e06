"""What a profile resolves to before anything is launched: settings as the services themselves resolve them."""

import json
from typing import Any

from launcher.profiles import Profile
from launcher.requests import build_request, check_settings
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
    requests = [build_request(profile, phase, "planned", "planned", force=False) for phase in PLANNED_PHASES]
    return dict(zip(PLANNED_PHASES, check_settings(*requests), strict=True))


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
