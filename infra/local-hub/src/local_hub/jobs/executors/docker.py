"""Jobs as containers of a Docker engine, with the image and the resources that they ask for."""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import docker
from docker.errors import ImageNotFound
from docker.models.containers import Container
from docker.types import DeviceRequest, LogConfig

from local_hub.errors import HubError
from local_hub.jobs.executors.base import ExecutorError, Say, Task
from local_hub.jobs.executors.container import (
    ENGINE_ERRORS,
    ENTRYPOINT,
    JobContainer,
    remove_container,
    root_of,
)
from local_hub.jobs.executors.environment import job_environment
from local_hub.jobs.executors.pull import has_registry, pull_image
from local_hub.jobs.hardware import FLAVORS, Resources, Usage
from local_hub.jobs.spec import JobSpec
from local_hub.jobs.volumes import Mount

JOB_LABEL = "local-hub.job"
STORE_LABEL = "local-hub.store"
# Where a container finds its own folders. Its other files are the image's, which it cannot write.
HOME, TEMPORARY, CACHE = "/job", "/tmp", "/hf-home"  # noqa: S108 - inside of the container
MAX_PROCESSES = 4096
NOBODY = 65534
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")


def connect(network: str) -> "DockerExecutor":
    """An executor on the engine that `docker` itself would use; raises `HubError` where none answers."""
    try:
        client = docker.from_env()
        return DockerExecutor(client, client.info(), network)
    except ENGINE_ERRORS as error:
        raise HubError(
            f"No Docker engine answers ({root_of(error)}). Start one and see that `docker info` works for you, "
            "or run jobs as processes: --executor process (make: EXECUTOR=process)."
        ) from error


