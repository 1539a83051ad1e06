"""The curves of a real training, read back from each dashboard's own store. No network, no account."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from models import make_job, make_qwen3
from warm_start import JOBS

from sft_trainer.settings import SftSettings
from shared.errors import BadInput
from shared.lm.dashboards import (
    dashboard_arguments,
    describe_dashboards,
    name_dashboard_run,
    require_dashboards,
    tensorboard_files,
)
from shared.manifest import Attempt

RUN = "run-1-sft"
# A training that is interrupted after step 4 of 6, and the one that goes on from its checkpoint.
PARTS = (["4"], ["6", "checkpoint-3"])


def needs(package):
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_qwen3(tmp_path_factory.mktemp("qwen3"))


@dataclass(frozen=True)
class Trained:
    """Where the dashboards kept their data, and what the two trainings of each printed."""

    home: Path
    printed: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    """For each dashboard that is installed, a training that was interrupted and went on in another process."""
    folder = tmp_path_factory.mktemp("trained")
    variables = {"HF_HOME": str(folder / "hf"), "HOME": str(folder), "OMP_NUM_THREADS": "1"}

    def train(dashboard, part):
        arguments = [str(base), str(folder / dashboard), RUN, dashboard, *part]
        done = JOBS.run("dashboard_training", arguments, dict(os.environ) | variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    installed = filter(find_spec, ("tensorboard", "trackio", "wandb"))
    return Trained(folder / "hf", {name: [train(name, part) for part in PARTS] for name in installed})


@pytest.fixture
def job(tmp_path):
    def job(*dashboards):
        settings = SftSettings(run_id="run-1", namespace="n", report_to=dashboards)
        return make_job("sft", settings, tmp_path)

    return job


def logged_losses(rows):
    """The loss of each step; the one that was trained twice, before and after an interruption, is the same twice."""
    losses = {}
    for step, loss in rows:
        assert losses.setdefault(step, loss) == pytest.approx(loss, abs=1e-6)
    return losses


def assert_one_curve(rows, *trainings):
    expected = {step: loss for training in trainings for step, loss in training["losses"]}
    assert sorted(expected) == [1, 2, 3, 4, 5, 6]
    assert logged_losses(rows) == pytest.approx(expected, abs=1e-6)


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    for path in sorted(folder.iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag == "train/loss":
                    yield event.step, float(make_ndarray(value.tensor))


@needs("tensorboard")
def test_tensorboard_shows_the_curve_of_an_interrupted_training_as_one(trained):
    trainings = trained.printed["tensorboard"]
    folder = trained.home / "medmcqa-pipeline" / "dashboards" / "tensorboard" / RUN
    assert_one_curve(read_tensorboard(folder), *trainings)
    # Both processes' events go to the run's files.
    files = trainings[1]["files"]
    assert sorted(files.values()) == sorted(map(str, folder.iterdir()))
    assert len(files) == 2
    assert all(name.startswith("sft/tensorboard/events.out.tfevents.") for name in files)


TRACKIO_READER = """
import json, sys
from trackio.sqlite_storage import SQLiteStorage
runs = SQLiteStorage.get_runs("medmcqa-pipeline")
rows = [[row["train/global_step"], row["train/loss"]]
        for run in runs for row in SQLiteStorage.get_logs("medmcqa-pipeline", run) if "train/loss" in row]
