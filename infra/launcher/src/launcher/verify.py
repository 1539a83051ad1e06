"""Check a whole run after the fact."""

import subprocess
import sys


def verify_run(run_id: str, namespace: str) -> int:
    """Let the evaluator check a run and print what it finds; return its exit code, 0 where all holds."""
    command = [sys.executable, "-m", "evaluator.verify", "--run-id", run_id, "--namespace", namespace]
    return subprocess.run(command, check=False).returncode
