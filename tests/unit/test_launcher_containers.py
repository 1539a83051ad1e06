"""What `make docker-<phase>` and the compose file give to a container."""

import itertools
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from launcher.container import container_environment, docker_command, with_local_image
from launcher.profiles import load_profile
from launcher.requests import build_request, service_of
from launcher.scripts import render_script, write_private
from shared.errors import BadInput
from shared.manifest import PHASES

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "infra" / "images" / "compose.yaml"
TOKEN = "hf_a_token_that_nobody_may_see"


@pytest.fixture
def request_of():
    def build(phase: str, image: str = "medmcqa-{service}"):
        os.environ["IMAGE"] = image
        return with_local_image(build_request(load_profile("smoke"), phase, "a-run", "me", force=False))

    return build


def test_no_secret_stands_in_the_command(request_of):
    os.environ["WANDB_API_KEY"] = "another-secret"
    request = request_of("sft")
    environment = container_environment(request, TOKEN, {})
    assert (environment["HF_TOKEN"], environment["WANDB_API_KEY"]) == (TOKEN, "another-secret")
    command = docker_command(request, "name", environment)
    assert command[(at := command.index("HF_TOKEN") - 1) : at + 2] == ["--env", "HF_TOKEN"]
    assert not any(secret in word for word in command for secret in (TOKEN, "another-secret"))


def test_a_container_gets_the_command_and_the_settings_of_a_job(request_of):
    request = request_of("grpo")
    command = docker_command(request, "name", container_environment(request, TOKEN, {}))
    at = command.index("--entrypoint")
    assert command[at:] == [
        "--entrypoint", "python", "medmcqa-grpo-trainer",
        "-m", "grpo_trainer", "--run-id", "a-run", "--namespace", "me",
    ]  # fmt: skip
    environment = container_environment(request, TOKEN, {})
    assert request.environment.items() <= environment.items()
    assert environment["JOB_REQUEST"] == request.digest


def test_a_container_may_change_nothing_but_tmp(request_of):
    command = " ".join(docker_command(request_of("sft"), "name", {}))
    assert "--read-only --cap-drop ALL --security-opt no-new-privileges --volume /tmp" in command
    assert "privileged " not in command
    assert "docker.sock" not in command


def test_a_container_is_found_again_by_its_run_and_phase(request_of):
    command = " ".join(docker_command(request_of("sft"), "name", {}))
    assert "--label medmcqa.run=a-run --label medmcqa.phase=sft" in command


# What was to be ignored stays so, and under nohup that is SIGHUP.
RUN = """
import signal
from launcher.container import _run_to_the_end as run
signal.signal(signal.SIGHUP, signal.SIG_DFL)
raise SystemExit(run({}, {{}}, 'x'))
"""


def test_a_terminal_that_is_closed_asks_the_container_to_save_and_end():
    client = ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done"]
    command = [sys.executable, "-c", RUN.format(client)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
    assert process.returncode == 5


def test_the_users_options_come_last_so_that_they_win(request_of):
    command = docker_command(request_of("sft"), "name", {}, "--gpus all --network 'my net'")
    at = command.index("--gpus")
    assert command[at : at + 5] == ["--gpus", "all", "--network", "my net", "--entrypoint"]
    assert command.index("host") < at


def test_options_with_an_open_quote_are_refused(request_of):
    with pytest.raises(BadInput, match="DOCKER_RUN_OPTIONS"):
        docker_command(request_of("sft"), "name", {}, "--label 'a")


@pytest.mark.parametrize(
    ("image", "used", "is_pulled"),
    [
        ("medmcqa-{service}", "medmcqa-evaluator", False),
        ("auto", "medmcqa-evaluator", False),
        ("ghcr.io/me/medmcqa-{service}:v1", "ghcr.io/me/medmcqa-evaluator:v1", True),
    ],
)
def test_only_an_image_of_a_registry_is_pulled(request_of, image, used, is_pulled):
    command = docker_command(request_of("eval", image), "name", {})
    assert used in command
    assert ("--pull" not in command) is is_pulled


def test_a_script_becomes_the_job_with_its_environment(tmp_path):
    value = "two words, a 'quote', a \"quote\", $HOME, `date`\nand a second line"
    show = "import os, sys; print(os.getpid(), repr(os.environ['VALUE']), sys.argv[1])"
    (tmp_path / "phase.sh").write_text(render_script({"VALUE": value}, [sys.executable, "-c", show, "a b"]))
    with subprocess.Popen(["sh", tmp_path / "phase.sh"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.read() == f"{process.pid} {value!r} a b\n"


def test_only_its_owner_reads_a_script(tmp_path):
    script = tmp_path / "sft.sh"
    script.write_text("of an earlier run, readable by all")
    write_private(script, "new")
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("new", 0o600)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(COMPOSE.read_text())["services"]


def test_the_compose_file_follows_the_specification():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_compose_runs_the_phases_in_order_each_in_its_own_image(services):
    order = ["begin", *PHASES, "fetch"]
    for before, name in itertools.pairwise(order):
        assert services[name]["depends_on"] == {before: {"condition": "service_completed_successfully"}}
    assert {phase: services[phase]["image"] for phase in PHASES} == {
        phase: f"medmcqa-{service_of(phase)}" for phase in PHASES
    }


def test_every_image_of_the_compose_file_is_built_by_make_images(services):
    built = {file.parent.name for file in ROOT.glob("*/*/Dockerfile")}
    assert {service["image"].removeprefix("medmcqa-") for service in services.values()} <= built


def test_no_container_of_the_compose_file_has_rights_or_a_network_or_a_secret(services):
    for name, service in services.items():
        assert service["read_only"] is True
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        assert service["network_mode"] == ("none" if name == "hub" else "service:hub")
        assert not {"ports", "privileged", "user", "env_file"} & set(service)
        assert not {"HF_TOKEN"} & set(service.get("environment", {}))
        assert not any("docker.sock" in volume for volume in service.get("volumes", []))


def test_a_container_of_the_compose_file_can_be_stopped_while_it_starts(services):
    assert [name for name, service in services.items() if service["init"] is not True] == []


def test_a_phase_of_the_compose_file_sees_its_script_and_not_the_hubs_folder(services):
    for phase in PHASES:
        assert services[phase]["volumes"] == ["scripts:/scripts:ro"]
        assert shlex.join(services[phase]["entrypoint"]) == f"sh /scripts/{phase}.sh"
