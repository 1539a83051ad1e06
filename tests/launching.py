"""The launcher as its users start it, `python -m launcher` in a folder of its own, warm. Import it as `launching`."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from warm_start import LAUNCHERS, WarmProcess

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

    def start(self, *arguments: str, **extra: str) -> WarmProcess | subprocess.Popen[str]:
        command, environment = self.command(*arguments), {**self.environment, **extra}
        if self.python == sys.executable:
            return LAUNCHERS.spawn("launcher", command[3:], environment, self.folder)
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=environment, text=True, **streams)

    def __call__(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, **extra) as process:
            output, errors = process.communicate(timeout=400)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

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
