"""The pipeline in the containers that users get: the real images, by the hub's executor and one by one."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_images import docker, docker_image, docker_missing
from launching import Launcher, new_launcher
from serving import HubServer, serve_hub

from shared.manifest import PHASES

pytestmark = [pytest.mark.slow, pytest.mark.docker, pytest.mark.timeout(1800)]
IMAGES = {
    "split": "medmcqa-data-splitter",
    "sft": "medmcqa-sft-trainer",
    "grpo": "medmcqa-grpo-trainer",
    "eval": "medmcqa-evaluator",
    "report": "medmcqa-reporter",
}
COMPOSE_FILE = Path(__file__).parents[2] / "infra" / "images" / "compose.yaml"
BAD_INPUT, UPSTREAM_NOT_READY, INTERRUPTED, KILLED = 2, 3, 5, 137


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    for image in IMAGES.values():
        docker_image(image.removeprefix("medmcqa-"))


@pytest.fixture(scope="module")
def hub_server(tmp_path_factory, images) -> Iterator[HubServer]:
    """A hub that runs its jobs in containers."""
    folders = [tmp_path_factory.mktemp(name) for name in ("hub", "hub-client")]
    with serve_hub(*folders, "--executor", "docker") as server:
        yield server


@pytest.fixture(scope="module")
def smoke(tmp_path_factory, hub_server) -> Launcher:
    """A launcher that has run every phase of the profile `smoke`."""
    launch = new_launcher(tmp_path_factory.mktemp("smoke"), hub_server.env)
    for phase in ("sft", "grpo", "eval", "report"):
        result = launch(phase, "--profile", "smoke")
        assert result.returncode == 0, result.stdout + result.stderr
    return launch


@pytest.fixture(scope="module")
def alone(tmp_path_factory, hub_server, starter) -> Launcher:
    """A launcher whose run was begun by a container alone."""
    launch = new_launcher(tmp_path_factory.mktemp("alone"), hub_server.env)
    result = launch("container", "--phase", "split", "--profile", "smoke")
    assert result.returncode == 0, result.stdout + result.stderr
    return launch


def containers(name: str) -> list[str]:
    return docker("ps", "--all", "--quiet", "--filter", f"name={name}").stdout.split()


def test_every_phase_succeeds_in_its_own_image(smoke):
    phases = smoke.manifest().phases
    assert {phase: phases[phase].status for phase in PHASES} == dict.fromkeys(PHASES, "succeeded")
    assert {phase: phases[phase].attempts[-1].image for phase in PHASES} == IMAGES


def test_the_report_lies_in_the_users_folder_and_is_the_users(smoke):
    folder = smoke.folder / "reports" / smoke.manifest().run_id
    assert "<!doctype html>" in (folder / "report.html").read_text().lower()[:100]
    assert {path.stat().st_uid for path in smoke.folder.rglob("*")} == {os.getuid()}


def test_what_ran_in_containers_is_up_to_date_for_one_who_runs_without(smoke):
    assert smoke("sft", "--profile", "smoke").stderr.startswith("sft is up to date in run ")


def test_no_container_is_left(smoke, hub_server):
    store = f"label=local-hub.store={hub_server.directory}"
    assert docker("ps", "--all", "--quiet", "--filter", store).stdout == ""
    jobs = [attempt.job_id for phase in smoke.manifest().phases.values() for attempt in phase.attempts]
    assert [name for job in jobs for name in containers(job)] == []


def test_one_phase_runs_alone_and_says_what_it_was(smoke):
    shutil.rmtree(smoke.folder / "reports")
    result = smoke("container", "--phase", "report", "--profile", "smoke", "--force")
    assert result.returncode == 0, result.stdout + result.stderr
    manifest = smoke.manifest()
    attempt = manifest.phases["report"].attempts[-1]
    assert attempt.job_id.startswith("by-hand-medmcqa-report-")
    assert (attempt.image, attempt.exit_code) == (IMAGES["report"], 0)
    assert attempt.finished_at > attempt.started_at
    assert (smoke.folder / "reports" / manifest.run_id / "report.html").is_file()
    assert containers("medmcqa-report-") == []


def test_a_phase_alone_does_not_run_those_before_it(alone):
    result = alone("container", "--phase", "grpo", "--profile", "smoke")
    assert result.returncode == UPSTREAM_NOT_READY, result.stdout + result.stderr
    assert "make sft" in result.stderr


def start_training(launch: Launcher) -> subprocess.Popen[str]:
    """Start an SFT that would go on for long, and wait for its first step."""
    command = launch.command("container", "--phase", "sft", "--profile", "smoke")
    environment = {**launch.environment, "SFT_MAX_STEPS": "5000"}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A process of its own: what `launch.start` forks from a warm one cannot be read while it runs.
    process = subprocess.Popen(command, cwd=launch.folder, env=environment, text=True, **streams)
    assert any(line.startswith("sft ") for line in process.stdout), process.stderr.read()
    return process


def test_ctrl_c_lets_a_training_save_and_its_container_go(alone):
    with start_training(alone) as process:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert "Ctrl-C again kills it" in process.stderr.read()
    assert process.returncode == INTERRUPTED
    record = alone.manifest().phases["sft"]
    assert (record.status, record.attempts[-1].exit_code) == ("interrupted", INTERRUPTED)
    assert record.progress.saved >= 1
    assert containers("medmcqa-sft-") == []


def test_a_killed_container_is_recorded_as_such(alone):
    with start_training(alone) as process:
        docker("kill", *containers("medmcqa-sft-"))
        process.stdout.read()
    assert process.returncode == KILLED
    record = alone.manifest().phases["sft"]
    assert (record.status, record.attempts[-1].exit_code) == ("interrupted", INTERRUPTED)
    assert f"exit code {KILLED}" in record.error


def test_a_container_whose_launcher_was_killed_is_not_joined_by_a_second_one(alone):
    with start_training(alone) as process:
        process.kill()
    (name,) = docker("ps", "--filter", "name=medmcqa-sft-", "--format", "{{.Names}}").stdout.split()
    try:
        result = alone("container", "--phase", "sft", "--profile", "smoke")
        assert (result.returncode, containers("medmcqa-sft-")) == (BAD_INPUT, containers(name))
        assert f"Container {name} works on sft of run " in result.stderr
    finally:
        docker("stop", "--time", "60", name)
    assert alone.manifest().phases["sft"].status == "interrupted"
    assert containers(name) == []


def test_an_image_that_is_not_there_is_named_with_the_command_that_builds_it(alone):
    result = alone("container", "--phase", "sft", "--profile", "smoke", IMAGE="medmcqa-nothing")
    assert result.returncode == 125
    assert "medmcqa-nothing" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("make images.")


@pytest.fixture
def compose(tmp_path) -> Iterator[list[str]]:
    """The command that works on the compose file, as a project of its own that is removed afterwards."""
    command = compose_command()
    # Compose 1, which Debian has, knows all of the file but the project's name.
    lines = [line for line in COMPOSE_FILE.read_text().splitlines() if not line.startswith("name:")]
    (tmp_path / "compose.yaml").write_text("\n".join(lines))
    command += ["--project-name", f"medmcqa-test-{os.getpid()}", "--file", str(tmp_path / "compose.yaml")]
    yield command
    subprocess.run([*command, "down", "--volumes"], check=True)


def compose_command() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        known = not docker_missing() and shutil.which(command[0])
        if known and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            return command
    pytest.skip("docker compose is not installed")


def test_compose_runs_everything_without_a_network(compose, tmp_path):
    for image in ("launcher", "local-hub"):
        docker_image(image)
    # It returns when the last container has begun, and fails where one before it has failed.
    started = subprocess.run(
        [*compose, "up", "--detach"],
        env={**os.environ, "PROFILE": "smoke"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stderr[-2000:] + logs_of(compose)
    fetch = subprocess.run([*compose, "ps", "--all", "--quiet", "fetch"], capture_output=True, text=True)
    assert docker("wait", fetch.stdout.strip()).stdout == "0\n", logs_of(compose)
    docker("cp", f"{fetch.stdout.strip()}:/reports", str(tmp_path))
    assert len(list(tmp_path.glob("reports/*/report.html"))) == 1


def logs_of(compose: list[str]) -> str:
    return subprocess.run([*compose, "logs"], capture_output=True, text=True, check=False).stdout[-4000:]
