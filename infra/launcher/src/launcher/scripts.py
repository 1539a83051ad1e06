"""Write each phase of a run as a shell script, for whatever runs containers and offers no Jobs API.

`infra/images/compose.yaml` does it so. What a job would get in its environment stands in its script.
"""

import os
import shlex
from pathlib import Path

from huggingface_hub import get_token

from launcher.container import container_environment, with_local_image
from launcher.current import Wanted
from launcher.phases import RunPhases
from launcher.requests import build_request
from launcher.terminal import say
from shared.manifest import PHASES


def write_scripts(phases: RunPhases, wanted: Wanted, folder: Path) -> None:
    """Write `<folder>/<phase>.sh` for all phases of the newest run that fits, begun where there is none.

    The scripts hold the Hub's token: only their owner can read them.
    """
    run, profile = phases.open("sft", wanted)
    for phase in PHASES:
        request = with_local_image(build_request(profile, phase, run.run_id, run.namespace, phases.force))
        environment = container_environment(request, get_token(), os.environ)
        write_private(folder / f"{phase}.sh", render_script(environment, request.command))
    say(f"The scripts of run {run.run_id} are in {folder}.")


def render_script(environment: dict[str, str], command: list[str]) -> str:
    """Return a script that becomes the job, so that a signal to the one reaches the other."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join(["#!/bin/sh", *exports, f"exec {shlex.join(command)}", ""])


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, also where there was one that others could."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
