"""What the hub asks of an executor, whichever it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local_hub.jobs.ending import Ending
from local_hub.jobs.folder import JobFolder
from local_hub.jobs.hardware import Resources, Usage
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.volumes import Mount

# Adds a line of the hub's own to the job's log.
Say = Callable[[str], None]


class ExecutorError(Exception):
    """Why a job cannot begin, or what it ended of other than itself; the message is for its owner."""


@dataclass(frozen=True)
class Task:
    """A job as its executor needs it.

    Attributes:
        mounts: its volumes, which the executor makes the job find.
        cache: HF_HOME, shared by all jobs so that a base model is fetched once.
        url: where the hub answers.
    """

    job_id: str
    spec: JobSpec
    secrets: Mapping[str, str]
    folder: JobFolder
    cache: Path
    url: str
    mounts: tuple[Mount, ...] = ()


class Workload(Protocol):
    """The command of a job, running. Only `wait` may be called on the event loop: the others block."""

    @property
    def output(self) -> int:
        """The read end of the pipe that takes both its outputs; whoever reads it closes it."""

    async def wait(self) -> Ending:
        """Waits for its end; raises `ExecutorError` where it is lost."""

    def terminate(self) -> None:
        """Sends SIGTERM."""

    def is_alive(self) -> bool:
        """Whether anything of it still runs."""

    def kill(self) -> None:
        """Sends SIGKILL to all of it."""

    def clear(self) -> None:
        """Kills and removes whatever is left of it."""


class Executor(Protocol):
    """A way to run jobs."""

    name: str

    def resources(self, flavor: str) -> Resources:
        """What a job of the flavor gets here."""

    def open(self, directory: Path, cache: Path) -> None:
        """Gets ready, once, before the first job of the hub in `directory`; raises `HubError`; blocks."""

    def missing(self, images: Sequence[str]) -> list[str]:
        """Those of which no job can be started, as nobody says where to get them; blocks; raises `ExecutorError`."""

    async def prepare(self, spec: JobSpec, say: Say) -> None:
        """Fetches what the job needs before its time begins; raises `ExecutorError`. May be cancelled."""

    async def start(self, task: Task, say: Say) -> Workload:
        """Starts the job's command; raises `ExecutorError`."""

    def measure(self, job_id: str) -> Usage:
        """What the job uses now; blocks."""

    def kill(self, job_id: str) -> None:
        """Kills and removes what is left of a job that an earlier hub started; raises `HubError`; blocks."""
