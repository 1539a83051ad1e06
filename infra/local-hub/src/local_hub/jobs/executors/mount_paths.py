"""Volumes of jobs that are processes, which have no mounts of their own: their folders stand for the mount paths."""

import re
from collections.abc import Sequence
from pathlib import Path

from local_hub.jobs.volumes import Mount


def with_folders(text: str, mounts: Sequence[Mount]) -> str:
    """The text with the folder of each volume where it names the mount path, or something below it."""
    for mount in mounts:
        path = re.escape(mount.volume.mount_path)
        folder = str(mount.folder).replace("\\", r"\\")
        # Not in the middle of another path or name.
        text = re.sub(rf"(?<![\w./~-]){path}(?![\w.-])", folder, text)
    return text


def explain_mount(mount: Mount) -> str:
    """Says where the volume is, and what that does not do."""
    path = mount.volume.mount_path
    finds = "this machine's own folder" if Path(path).exists() else "nothing"
    return (
        f"{path} is {mount.folder} here, put for it in the command, its arguments and the environment; a file that "
        f"says {path} itself finds {finds}: read LOCAL_HUB_VOLUMES, or run jobs as containers (--executor docker)"
    )
