"""Ask whether a run's best model may replace the one in use."""

import json
import os
import subprocess
import sys

from launcher.profiles import GATE, Profile
from shared.settings import PROFILE_VARIABLE


def judge_run(run_id: str, namespace: str, profile: Profile, baseline: str | None) -> int:
    """Let the reporter judge a run by the profile's rules and print what it finds; return its exit code, 0: it may."""
    section = json.dumps({"profile": profile.name, GATE: profile.sections[GATE]})
    command = [sys.executable, "-m", "reporter.gate", "--run-id", run_id, "--namespace", namespace]
    command += ["--baseline", baseline] if baseline else []
    return subprocess.run(command, env=os.environ | {PROFILE_VARIABLE: section}, check=False).returncode
