"""The environment of a job: what HF Jobs would give it, what a process needs, and nothing of the server's own."""

import sys
from collections.abc import Mapping
from pathlib import Path

from local_hub.environment import without_proxy
from local_hub.jobs.folder import JobFolder
from local_hub.jobs.hardware import accelerator_name, cpu_cores, memory_gigabytes
from local_hub.jobs.spec import JobSpec

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where these are set, a job may not find its GPU without them.
MACHINE_VARIABLES = ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES")


def job_environment(
    job_id: str,
    spec: JobSpec,
    secrets: Mapping[str, str],
    folder: JobFolder,
    cache: Path,
    url: str,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """All variables of the job's process; what the job asked for wins, except for its id."""
    machine = {name: inherited[name] for name in MACHINE_VARIABLES if name in inherited}
    provided = {
        # The hub's own interpreter is the `python` of every job: it has the packages of the jobs.
        "PATH": f"{Path(sys.executable).parent}:{inherited.get('PATH', SYSTEM_PATH)}",
        "LANG": "C.UTF-8",
        "HOME": str(folder.work),
        "TMPDIR": str(folder.temporary),
        "PYTHONUNBUFFERED": "1",
        "HF_ENDPOINT": url,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": without_proxy(url),
        "no_proxy": without_proxy(url),
        "ACCELERATOR": accelerator_name(spec.flavor),
        "CPU_CORES": str(cpu_cores()),
        "MEMORY": f"{memory_gigabytes()}Gi",
    }
    return machine | provided | dict(spec.environment) | dict(secrets) | {"JOB_ID": job_id}
