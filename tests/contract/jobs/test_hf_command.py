"""The official command line on the hub."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# What it shows is the hub's word, however a job runs; starting it takes longer than a container.
pytestmark = pytest.mark.parametrize("executor", ["process"], indirect=True)

HF = str(Path(sys.executable).parent / "hf")


def hf(environment, *arguments):
    return subprocess.run([HF, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_hf_jobs_runs_shows_and_lists_a_job(hub_env, image):
    run = hf(hub_env, "jobs", "run", "--label", "suite=cli", image, "python", "-c", "print(6 * 7)")
    assert run.returncode == 0, run.stderr
    assert "42" in run.stdout.splitlines()
    listed = hf(hub_env, "jobs", "ps", "-a", "--label", "suite=cli", "--format", "json")
    [job] = json.loads(listed.stdout)
    assert job["status"] == "COMPLETED"
    assert hf(hub_env, "jobs", "logs", job["id"]).stdout.splitlines() == ["42"]


def test_hf_jobs_run_fails_with_the_job(hub_env, image):
    assert hf(hub_env, "jobs", "run", image, "false").returncode != 0