print(json.dumps({"runs": runs, "rows": rows}))
"""


def read_trackio(folder):
    environment = dict(os.environ) | {"TRACKIO_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", TRACKIO_READER], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@needs("trackio")
def test_trackio_shows_an_interrupted_training_as_one_run_from_its_local_store(trained):
    trainings = trained.printed["trackio"]
    stored = read_trackio(trained.home / "trackio")
    assert stored["runs"] == [RUN]
    assert_one_curve(stored["rows"], *trainings)
    assert [training["reached"] for training in trainings] == [[], []], "it needs no network"


@needs("wandb")
def test_wandb_without_a_key_writes_to_disk_under_the_training_s_own_id(trained):
    folder = trained.home / "medmcqa-pipeline" / "dashboards" / "wandb"
    # offline-run-<date>_<time>-<id of the run>: both go to the same run when they are synced.
    stored = [path.name.split("-", 3) for path in folder.glob("offline-run-*")]
    assert [name[3] for name in stored] == [RUN, RUN]


def test_a_dashboard_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.meta_path", [])
    # Another test of this process may have imported it.
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    with pytest.raises(BadInput) as refusal:
        require_dashboards(("wandb", "trackio"))
    assert str(refusal.value) == (
        "report_to names wandb, trackio, not installed where this job runs. "
        "Run: pip install wandb trackio, or take it out of report_to."
    )
    require_dashboards(())


def test_what_the_user_has_set_stays(job):
    chosen = {
        "WANDB_DIR": "/w",
        "WANDB_PROJECT": "mine",
        "WANDB_RUN_ID": "id",
        "TENSORBOARD_LOGGING_DIR": "/b",
    }
    os.environ |= chosen
    dashboard_arguments(job("wandb", "tensorboard"), RUN)
    assert {name: os.environ[name] for name in chosen} == chosen


def test_without_a_dashboard_nothing_is_reported_and_nothing_set(job):
    before = dict(os.environ)
    assert dashboard_arguments(job(), RUN) == {"report_to": "none"}
    assert tensorboard_files(job()) == {}
    assert describe_dashboards(job()) == []
    assert dict(os.environ) == before


def test_a_training_that_begins_anew_gets_a_name_of_its_own(job):
    attempted = job()
    attempts = attempted.manifest.phases["sft"].attempts
    names = []
    for number in range(1, 3):
        attempts.append(Attempt(job_id=f"job-{number}"))
        names.append(name_dashboard_run(attempted))
    assert names == [RUN, f"{RUN}-2"]


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, "offline"),
        ({"WANDB_API_KEY": "k"}, "online"),
        ({"WANDB_API_KEY": "k", "WANDB_MODE": "offline"}, "offline"),
        ({"WANDB_MODE": "disabled"}, "disabled"),
    ],
)
def test_wandb_is_offline_unless_there_is_a_key_or_the_user_says_so(job, tmp_path, given, mode):
    os.environ |= {"HOME": str(tmp_path), "WANDB_DIR": str(tmp_path)} | given
    arguments = dashboard_arguments(job("wandb"), RUN)
    assert (arguments["report_to"], arguments["run_name"]) == (["wandb"], RUN)
    assert (os.environ["WANDB_MODE"], os.environ["WANDB_RUN_ID"], os.environ["WANDB_RESUME"]) == (
        mode,
        RUN,
        "allow",
    )


def test_a_key_in_the_netrc_file_counts_for_its_server(job, tmp_path):
    (tmp_path / ".netrc").write_text("machine wandb.example login user password k\n")
    (tmp_path / ".netrc").chmod(0o600)
    os.environ |= {"HOME": str(tmp_path), "WANDB_DIR": str(tmp_path)}
    dashboard_arguments(job("wandb"), RUN)
    assert os.environ.pop("WANDB_MODE") == "offline"
    os.environ["WANDB_BASE_URL"] = "https://wandb.example/"
    dashboard_arguments(job("wandb"), RUN)
    assert os.environ["WANDB_MODE"] == "online"


def test_the_log_says_where_each_dashboard_s_data_lies(job, tmp_path):
    os.environ |= {"WANDB_DIR": str(tmp_path), "TRACKIO_DIR": "/t", "TENSORBOARD_LOGGING_DIR": "/b/run"}
    told = job("trackio", "wandb", "tensorboard")
    os.environ["HOME"] = str(tmp_path)
    dashboard_arguments(told, RUN)
    assert describe_dashboards(told) == [
        "Reporting to trackio: /t, shown by TRACKIO_DIR=/t trackio show.",
        f"Reporting to wandb: offline, project medmcqa-pipeline, files in {tmp_path}/wandb.",
        "Reporting to tensorboard: /b/run, shown by tensorboard --logdir /b.",
    ]
    os.environ["TRACKIO_SPACE_ID"] = "me/curves"
    assert describe_dashboards(told)[0] == "Reporting to trackio: me/curves."
