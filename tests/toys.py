"""A hub whose training, report and verification are toys that end as a test wants. Import it as `toys`.

The jobs are real processes of a real hub, and live the life of every job; only their work is made up. They are found
because the hub runs in a virtual environment of its own, which has the packages of this one and the toys before them.
"""

import json
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.hub import Hub
from shared.manifest import Phase, RunManifest, Source
from shared.refs import RepoRef
from shared.runs import ManifestStore

STEPS = 120
SETTINGS = """
from shared.settings import JobSettings, service_config

class Settings(JobSettings):
    model_config = service_config("{prefix}")
"""
MAIN = """
import json, os, sys
from pathlib import Path
from shared.job import run_job
from {package}.settings import Settings

if __name__ == "__main__":
    run_id = sys.argv[sys.argv.index("--run-id") + 1]
    if (Path({plans!r}) / f"{{run_id}}.broken").exists():
        sys.exit(9)
    sys.exit(run_job("{phase}", Settings, "{package}.work:work"))
"""
TRAINING = """
import json, os, signal, time
from pathlib import Path
from shared.job import Job, Outcome

def work(job: Job) -> Outcome:
    path = Path({plans!r}) / f"{{job.run_id}}.json"
    plans = json.loads(path.read_text()) if path.exists() else [{{}}]
    plan = plans[len(job.manifest.phases["sft"].attempts) - 1]
    if "resume" in plan:
        job.resume(plan["resume"], {steps})
    for step in plan.get("saves", []):
        job.record_files(step + plan.get("unsaved", 0), {steps}, step, {{}})
    for line in plan.get("says", []):
        job.log(line)
    time.sleep(plan.get("seconds", 0))
    if plan.get("end") == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if "unrecorded" in plan:
        os._exit(plan["unrecorded"])
    ref = job.hub.push_files(job.repo("sft"), "model", {{"model.txt": b"weights"}}, "Add model")
    return Outcome({{"model": ref}}, {{}})
"""
REPORT = """
from shared.job import Job, Outcome

def work(job: Job) -> Outcome:
    statuses = ",".join(phase.status for phase in job.manifest.phases.values())
    ref = job.publish_run_files({{"report/report.html": statuses.encode()}})
    return Outcome({{"report": ref.model_copy(update={{"path": f"runs/{{job.run_id}}/report"}})}}, {{}})
"""
VERIFICATION = "import sys\nprint(*sys.argv[1:])\nsys.exit(4)\n"


@dataclass(frozen=True)
class ToyHub:
    """A hub with toys; `env` is the environment of its clients, `python` runs a launcher that has the toys too."""

    folder: Path
    hub: Hub
    env: Mapping[str, str]
    python: str

    def begin_run(self, namespace: str, plan: list[dict[str, Any]]) -> str:
        """Store a run that has been split, and what each of its sft jobs is to do; return its id.

        A job may `resume` at a step, have saved checkpoints (`saves`) and be some `unsaved` steps further, say lines
        (`says`), last some `seconds`, and be `killed` at its `end` instead of succeeding, or end with an
        exit code that it could not record (`unrecorded`).
        """
        run_id = f"run-{uuid.uuid4().hex[:12]}"
        (self.folder / f"{run_id}.json").write_text(json.dumps(plan))
        ref = RepoRef(repo_id="local/x", repo_type="dataset", commit="0" * 40)
        split = Phase(status="succeeded", inputs={"source": ref}, outputs={"data": ref})
        base = ref.model_copy(update={"repo_type": "model"})
        manifest = RunManifest(
            run_id=run_id, profile="mine", seed=0, code="unknown", created_at=datetime.now(UTC),
            source=Source(dataset=ref, base_model=base), phases={"split": split},
        )  # fmt: skip
        assert ManifestStore(self.hub, namespace).create(manifest)
        return run_id

    def break_service(self, run_id: str) -> None:
        """Let the run's jobs end with exit code 9 before they have done anything."""
        (self.folder / f"{run_id}.broken").touch()


@contextmanager
def serve_toys(folder: Path, env: Mapping[str, str]) -> Iterator[ToyHub]:
    """Run a hub with toys; `env` is what its clients are to have, but for its address."""
    python = _make_environment(folder / "venv", folder)
    command = [python, "-m", "local_hub", "serve", "--dir", str(folder / "hub")]
    with (
        open(folder / "hub.log", "wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        url = process.stdout.readline().strip()
        assert url, (folder / "hub.log").read_text()
        token = (folder / "hub" / "token").read_text().strip()
        variables = {"HF_ENDPOINT": url, "HF_TOKEN": token, "HF_HOME": str(folder / "client")}
        try:
            yield ToyHub(folder, Hub(url, token), {**env, **variables}, python)
        finally:
            process.terminate()


def _make_environment(venv: Path, plans: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(venv)}))
    real = sysconfig.get_path("purelib")
    (packages / "real.pth").write_text(f"import site; site.addsitedir({real!r})\n")
    toys = {"sft_trainer": ("sft", TRAINING), "reporter": ("report", REPORT)}
    for package, (phase, work) in toys.items():
        names = {"package": package, "phase": phase, "plans": str(plans), "prefix": f"{phase.upper()}_"}
        _write_package(packages / package, {"settings": SETTINGS, "__main__": MAIN, "work": work}, names)
    _write_package(packages / "evaluator", {"verify": VERIFICATION}, {})
    return str(venv / "bin" / "python")


def _write_package(folder: Path, modules: Mapping[str, str], names: Mapping[str, str]) -> None:
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text.format(**names, steps=STEPS) if names else text)
