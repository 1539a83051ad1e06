"""A client that writes to a hub as jobs do until it is told to stop, and notes what it was told had been stored.

Its notes are JSON lines: `{"tried": name}` before each write, `{"stored": name}` after the hub's answer.
"""

import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from shared.errors import PipelineError
from shared.hub import Hub
from shared.runs import ManifestStore

RUN_ID = "run-1"
LARGE_BYTES = 100_000


def make_content(name: str) -> dict[str, bytes]:
    """Return the files that belong to a write: a small text and a large file, the same for the same name."""
    draw = random.Random(name)
    return {
        f"{name}/small.txt": f"{name}\n".encode() * 50,
        f"{name}/large.bin": b"\0" + draw.randbytes(LARGE_BYTES),
    }


def repo_of(namespace: str, who: str) -> str:
    """Return the repo that only one writer writes to."""
    return f"{namespace}/model-{who}"


def write_files(hub: Hub, namespace: str, who: str, name: str) -> None:
    """Add files to the writer's own repo."""
    hub.push_files(repo_of(namespace, who), "model", make_content(name), name)


def write_checkpoint(hub: Hub, namespace: str, who: str, name: str) -> None:
    """Put a folder on a branch and take the one before last away."""
    number = int(name.rpartition("-")[2])
    older = [f"{who}-checkpoint-{number - 6}"]
    hub.push_to_branch(repo_of(namespace, who), "model", "checkpoints", make_content(name), older, name)


def write_folder(hub: Hub, namespace: str, who: str, name: str) -> None:
    """Make another repo hold exactly these files."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in make_content(name).items():
            place = Path(folder) / path
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
        hub.push_folder(f"{repo_of(namespace, who)}-whole", "model", Path(folder), name)


def write_manifest(hub: Hub, namespace: str, who: str, name: str) -> None:
    """Add an attempt to the manifest that all writers share, and a file beside it."""
    files = {f"{name}.txt": name.encode()}
    ManifestStore(hub, namespace).update(
        RUN_ID, lambda m: m.phases["sft"].attempt(name) and None, name, files
    )


WRITES: dict[str, Callable[[Hub, str, str, str], None]] = {
    "files": write_files,
    "manifest": write_manifest,
    "checkpoint": write_checkpoint,
    "folder": write_folder,
    "again": write_manifest,
    "once-more": write_manifest,
}


def main(namespace: str, who: str, notes: Path, stop: Path) -> None:
    """Write one thing after the other."""
    hub, number = Hub(), 0
    with open(notes, "a", encoding="utf-8", buffering=1) as file:
        while not stop.exists():
            kind = list(WRITES)[number % len(WRITES)]
            name = f"{who}-{kind}-{number}"
            number += 1
            file.write(json.dumps({"tried": name, "kind": kind}) + "\n")
            try:
                WRITES[kind](hub, namespace, who, name)
            except PipelineError as error:
                print(f"{name} was given up: {error}", flush=True)
            else:
                file.write(json.dumps({"stored": name, "kind": kind}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
