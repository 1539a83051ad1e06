"""Volumes of jobs that are processes, which have no mounts of their own: their folders stand for the mount paths."""

import re
from collections.abc import Sequence
from pathlib import Path

from local_hub.jobs.volumes import Mount


def with_folders(text: str, mounts: Sequence[Mount]) -> str:
    """The text with the folder of each volume where it names the mount path, or something below it."""
    folders = {mount.volume.mount_path: str(mount.folder) for mount in mounts}
    # In one go: a folder may begin like another's mount path. And not in the middle of another path or name.
    paths = "|".join(map(re.escape, folders))
    return (
        re.sub(rf"(?<![\w./~-])(?:{paths})(?![\w.-])", lambda match: folders[match[0]], text)
        if folders
        else text
    )


def explain_mount(mount: Mount) -> str:
    """Says where the volume is, and what that does not do."""
    path = mount.volume.mount_path
    finds = "this machine's own folder" if Path(path).exists() else "nothing"
    return (
        f"{path} is {mount.folder} here, put for it in the command, its arguments and the environment; a file that "
        f"says {path} itself finds {finds}: read LOCAL_HUB_VOLUMES, or run jobs as containers (--executor docker)"
    )
