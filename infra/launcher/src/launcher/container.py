"""Run the container of one phase with no Jobs API between, for a person who debugs one step.

The container gets the command, the settings and the secrets that a job would get, and ends as the job would.
"""

import os
import secrets
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from huggingface_hub import get_token

from launcher.current import Wanted
from launcher.endings import is_over
from launcher.images import parse_reference
from launcher.open_run import OpenRun
from launcher.phases import RunPhases
from launcher.profiles import AUTO
from launcher.requests import JobRequest, build_request, service_of
from launcher.settle import BY_HAND, settle_by_hand, settle_stale
from launcher.show import fetch_report
from launcher.signals import handled_by
from launcher.terminal import say
from shared.errors import BadInput, ExitCode

# What `docker run` itself ends with where there was no container to speak of.
DOCKER_FAILED = 125
# Ctrl-C, an end that another program asks for, and a terminal that is closed.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The Hub client's own, as far as a container needs them to reach the Hub that the launcher reaches.
CLIENT_VARIABLES = ("HF_ENDPOINT", "HF_HUB_DISABLE_XET", "NO_PROXY", "no_proxy")


def run_container(phases: RunPhases, phase: str, wanted: Wanted, docker_options: str = "") -> int:
    """Run a phase's container in the foreground and return its exit code, which is the job's.

    Args:
        phases: whose run, and whether what is up to date is redone.
        phase: the phase; those before it must have succeeded.
        wanted: which run; `split` begins a new one unless one is named.
        docker_options: further options of `docker run`, as typed in a shell, e.g. "--gpus all".

    Raises:
        BadInput: there is no such run, a job or another container works on the phase now, or docker is not installed.
    """
    run, profile = phases.open(phase, wanted, alone=True)
    settle_stale(run)
    _require_idle(run, phase)
    request = with_local_image(build_request(profile, phase, run.run_id, run.namespace, phases.force))
    _require_no_container(request)
    name = f"medmcqa-{phase}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    job_id = f"{BY_HAND}-{name}"
    environment = container_environment(request, get_token(), os.environ) | {"JOB_ID": job_id}
    say(f"{phase}: container {name} of {request.target.image}, run {run.run_id}")
    code = _run_to_the_end(docker_command(request, name, environment, docker_options), environment, name)
    settle_by_hand(run, phase, job_id, code)
    if code == DOCKER_FAILED:
        say("error: docker started no container, for the reason above. To build the images: make images.")
    elif code == ExitCode.OK and phase == "report":
        fetch_report(phases.store, run.read())
    return code


def with_local_image(request: JobRequest) -> JobRequest:
    """Return the request with the image that `make images` builds, where the profile leaves the image open."""
    if request.target.image != AUTO:
        return request
    image = f"medmcqa-{service_of(request.phase)}"
    return replace(request, target=request.target.model_copy(update={"image": image}))


def container_environment(
    request: JobRequest, token: str | None, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of the container, secrets among them.

    What the launcher records of a job, image and request, this job records itself.
    """
    client = {name: inherited[name] for name in CLIENT_VARIABLES if name in inherited}
    record = {"JOB_IMAGE": request.target.image, "JOB_REQUEST": request.digest}
    hub_token = {"HF_TOKEN": token} if token else {}
    return client | request.environment | request.secrets | hub_token | record


def docker_command(
    request: JobRequest, name: str, variables: Mapping[str, str], docker_options: str = ""
) -> list[str]:
    """Return the `docker run` of a job; variables are named in it and not given, so that no secret stands there.

    The client and not the SDK: people pass on options that they know from it, and it finds the engine (contexts,
    rootless, remote) where they have it.
    """
    command = [_docker(), "run", "--rm", "--name", name, "--network", "host"]
    for label in _labels(request):
        command += ["--label", label]
    command += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    # A volume without a name goes with the container, and unlike a tmpfs it takes no memory: models lie there.
    command += ["--volume", "/tmp"]  # noqa: S108 - the container's
    command += ["--pull", "never"] if parse_reference(request.target.image).is_only_here else []
    for variable in variables:
        command += ["--env", variable]
    # A job's command stands in place of the image's entrypoint, as on HF Jobs.
    command += [*_split(docker_options), "--entrypoint", request.command[0], request.target.image]
    return command + request.command[1:]


def _require_idle(run: OpenRun, phase: str) -> None:
    for attempt in run.read().phases[phase].attempts:
        job = None if attempt.job_id.startswith(BY_HAND) else run.inspect(attempt.job_id)
        if job is not None and not is_over(job):
            raise BadInput(
                f"Job {job.id} works on {phase} of run {run.run_id} now. Follow it: make {phase} RUN={run.run_id}; "
                f"or end it: make cancel JOB={job.id}."
            )


def _require_no_container(request: JobRequest) -> None:
    """Raise where a container whose launcher was killed works on the phase still: two would be in each other's way."""
    filters = [word for label in _labels(request) for word in ("--filter", f"label={label}")]
    try:
        command = [_docker(), "ps", "--format", "{{.Names}}", *filters]
        names = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except OSError as error:
        raise _no_docker(error) from error
    if names:
        raise BadInput(
            f"Container {names[0]} works on {request.phase} of run {request.run_id} now. Let it end, or let it save "
            f"and end: {_docker()} stop --time 60 {names[0]}."
        )


def _labels(request: JobRequest) -> tuple[str, ...]:
    return f"medmcqa.run={request.run_id}", f"medmcqa.phase={request.phase}"


def _run_to_the_end(command: list[str], environment: Mapping[str, str], name: str) -> int:
    """Run `docker run`; the first Ctrl-C asks the container to save and end, the next one kills it."""
    process: subprocess.Popen[bytes] | None = None
    asked = 0

    def ask(*_: object) -> None:
        nonlocal asked
        asked += 1
        if process is not None:
            _stop(process, name, asked)

    with handled_by(ask, STOPPING):
        try:
            # In a session of its own, so that Ctrl-C comes here first and not to docker as well.
            process = subprocess.Popen(command, env={**os.environ, **environment}, start_new_session=True)
        except OSError as error:
            raise _no_docker(error) from error
        if asked:
            _stop(process, name, asked)
        return process.wait()


def _stop(process: subprocess.Popen[bytes], name: str, asked: int) -> None:
    if asked > 1:
        subprocess.run([_docker(), "kill", name], capture_output=True, check=False)
        say("Killing it.")
    else:
        # docker passes the signal on. Said afterwards, as nothing can be said to a terminal that is closed.
        process.terminate()
        say("Stopping: it saves what it has and ends. Ctrl-C again kills it.")


def _split(docker_options: str) -> list[str]:
    try:
        return shlex.split(docker_options)
    except ValueError as error:
        raise BadInput(
            f"DOCKER_RUN_OPTIONS {docker_options!r} cannot be read: {error}. Mend the quotes."
        ) from error


def _no_docker(error: OSError) -> BadInput:
    return BadInput(
        f"{_docker()} cannot be run ({error.strerror}). Install it, or name another program: DOCKER=podman."
    )


def _docker() -> str:
    return os.environ.get("DOCKER") or "docker"
