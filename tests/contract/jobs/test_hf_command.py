"""The official command line on the hub."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi

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


def test_hf_jobs_uv_run_runs_a_local_script_and_keeps_what_it_writes(hub_env, hub_server, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "# /// script\n# requires-python = '>=3.9'\n# dependencies = []\n# ///\n"
        "import pathlib, sys\n"
        "print(*sys.argv[2:], pathlib.Path(sys.argv[1]).read_text())\n"
        "pathlib.Path(sys.argv[0]).with_name('model.bin').write_bytes(b'trained')\n"
    )
    settings = tmp_path / "settings.toml"
    settings.write_text("steps = 800")
    only = {name: hub_env[name] for name in ("HF_ENDPOINT", "HF_TOKEN", "PATH", "NO_PROXY", "no_proxy")}
    only["HOME"] = str(tmp_path / "home")
    options = ("--flavor", "t4-small", "--timeout", "2h")
    run = hf(only, "jobs", "uv", "run", *options, str(script), str(settings), "--seed", "3")
    assert run.returncode == 0, run.stderr
    assert "--seed 3 steps = 800" in run.stdout.splitlines()

    api = HfApi(hub_server.url, hub_server.token)
    files = {file.path.rpartition("/")[2]: file for file in api.list_bucket_tree("local/jobs-artifacts")}
    assert files.keys() == {"train.py", "settings.toml", "model.bin"}
    api.download_bucket_files("local/jobs-artifacts", [(files["model.bin"], tmp_path / "model.bin")])
    assert (tmp_path / "model.bin").read_bytes() == b"trained"


@pytest.mark.slow
def test_hf_jobs_run_mounts_a_local_folder(hub_env, image, tmp_path):
    (tmp_path / "rows.txt").write_text("a row")
    run = hf(hub_env, "jobs", "run", "-v", f"{tmp_path}:/input", image, "cat", "/input/rows.txt")
    assert run.returncode == 0, run.stderr
    assert "a row" in run.stdout.splitlines()
