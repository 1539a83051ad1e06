"""Ask whether a run's best model may replace the one in use, and keep the answer with the run."""

import json
import os
import subprocess
import sys

from launcher.production import read_production
from launcher.profiles import GATE, Profile
from launcher.show import REPORTS_FOLDER
from launcher.terminal import say
from shared.decision import GATE_FILE, GATE_PAGE
from shared.errors import ExitCode
from shared.runs import ManifestStore
from shared.settings import PROFILE_VARIABLE

IN_PRODUCTION = "production"
DECISIONS = (ExitCode.OK, ExitCode.GUARD_TRIPPED)


def judge_run(
    store: ManifestStore, namespace: str, run_id: str, profile: Profile, baseline: str | None
) -> int:
    """Let the reporter judge a run by the profile's rules and record what it finds; return its exit code, 0: it may.

    Args:
        store: where the run is recorded.
        namespace: who owns it.
        run_id: the run.
        profile: whose rules are asked.
        baseline: the model in use; "production", or None, is the one that `make promote` put there.
    """
    if baseline in (None, IN_PRODUCTION):
        baseline = _find_in_production(store, run_id)
    section = json.dumps({"profile": profile.name, GATE: profile.sections[GATE]})
    command = [sys.executable, "-m", "reporter.gate", "--run-id", run_id, "--namespace", namespace]
    command += ["--baseline", str(baseline)]
    code = subprocess.run(command, env=os.environ | {PROFILE_VARIABLE: section}, check=False).returncode
    if code in DECISIONS:
        files = {name: REPORTS_FOLDER / run_id / name for name in (GATE_FILE, GATE_PAGE)}
        store.publish_files(run_id, files, f"gate: judge {run_id}")
    return code


def _find_in_production(store: ManifestStore, run_id: str) -> str:
    production = read_production(store)
    if production is None:
        say("Nothing is in production yet: the run's own base model stands for it.")
        return f"{run_id}:base"
    predictions = production.judged.predictions
    return f"{predictions.repo_id}@{predictions.commit}:{production.judged.name}"
