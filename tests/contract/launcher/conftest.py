"""The launcher as its users start it: `python -m launcher` in a folder of its own, against a real local hub."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.hub import Hub
from shared.manifest import RunManifest, parse_manifest
from shared.runs import ManifestStore

TOKENIZER_CONFIG = b'{"chat_template": "{{ messages }}"}'


@dataclass(frozen=True)
class Launcher:
    """Someone's launcher: called with arguments, it runs to its end; keywords are environment variables."""

    folder: Path
    namespace: str
    environment: Mapping[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "launcher", *arguments, "--namespace", self.namespace]

    def __call__(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **extra},
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def manifest(self) -> RunManifest:
        result = self("manifest")
        assert result.returncode == 0, result.stderr
        return parse_manifest(result.stdout)


@pytest.fixture(scope="session")
def hub(hub_server) -> Hub:
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture(scope="session")
def new_launcher(hub_server, tmp_path_factory):
    """Make a launcher with an owner of its own, so that "the newest run" is one that it began."""

    def new() -> Launcher:
        folder = tmp_path_factory.mktemp("user")
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **hub_server.env}
        return Launcher(folder, f"user-{uuid.uuid4().hex[:12]}", environment)

    return new


@pytest.fixture
def launch(new_launcher) -> Launcher:
    return new_launcher()


@pytest.fixture(scope="session")
def write_profile(tmp_path_factory):
    """Write a profile that begins with a dataset and a model; `sections` is TOML put at its end."""

    def write(dataset: str, model: str, sections: str = "") -> str:
        path = tmp_path_factory.mktemp("profile") / "mine.toml"
        path.write_text(
            f'[run]\nsource_dataset = "{dataset}"\nbase_model = "{model}"\n'
            f'[launch]\nimage = "i"\nflavor = "cpu-basic"\ntimeout = "5m"\n'
            f"[split]\nsft_rows = 4\ngrpo_rows = 2\neval_rows = 2\n{sections}"
        )
        return str(path)

    return write


@pytest.fixture(scope="session")
def sources(hub) -> tuple[str, str]:
    """A dataset and a model that a run can begin with, though nothing can be trained from them."""
    rows = [
        {"id": f"q{n}", "question": f"Question {n}", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": n % 4,
         "choice_type": "single", "exp": None, "subject_name": "Anatomy", "topic_name": None}
        for n in range(12)
    ]  # fmt: skip
    lines = "\n".join(map(json.dumps, rows)).encode()
    hub.push_files("local/questions", "dataset", {"train.jsonl": lines}, "Add rows")
    hub.push_files("local/chatty", "model", {"tokenizer_config.json": TOKENIZER_CONFIG}, "Add tokenizer")
    return "local/questions", "local/chatty"


@pytest.fixture(scope="session")
def profile(write_profile, sources) -> str:
    return write_profile(*sources)


@pytest.fixture
def store(hub, launch) -> ManifestStore:
    """The manifests of the runs that `launch` begins."""
    return ManifestStore(hub, launch.namespace)


@pytest.fixture(scope="session")
def split_done(new_launcher, profile) -> Launcher:
    """A launcher whose only run has been split; for tests that look and change nothing."""
    launch = new_launcher()
    result = launch("split", "--profile", profile, "--seed", "7")
    assert result.returncode == 0, result.stderr
    return launch
