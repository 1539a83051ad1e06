"""The environment of a job: what HF Jobs would give it, and what points it at the hub."""

from local_hub.environment import without_proxy
from local_hub.jobs.executors.base import Task
from local_hub.jobs.hardware import Resources, accelerator_name


def job_environment(
    task: Task, resources: Resources, home: str, temporary: str, cache: str
) -> dict[str, str]:
    """The job's variables, with its folders as it sees them; what it asked for wins, except for its id."""
    provided = {
        "LANG": "C.UTF-8",
        "HOME": home,
        "TMPDIR": temporary,
        "PYTHONUNBUFFERED": "1",
        "HF_ENDPOINT": task.url,
        "HF_HOME": cache,
        "HF_HUB_DISABLE_XET": "1",
        "UV_CACHE_DIR": f"{cache}/uv",
        "NO_PROXY": without_proxy(task.url),
        "no_proxy": without_proxy(task.url),
        "ACCELERATOR": accelerator_name(task.spec.flavor),
        "CPU_CORES": str(resources.cpu_cores),
        "MEMORY": f"{resources.memory_gigabytes}Gi",
    }
    return provided | dict(task.spec.environment) | dict(task.secrets) | {"JOB_ID": task.job_id}
