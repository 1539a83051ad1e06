"""The volumes that a job asks for: buckets and repos that it finds as folders."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from local_hub.body import text_field
from local_hub.errors import ApiError
from local_hub.repos.names import check_path

VolumeType = Literal["bucket", "model", "dataset"]
VOLUME_TYPES: tuple[VolumeType, ...] = ("bucket", "model", "dataset")
MAIN = "main"
_SOURCE = re.compile(r"([^/]+)/([^/]+)")
_MOUNT_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+")


@dataclass(frozen=True)
class Volume:
    """What to mount where; `path` is the folder in the source, empty for all of it."""

    type: VolumeType
    source: str
    mount_path: str
    revision: str = MAIN
    read_only: bool = False
    path: str = ""

    @property
    def names(self) -> tuple[str, str]:
        """Namespace and name of the source."""
        namespace, _, name = self.source.partition("/")
        return namespace, name

    def describe(self) -> dict[str, Any]:
        """As the Jobs API shows it."""
        shown: dict[str, Any] = {"type": self.type, "source": self.source, "mountPath": self.mount_path}
        if self.type != "bucket":
            shown["revision"] = self.revision
        return {**shown, "readOnly": self.read_only, **({"path": self.path} if self.path else {})}


@dataclass(frozen=True)
class Mount:
    """A volume of a job, laid out in a folder of this machine."""

    volume: Volume
    folder: Path


def parse_volumes(value: Any) -> tuple[Volume, ...]:
    """The volumes of a job as sent; raises `ApiError` that names what is wrong."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ApiError(400, "'volumes' must be a list of objects")
    volumes = tuple(map(_parse, value))
    for index, volume in enumerate(volumes):
        for other in volumes[:index]:
            if f"{volume.mount_path}/".startswith(f"{other.mount_path}/") or other.mount_path.startswith(
                f"{volume.mount_path}/"
            ):
                raise ApiError(
                    400,
                    f"Volumes {other.mount_path} and {volume.mount_path} overlap; mount them side by side",
                )
    return volumes


def _parse(item: dict[str, Any]) -> Volume:
    kind, source, mount_path = (text_field(item, name) for name in ("type", "source", "mountPath"))
    if kind == "space":
        raise ApiError(501, "Not implemented by the local hub: volumes of Spaces")
    volume_type = next((known for known in VOLUME_TYPES if known == kind), None)
    if volume_type is None:
        raise ApiError(400, f"Unknown volume type '{kind}'; known: {', '.join(VOLUME_TYPES)}")
    if not _SOURCE.fullmatch(source):
        raise ApiError(400, f"The source of a volume is namespace/name, not '{source}'")
    if not _MOUNT_PATH.fullmatch(mount_path) or not {".", ".."}.isdisjoint(mount_path.split("/")):
        raise ApiError(
            400, f"'{mount_path}' is no mount path: use one like /data, of letters, digits, '-', '_' and '.'"
        )
    path = _optional_text(item, "path").strip("/")
    if path:
        check_path(path)
    # Repos cannot be written to but by commits.
    read_only = volume_type != "bucket" or item.get("readOnly") is True
    revision = _optional_text(item, "revision") or MAIN
    return Volume(volume_type, source, mount_path, revision, read_only, path)


def _optional_text(item: dict[str, Any], name: str) -> str:
    return "" if item.get(name) is None else text_field(item, name)
