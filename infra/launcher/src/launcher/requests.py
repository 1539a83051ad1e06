"""What is asked of the Jobs API for one phase of one run."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher.check import Question, ask_services
from launcher.checkout import PublishedCode
from launcher.profiles import LaunchTarget, Profile
from shared.errors import BadInput
from shared.fingerprint import code_fingerprint
from shared.settings import PROFILE_VARIABLE

PACKAGES = {
    "split": "data_splitter",
    "sft": "sft_trainer",
    "grpo": "grpo_trainer",
    "eval": "evaluator",
    "report": "reporter",
}
TRAINERS = ("sft", "grpo")
# What the trainers' `report_to` names reads its settings from. None decides a result, so none is in the digest.
DASHBOARD_PREFIXES = ("TRACKIO_", "WANDB_", "TENSORBOARD_")
# An address may hold a token too: trackio's server's and webhook's do.
SECRET_ENDINGS = ("_KEY", "_TOKEN", "_URL")


@dataclass(frozen=True)
class JobRequest:
    """A job before it is submitted; `environment` never holds a secret.

    Attributes:
        secrets: keys of dashboards, beside the token that every job gets.
        digest: identifies what decides the result: profile section, overrides and code.
        code: where the code comes from that is installed into the image; None where the image holds it.
    """

    phase: str
    run_id: str
    command: list[str]
    environment: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    target: LaunchTarget
    digest: str
    code: PublishedCode | None = None


def build_request(profile: Profile, phase: str, run_id: str, namespace: str, force: bool) -> JobRequest:
    """Turn a profile and a phase into a job."""
    section = json.dumps({"profile": profile.name, phase: profile.sections[phase]}, sort_keys=True)
    settings = {PROFILE_VARIABLE: section, **_overrides(phase)}
    dashboards = _dashboard_variables() if phase in TRAINERS else {}
    secrets = {name: value for name, value in dashboards.items() if name.endswith(SECRET_ENDINGS)}
    command = ["python", "-m", PACKAGES[phase], "--run-id", run_id, "--namespace", namespace]
    return JobRequest(
        phase=phase,
        run_id=run_id,
        command=command + (["--force"] if force else []),
        environment=settings | {name: value for name, value in dashboards.items() if name not in secrets},
        secrets=secrets,
        target=profile.launch[phase].for_service(service_of(phase)),
        digest=_digest(settings, code_fingerprint(("shared", PACKAGES[phase]))),
    )


def service_of(phase: str) -> str:
    """Return the name of a phase's service, as its folder and its image have it."""
    return PACKAGES[phase].replace("_", "-")


def check_settings(*requests: JobRequest) -> list[dict[str, Any]]:
    """Let each service itself check its settings, before anything is launched; return them as it resolves them.

    Raises:
        BadInput: with the message of the first service that refuses.
    """
    answers = ask_services([Question(request.command[2:], _environment_of(request)) for request in requests])
    if answers[-1].code != 0:
        raise BadInput(answers[-1].errors.strip().splitlines()[-1].removeprefix("error: "))
    return [json.loads(answer.output.splitlines()[-1]) for answer in answers]


def check_all_settings(profile: Profile, run_id: str, namespace: str) -> None:
    """Let every service check its settings, so that a mistake in a late phase does not cost the early ones.

    Raises:
        BadInput: with the message of the first service that refuses.
    """
    check_settings(*(build_request(profile, phase, run_id, namespace, force=False) for phase in PACKAGES))


def _environment_of(request: JobRequest) -> dict[str, str]:
    """Return what the service reads here: what a person set for the phase is in the request already."""
    prefix = _prefix(request.phase)
    others = {name: value for name, value in os.environ.items() if not name.startswith(prefix)}
    return others | request.environment


def _overrides(phase: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_prefix(phase))}


def _dashboard_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(DASHBOARD_PREFIXES)}


def _prefix(phase: str) -> str:
    return f"{phase.upper()}_"


def _digest(environment: Mapping[str, str], code: str) -> str:
    content = json.dumps([sorted(environment.items()), code])
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
