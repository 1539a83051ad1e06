"""Fetching from upstream what the volumes of a job lack, before the job begins."""

import asyncio
from collections.abc import Callable, Sequence
from http.client import TOO_MANY_REQUESTS
from typing import TYPE_CHECKING

from local_hub.errors import ApiError
from local_hub.jobs.executors.base import ExecutorError, Say
from local_hub.jobs.volumes import Volume
from local_hub.repos.store import RepoStore
from local_hub.sizes import format_bytes
from local_hub.upstream.files import MissingFile, list_missing
from local_hub.upstream.revision import RevisionName

if TYPE_CHECKING:
    from local_hub.upstream.copies import Upstream
    from local_hub.upstream.download import Download

AT_ONCE = 4
# How often the job's log tells how far it is.
SAY_SECONDS = 10.0


def revision_of(volume: Volume) -> RevisionName:
    """The revision of a repo that is mounted."""
    assert volume.type != "bucket"
    return RevisionName(volume.type, *volume.names, volume.revision)


async def fetch_volumes(upstream: "Upstream", store: RepoStore, volumes: Sequence[Volume], say: Say) -> None:
    """Makes sure that the files of the repos among them are here; raises `ExecutorError` that names the volume."""
    for volume in volumes:
        if volume.type == "bucket":
            continue
        try:
            await _fetch(upstream, store, volume, say)
        except ApiError as error:
            purpose = f"cannot mount {volume.type} {volume.source} at {volume.mount_path}"
            raise ExecutorError(f"{purpose}: {error.message}") from error


async def _fetch(upstream: "Upstream", store: RepoStore, volume: Volume, say: Say) -> None:
    name = revision_of(volume)
    await upstream.prepare(name)
    missing = await asyncio.to_thread(list_missing, store, name, volume.path, upstream.url)
    if not missing:
        return
    size = sum(file.entry.size for file in missing)
    store.room.check_disk(size)
    count = f"{len(missing)} file{'s' if len(missing) > 1 else ''}"
    say(
        f"fetching {volume.source} for {volume.mount_path} from {upstream.url}: {count}, {format_bytes(size)}"
    )
    await _fetch_all(
        upstream, missing, lambda received: say(f"{format_bytes(received)} of {format_bytes(size)}")
    )
    say(f"{volume.source} is here")


async def _fetch_all(
    upstream: "Upstream", missing: Sequence[MissingFile], tell: Callable[[int], None]
) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    downloads: list[Download] = []

    async def fetch(file: MissingFile) -> None:
        async with slots:
            while True:
                try:
                    download, finished = upstream.download(file.repo, file.commit.sha, file.path, file.entry)
                    downloads.append(download)
                    await asyncio.shield(finished)  # another client may want it too
                except ApiError as error:
                    if error.status != TOO_MANY_REQUESTS:
                        raise
                    await asyncio.sleep(int(error.headers["Retry-After"]))
                else:
                    return

    tasks = [asyncio.create_task(fetch(file)) for file in missing]
    try:
        pending = set(tasks)
        while pending:
            done, pending = await asyncio.wait(
                pending, timeout=SAY_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
            if pending:
                tell(sum(download.received for download in set(downloads)))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
