"""Where a hub keeps its data, where it listens, and how it treats jobs."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from local_hub.upstream.address import UpstreamAddress

EXECUTORS = ("process", "docker")
DEFAULT_EXECUTOR = "process"
DEFAULT_KEEP_FREE_BYTES = 100_000_000


@dataclass(frozen=True)
class HubConfig:
    """Settings of one hub.

    Attributes:
        directory: holds everything the hub ever writes.
        host: the address to listen on, which is also the one in every URL that the hub hands out.
        port: 0 takes the port of the last start where it is free, otherwise any free one.
        job_slots: how many jobs run at once; the others wait as SCHEDULING.
        cancel_grace_seconds: from SIGTERM to SIGKILL for a job that is cancelled or that the hub's end stops.
        timeout_grace_seconds: the same for a job whose time is up.
        users: the file that names further users and their tokens; None keeps those of the last start.
        executor: how jobs run, `process` or `docker`; None is `process`, or whatever the hub that runs already does.
        docker_network: the network of containers; on `host` they reach a hub that listens on loopback.
        upstream: the Hub to fetch from what is not here; None keeps to what is.
        quota_bytes: how much the repos and buckets of each namespace may take, their history included.
        keep_free_bytes: how much of the disk uploads leave free; the database needs some, also to remove things.
        instance: tells this start of the hub from any other program that answers on the same port.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 0
    job_slots: int = 2
    cancel_grace_seconds: float = 10
    timeout_grace_seconds: float = 30
    users: Path | None = None
    executor: str | None = None
    docker_network: str = "host"
    upstream: UpstreamAddress | None = None
    quota_bytes: int | None = None
    keep_free_bytes: int = DEFAULT_KEEP_FREE_BYTES
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    multipart_threshold_bytes: int = 4 * 1024**3
    multipart_part_bytes: int = 256 * 1024**2