class DockerExecutor:
    """Runs a job's command in a container without rights, on a file system that it cannot change."""

    name = "docker"

    def __init__(self, client: docker.DockerClient, engine: dict[str, Any], network: str) -> None:
        self._client = client
        self._network = network
        self._machine = Resources(engine["NCPU"], engine["MemTotal"] // 2**30)
        self._has_nvidia = "nvidia" in engine.get("Runtimes", {})
        self._owner = _owner(engine)

    def resources(self, flavor: str) -> Resources:
        """What the flavor stands for, at most what the machine has."""
        asked = FLAVORS[flavor]
        return Resources(
            min(asked.cpu_cores, self._machine.cpu_cores),
            min(asked.memory_gigabytes, self._machine.memory_gigabytes),
        )

    def open(self, directory: Path, cache: Path) -> None:
        """Removes what the engine would not give up when its job ended, and lets containers write the cache."""
        self._remove_labelled(STORE_LABEL, str(directory))
        cache.mkdir(mode=0o700, exist_ok=True)
        self._hand_over(cache, *cache.rglob("*"))

    def missing(self, images: Sequence[str]) -> list[str]:
        """Those that the engine does not have and whose name holds no registry to pull them from."""
        return [image for image in images if not has_registry(image) and not self._has_image(image)]

    async def prepare(self, spec: JobSpec, say: Say) -> None:
        """Pulls the image where it is missing and its name says from where."""
        if await asyncio.to_thread(self._has_image, spec.image):
            return
        if not has_registry(spec.image):
            raise _missing(spec.image)
        say(f"pulling {spec.image}")
        cancelled = threading.Event()
        try:
            await asyncio.to_thread(pull_image, self._client, spec.image, cancelled)
        finally:
            cancelled.set()

    async def start(self, task: Task, say: Say) -> JobContainer:
        """Starts the container, and follows it before its first word."""
        for remark in self._shortages(task.spec.flavor):
            say(remark)
        return await asyncio.to_thread(self._start, task)

    def measure(self, job_id: str) -> Usage:
        """As the engine measures it; page cache that could be freed is not counted."""
        try:
            stats = self._client.api.stats(_name(job_id), stream=False, one_shot=True)
        except ENGINE_ERRORS:  # it has not begun or has ended, or the engine is busy
            return Usage(0.0, 0)
        memory = stats["memory_stats"]
        details = memory.get("stats", {})
        reclaimable = details.get("total_inactive_file", details.get("inactive_file", 0))
        return Usage(
            stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, max(0, memory.get("usage", 0) - reclaimable)
        )

    def kill(self, job_id: str) -> None:
        """Removes the job's containers, running or not."""
        self._remove_labelled(JOB_LABEL, job_id)

    def _remove_labelled(self, label: str, value: str) -> None:
        try:
            found = self._client.containers.list(
                all=True, filters={"label": f"{label}={value}"}, ignore_removed=True
            )
        except ENGINE_ERRORS as error:
            raise HubError(f"The Docker engine fails: {root_of(error)}") from error
        for container in found:
            remove_container(container)

    def _has_image(self, image: str) -> bool:
        try:
            self._client.images.get(image)
        except ImageNotFound:
            return False
        except ENGINE_ERRORS as error:
            raise ExecutorError(f"the Docker engine fails: {root_of(error)}") from error
        return True

    def _shortages(self, flavor: str) -> Iterator[str]:
        """What the flavor stands for and this machine does not have."""
        asked, given = FLAVORS[flavor], self.resources(flavor)
        if (asked.cpu_cores, asked.memory_gigabytes) != (given.cpu_cores, given.memory_gigabytes):
            yield (
                f"{flavor} has {asked.cpu_cores} vCPU and {asked.memory_gigabytes} GB; "
                f"this job has {given.cpu_cores} vCPU and {given.memory_gigabytes} GB of this machine"
            )
        gpus = self._gpu_count(flavor)
        if asked.gpu is not None and asked.gpu_count > gpus:
            reason = "" if self._has_nvidia else ": the engine has no nvidia runtime"
            yield f"{flavor} has {asked.gpu_count} {asked.gpu.model}; this job has {gpus} GPUs{reason}"

    def _start(self, task: Task) -> JobContainer:
        self._hand_over(task.folder.work, task.folder.temporary)
        for mount in task.mounts:
            self._hand_over(mount.folder, *mount.folder.rglob("*"))
        container = None
        try:
            container = self._create(task)
            output = container.attach(stdout=True, stderr=True, stream=True)
            container.start()
        except ImageNotFound as error:
            raise _missing(task.spec.image) from error
        except ENGINE_ERRORS as error:
            if container is not None:
                remove_container(container)
            raise ExecutorError(f"cannot start a container of {task.spec.image}: {root_of(error)}") from error
        memory = self.resources(task.spec.flavor).memory_gigabytes
        return JobContainer(container, output, task.spec, memory)

    def _create(self, task: Task) -> Container:
        spec, resources = task.spec, self.resources(task.spec.flavor)
        memory_bytes = resources.memory_gigabytes * 2**30
        folders = {HOME: task.folder.work, TEMPORARY: task.folder.temporary, CACHE: task.cache}
        image = self._client.images.get(spec.image)
        return self._client.containers.create(
            image,
            [*spec.command, *spec.arguments],
            name=_name(task.job_id),
            labels={JOB_LABEL: task.job_id, STORE_LABEL: str(task.folder.directory)},
            entrypoint=ENTRYPOINT,
            working_dir=_working_directory(image.attrs),
            # Without `USER` a library that asks for the name of a user whom the image does not know fails;
            # by the other variable the first process passes SIGTERM on to all of the job.
            environment={"USER": "job", "TINI_KILL_PROCESS_GROUP": "1"}
            | job_environment(task, resources, HOME, TEMPORARY, CACHE),
            volumes={str(folder): {"bind": place, "mode": "rw,z"} for place, folder in folders.items()}
            | {str(mount.folder): _bind(mount) for mount in task.mounts},
            user=f"{self._owner[0]}:{self._owner[1]}",
            network_mode=self._network,
            nano_cpus=resources.cpu_cores * 10**9,
            mem_limit=memory_bytes,
            memswap_limit=memory_bytes,
            shm_size=memory_bytes // 2,
            pids_limit=MAX_PROCESSES,
            device_requests=self._gpus(spec.flavor),
            init=True,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            healthcheck={"test": ["NONE"]},
            # The engine would keep it in the clear, secrets and all; the hub reads it as it comes.
            log_config=LogConfig(type=LogConfig.types.NONE),
        )

    def _gpus(self, flavor: str) -> list[DeviceRequest]:
        count = self._gpu_count(flavor)
        return [DeviceRequest(count=count, capabilities=[["gpu"]])] if count else []

    def _gpu_count(self, flavor: str) -> int:
        """How many GPUs a job gets; where the machine's cannot be counted, the engine says if they are too few."""
        asked = FLAVORS[flavor].gpu_count
        if not self._has_nvidia:
            return 0
        return min(asked, len(list(NVIDIA_GPUS.iterdir()))) if NVIDIA_GPUS.is_dir() else asked

    def _hand_over(self, *paths: Path) -> None:
        """Gives them to the containers' user; only root's hub has to, and may."""
        if os.geteuid() == 0 and self._owner != (0, 0):
            for path in paths:
                os.chown(path, *self._owner, follow_symlinks=False)


def _bind(mount: Mount) -> dict[str, str]:
    return {"bind": mount.volume.mount_path, "mode": "ro,z" if mount.volume.read_only else "rw,z"}


def _name(job_id: str) -> str:
    return f"local-hub-{job_id}"


def _owner(engine: dict[str, Any]) -> tuple[int, int]:
    """The user and group of all containers: the hub's own, so that what they write is its to remove.

    To an engine that runs without root, that user is 0; a hub that root runs gives its jobs to nobody.
    """
    if any("rootless" in option for option in engine.get("SecurityOptions") or ()):
        return 0, 0
    if os.geteuid() == 0:
        return NOBODY, NOBODY
    return os.geteuid(), os.getegid()


def _working_directory(image: dict[str, Any]) -> str:
    """The image's own; where it has none, a place that can be written."""
    own = (image.get("Config") or {}).get("WorkingDir")
    return HOME if own in (None, "", "/") else str(own)


def _missing(image: str) -> ExecutorError:
    return ExecutorError(
        f"the image {image} is not on this machine: build it (make images), or get it: docker pull {image}"
    )
