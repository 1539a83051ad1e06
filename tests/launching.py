"""The launcher as its users start it: `python -m launcher` in a folder of its own. Import it as `launching`."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.manifest import RunManifest, parse_manifest

T = TypeVar("T")


@dataclass(frozen=True)
class Launcher:
    """Someone's launcher: called with arguments, it runs to its end; keywords are environment variables."""

    folder: Path
    namespace: str
    environment: Mapping[str, str]
    python: str = sys.executable

    def command(self, *arguments: str) -> list[str]:
        return [self.python, "-m", "launcher", *arguments, "--namespace", self.namespace]

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **extra},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **extra},
            text=True,
            capture_output=True,
            timeout=400,
            check=False,
        )

    def manifest(self) -> RunManifest:
        result = self("manifest")
        assert result.returncode == 0, result.stderr
        return parse_manifest(result.stdout)


def new_launcher(folder: Path, hub_env: Mapping[str, str]) -> Launcher:
    """Make a launcher with an owner of its own, so that "the newest run" is one that it began."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **hub_env}
    return Launcher(folder, f"user-{uuid.uuid4().hex[:12]}", environment)


def wait_until(condition: Callable[[], T], seconds: float = 60) -> T:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
