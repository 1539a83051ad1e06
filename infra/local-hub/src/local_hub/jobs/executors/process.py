"""Jobs as processes of this machine, each of its own session; image and flavor are recorded, not enforced."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local_hub.jobs.ending import Ending, ending_of
from local_hub.jobs.executors.base import ExecutorError, Say, Task
from local_hub.jobs.executors.environment import job_environment
from local_hub.jobs.executors.mount_paths import explain_mount, with_folders
from local_hub.jobs.executors.uv import without_uv
from local_hub.jobs.hardware import Resources, Usage, cpu_cores, memory_gigabytes
from local_hub.jobs.processes import find_processes, kill_job, kill_once, measure_job
from local_hub.jobs.spec import JobSpec

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where these are set, a job may not find its GPU without them, or take more of the machine than it is meant to.
MACHINE_VARIABLES = ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")
# Where the folders of the volumes are, by their mount paths, as JSON.
VOLUMES_VARIABLE = "LOCAL_HUB_VOLUMES"
NO_PROJECT_VARIABLE = "UV_NO_PROJECT"


class ProcessExecutor:
    """Runs a job's command with the hub's own interpreter and packages."""

    name = "process"

    def resources(self, flavor: str) -> Resources:
        """All that the machine has, for every flavor."""
        return Resources(cpu_cores(), memory_gigabytes())

    def open(self, directory: Path, cache: Path) -> None:
        """A process needs nothing before it starts."""

    def missing(self, images: Sequence[str]) -> list[str]:
        """None: a process runs in the hub's own environment, whatever image its job names."""
        return []

    async def prepare(self, spec: JobSpec, say: Say) -> None:
        """A process needs nothing before it starts."""

    async def start(self, task: Task, say: Say) -> "JobProcess":
        """Starts the command in the job's folder, with nothing of the server's own environment."""
        for mount in task.mounts:
            say(explain_mount(mount))
        variables = _environment(task, self.resources(task.spec.flavor))
        words = [*task.spec.command, *task.spec.arguments]
        command = without_uv([with_folders(word, task.mounts) for word in words], variables["PATH"], say)
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=task.folder.work,
                env=variables,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except OSError as error:
            os.close(read_end)
            raise ExecutorError(f"cannot run {command[0]}: {error.strerror}") from error
        finally:
            os.close(write_end)
        return JobProcess(task.job_id, process, read_end)

    def measure(self, job_id: str) -> Usage:
        """The sum over the job's processes."""
        return measure_job(job_id)

    def kill(self, job_id: str) -> None:
        """Kills the job's processes."""
        kill_job(job_id)


@dataclass(frozen=True)
class JobProcess:
    """A job's first process, which leads a session, and with it all that it starts."""

    job_id: str
    process: asyncio.subprocess.Process
    output: int

    async def wait(self) -> Ending:
        """Waits for the first process."""
        return ending_of(await self.process.wait())

    def terminate(self) -> None:
        """Sends SIGTERM to the job's process group."""
        self._signal_group(signal.SIGTERM)

    def is_alive(self) -> bool:
        """Whether a process of the job is alive, wherever it went."""
        if self.process.returncode is None:  # to look at all processes of the machine is dear
            return True
        return bool(find_processes(self.job_id, self.process.pid))

    def kill(self) -> None:
        """Sends SIGKILL to the group, and to who left it."""
        self._signal_group(signal.SIGKILL)
        kill_once(self.job_id, self.process.pid)

    def clear(self) -> None:
        """Kills what the job leaves running."""
        kill_job(self.job_id, self.process.pid)

    def _signal_group(self, number: signal.Signals) -> None:
        """Signals the group that the process leads; when it has been waited for, its number may be another's."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # asyncio learns of the end a moment later
                os.killpg(self.process.pid, number)


def _environment(task: Task, resources: Resources) -> dict[str, str]:
    machine = {name: os.environ[name] for name in MACHINE_VARIABLES if name in os.environ}
    # The hub's own interpreter is the `python` of every job: it has the packages of the jobs.
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', SYSTEM_PATH)}"
    folders = (str(task.folder.work), str(task.folder.temporary), str(task.cache))
    environment = machine | {"PATH": path} | job_environment(task, resources, *folders)
    for name in task.spec.environment.keys() - task.secrets.keys():
        environment[name] = with_folders(environment[name], task.mounts)
    if task.mounts:
        environment[VOLUMES_VARIABLE] = json.dumps(
            {mount.volume.mount_path: str(mount.folder) for mount in task.mounts}
        )
    # A project in a folder above the hub's is none of the job's.
    return {NO_PROJECT_VARIABLE: "1"} | environment
