"""One job of a workflow: its steps in order, as GitHub's runner would run them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.expressions import Unsupported, fill, is_met
from workflows.files import load_workflow

# docs.github.com, "Workflow syntax", jobs.<job_id>.steps[*].shell
SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}


@dataclass(frozen=True)
class Occasion:
    """What a workflow is run with.

    Attributes:
        inputs: of a run by hand.
        secrets: of the repository.
        variables: of the repository.
        event: what it was triggered by.
        matrix: which job of a matrix.
        environment: what this machine gives every step beside what the workflow does, e.g. PATH and HOME.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    event: str = "push"
    matrix: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass
class Result:
    """What became of a job: whether it succeeded, each step's outcome, its summary, and its output."""

    succeeded: bool = True
    outcomes: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    output: str = ""


class JobRun:
    """A job in a checkout. Artifacts are copied to a folder, one folder each.

    Args:
        workflow: its file's name without ending.
        job: the job's name.
        workspace: the checkout.
        artifacts: the folder.
        occasion: what it is run with.
        say: gets each line that a step prints, and what the runner says itself.
    """

    def __init__(
        self,
        workflow: str,
        job: str,
        workspace: Path,
        artifacts: Path,
        occasion: Occasion,
        say: Callable[[str], None] = print,
    ) -> None:
        content = load_workflow(workflow)
        if job not in content["jobs"]:
            raise Unsupported(f"{workflow} has no job {job}: it has {', '.join(content['jobs'])}")
        self._workflow, self._job = content, content["jobs"][job]
        self._workspace, self._artifacts, self._occasion, self._say = workspace, artifacts, occasion, say
        self._result = Result()
        self._process: subprocess.Popen[str] | None = None
        self._is_lost = False
        self._exported: dict[str, str] = {}
        self._outputs: dict[str, dict[str, Any]] = {}

    def run(self) -> Result:
        """Run the steps and return what became of them."""
        with tempfile.TemporaryDirectory(prefix="runner-") as folder:
            self._folder = Path(folder)
            for number, step in enumerate(self._job["steps"], start=1):
                if not self._is_lost:
                    self._run_step(_name(step, number), step)
        return self._result

    def lose_machine(self) -> None:
        """End the step that is running, and the job, as where the machine is gone: nothing is cleaned up."""
        self._is_lost = True
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _run_step(self, name: str, step: Mapping[str, Any]) -> None:
        contexts = self._contexts(step)
        functions = {
            "success": lambda: self._result.succeeded,
            "failure": lambda: not self._result.succeeded,
            "always": lambda: True,
            "cancelled": lambda: False,
        }
        if not is_met(step.get("if"), contexts, functions):
            self._result.outcomes[name] = "skipped"
            return
        self._say(f"=== {name}")
        began = time.monotonic()
        outcome = self._use(step, contexts) if "uses" in step else self._shell(step, contexts)
        self._say(f"=== {name}: {'succeeded' if outcome else 'FAILED'} in {time.monotonic() - began:.0f} s")
        self._result.outcomes[name] = "success" if outcome else "failure"
        self._result.succeeded &= outcome or bool(step.get("continue-on-error"))
        if "id" in step:
            self._outputs.setdefault(step["id"], {})["outcome"] = self._result.outcomes[name]

    def _contexts(self, step: Mapping[str, Any]) -> dict[str, Any]:
        occasion = self._occasion
        contexts: dict[str, Any] = {
            "inputs": self._inputs(),
            "secrets": occasion.secrets,
            "vars": occasion.variables,
            "matrix": occasion.matrix,
            "steps": self._outputs,
            "runner": {"temp": str(self._folder)},
            "github": {
                "event_name": occasion.event,
                "ref": "refs/heads/main",
                "ref_name": "main",
                "workspace": str(self._workspace),
            },
            "env": {},
        }
        for place in (self._workflow, self._job, {"env": self._exported}, step):
            filled = {name: fill(value, contexts) for name, value in place.get("env", {}).items()}
            contexts["env"] = contexts["env"] | filled
        return contexts

    def _inputs(self) -> dict[str, Any]:
        trigger = (
            self._workflow["on"].get("workflow_dispatch") if isinstance(self._workflow["on"], dict) else None
        )
        known = (trigger or {}).get("inputs", {})
        if unknown := set(self._occasion.inputs) - set(known):
            raise Unsupported(f"no input {', '.join(sorted(unknown))}")
        if self._occasion.event != "workflow_dispatch":
            return {}
        return {name: self._occasion.inputs.get(name, known[name].get("default")) for name in known}

    def _shell(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> bool:
        files = {name: self._folder / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        script = self._folder / "step.sh"
        script.write_text(fill(step["run"], contexts))
        defaults = {**self._workflow.get("defaults", {}), **self._job.get("defaults", {})}.get("run", {})
        shell = step.get("shell", defaults.get("shell"))
        if shell not in SHELLS:
            raise Unsupported(f"the shell {shell}")
        code = self._execute([*SHELLS[shell], str(script)], step, contexts, files)
        self._exported |= _read_pairs(files["GITHUB_ENV"])
        if "id" in step:
            self._outputs[step["id"]] = {"outputs": _read_pairs(files["GITHUB_OUTPUT"])}
        self._result.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        return code == 0

    def _execute(
        self,
        command: list[str],
        step: Mapping[str, Any],
        contexts: Mapping[str, Any],
        files: Mapping[str, Path],
    ) -> int:
        runner = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(self._workspace)}
        runner |= {"RUNNER_TEMP": str(self._folder)} | {name: str(file) for name, file in files.items()}
        with subprocess.Popen(
            command,
            cwd=self._workspace / step.get("working-directory", "."),
            env={**self._occasion.environment, **runner, **contexts["env"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            self._process = process
            for line in process.stdout or ():
                self._result.output += line
                self._say(line.rstrip("\n"))
        return process.returncode

    def _use(self, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> bool:
        action = step["uses"].partition("@")[0]
        if action not in ACTIONS:
            raise Unsupported(f"the action {action}")
        return ACTIONS[action](
            self, {name: fill(value, contexts) for name, value in step.get("with", {}).items()}
        )

    def upload(self, given: Mapping[str, str]) -> bool:
        """Copy what an artifact is made of; say whether that is as it should be."""
        places = [line.strip() for line in given["path"].splitlines() if line.strip()]
        found = [path for place in places for path in self._workspace.glob(place)]
        if not found:
            self._say(f"upload-artifact: no files found at {', '.join(places)}")
            return given.get("if-no-files-found", "warn") != "error"
        folder = self._artifacts / given["name"]
        for path in found:
            if path.is_dir():
                shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder)
        return True


def _is_there(job: JobRun, given: Mapping[str, str]) -> bool:
    """The checkout and Python are there already."""
    return True


ACTIONS: dict[str, Callable[[JobRun, Mapping[str, str]], bool]] = {
    "actions/checkout": _is_there,
    "actions/setup-python": _is_there,
    "actions/upload-artifact": JobRun.upload,
}


def _name(step: Mapping[str, Any], number: int) -> str:
    return str(step.get("name") or step.get("run", step.get("uses", number))).strip().splitlines()[0]


def _read_pairs(file: Path) -> dict[str, str]:
    pairs = {}
    for line in file.read_text("utf-8").splitlines():
        name, sign, value = line.partition("=")
        if not sign or "<<" in name:
            raise Unsupported(f"{line!r} in {file.name}: only name=value is read")
        pairs[name] = value
    return pairs


def print_line(line: str) -> None:
    """Show a line at once, also in a pipe."""
    print(line, file=sys.stdout, flush=True)
