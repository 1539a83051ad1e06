"""Hand a job to the Jobs API once, also where the answer gets lost."""

from huggingface_hub import JobInfo, get_token

from launcher.budget import TIMEOUT_LABEL
from launcher.requests import JobRequest
from shared.hub import Hub, hub_errors
from shared.retry import Patience

# No try begins when the claim to launch is about to lapse. The first pause lets a job appear in the list.
FIRST_PAUSE_SECONDS = 2.0
LAUNCH_SECONDS = 45.0
# The service would run again whatever failed, a tripped guard too; the launcher knows which jobs may go on.
ATTEMPTS = 1
PROJECT = "medmcqa"


def submit(hub: Hub, namespace: str, request: JobRequest, token: str) -> str:
    """Launch a job labelled with the token and return its id.

    Where no answer came, the job may have been taken all the same: it is looked for by its label before another
    is launched.
    """
    asked = False

    def launch() -> str:
        nonlocal asked
        if asked and (job := find_launched(hub, namespace, token)):
            return job.id
        asked = True
        return run_job(hub, namespace, request, token).id

    doing = f"launching {request.phase}"
    with hub_errors(doing):
        return Patience(first_pause=FIRST_PAUSE_SECONDS, seconds=LAUNCH_SECONDS).call(doing, launch)


def find_launched(hub: Hub, namespace: str, token: str) -> JobInfo | None:
    """Return the job that was launched with the token, if there is one."""
    return next(iter(hub.api.list_jobs(labels={"launch": token}, namespace=namespace)), None)


def run_job(hub: Hub, namespace: str, request: JobRequest, token: str) -> JobInfo:
    """Send the request once. No secret is in it but among the secrets, which the Jobs API keeps encrypted."""
    target = request.target
    return hub.api.run_job(
        image=target.image,
        command=request.command,
        env=request.environment,
        secrets={"HF_TOKEN": get_token(), **request.secrets},
        flavor=target.flavor,
        timeout=target.timeout,
        attempts=ATTEMPTS,
        # The client would make one of the image, and a digest makes it too long for a label.
        name=f"{PROJECT}-{request.phase}",
        labels={
            "project": PROJECT,
            "run": request.run_id,
            "phase": request.phase,
            "launch": token,
            # No answer of the Jobs API tells a job's timeout, and a budget must know it.
            TIMEOUT_LABEL: target.timeout,
            "request": request.digest.removeprefix("sha256:"),
        },
        namespace=namespace,
    )
