"""What the launcher asks of the Jobs API, by the official client: its shape is the documented one.

A local hub answers as a Hub somewhere else too: behind a proxy.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from shared.errors import ExitCode

RECORDED = json.loads((Path(__file__).parent / "recorded" / "jobs_api.json").read_text())
ELSEWHERE = "http://hub.example"
HOP_BY_HOP = ("host", "connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length")
CONFIG = Path(__file__).parents[3] / "infra" / "starter" / "qwen3-mini" / "config.json"
KINDS = {
    "list of strings": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "strings by name": lambda value: all(isinstance(item, str) for item in value.values()),
    "string": lambda value: isinstance(value, str),
    "whole number": lambda value: type(value) is int,
}


def requests(result):
    """The requests that a dry run printed: the first line and the body of each."""
    assert result.returncode == 0, result.stderr
    parts = re.split(r"^(?=POST )", result.stdout, flags=re.MULTILINE)[1:]
    return [(part.splitlines()[0], json.loads(part.split("\n\n", 1)[1])) for part in parts]


class Relay(BaseHTTPRequestHandler):
    """A proxy that takes whatever it is asked for from the local hub."""

    hub: str

    def do_GET(self):
        place = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        url = f"{self.hub}{place.path}" + (f"?{place.query}" if place.query else "")
        answer = httpx2.request(self.command, url, headers=asked, content=body, trust_env=False)
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_HEAD = do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def elsewhere(hub_server):
    """Variables with which a launcher finds the hub somewhere that is not this machine."""
    relay = type("RelayToHub", (Relay,), {"hub": hub_server.url})
    with ThreadingHTTPServer(("127.0.0.1", 0), relay) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = f"http://127.0.0.1:{server.server_port}"
        yield {"HF_ENDPOINT": ELSEWHERE, "HTTP_PROXY": proxy, "http_proxy": proxy}
        server.shutdown()


@pytest.fixture(scope="module")
def dry(split_done, profile):
    """What a dry run shows of a run that has been split."""
    return split_done("grpo", "--profile", profile, "--dry-run", WANDB_API_KEY="wandb-secret")


def test_a_dry_run_shows_each_job_that_would_be_launched_and_launches_none(dry, split_done, hub):
    shown = requests(dry)
    assert [body["labels"]["phase"] for _, body in shown] == ["sft", "grpo"]
    assert {line for line, _ in shown} == {f"POST {hub.api.endpoint}/api/jobs/{split_done.namespace}"}
    assert len(list(hub.api.list_jobs(namespace=split_done.namespace))) == 1, "the split's, of before"
    assert "split is up to date in run" in dry.stderr


def test_a_request_has_the_documented_shape(dry):
    for _, body in requests(dry):
        required = RECORDED["request"]["required"]
        assert {name for name in required if not KINDS[required[name]](body[name])} == set()
        (image,) = body.keys() - required.keys()
        assert image in RECORDED["request"]["one_of"]
        rules = RECORDED["label"]
        for key, value in body["labels"].items():
            assert re.fullmatch(rules["key"], key)
            assert re.fullmatch(rules["value"], value)


def test_a_request_says_whose_job_it_is_and_is_run_once(dry, split_done):
    _, body = requests(dry)[0]
    labels = body["labels"]
    assert labels.keys() == {"project", "run", "phase", "launch", "request", "timeout", "name"}
    run_id = split_done.manifest().run_id
    assert [labels[key] for key in ("project", "run", "name", "timeout")] == [
        "medmcqa",
        run_id,
        "medmcqa-sft",
        "5m",
    ]
    assert (body["attempts"], body["timeoutSeconds"], body["dockerImage"]) == (1, 300, "i")
    assert body["command"][:3] == ["python", "-m", "sft_trainer"]


def test_secrets_are_among_the_secrets_only_and_masked(dry, hub_server):
    _, body = requests(dry)[0]
    assert body["secrets"] == {"HF_TOKEN": "***", "WANDB_API_KEY": "***"}
    for secret in (hub_server.token, "wandb-secret"):
        assert secret not in dry.stdout + dry.stderr


def test_what_is_sent_is_what_a_dry_run_shows(launch, profile, hub):
    (_, shown), *_ = requests(launch("split", "--profile", profile, DRY_RUN="1"))
    assert launch("split", "--profile", profile).returncode == 0
    (job,) = hub.api.list_jobs(namespace=launch.namespace)
    assert (job.docker_image, job.flavor, job.environment) == (
        shown["dockerImage"],
        shown["flavor"],
        shown["environment"],
    )
    assert job.labels.keys() == shown["labels"].keys()
    assert (job.labels["request"], job.labels["name"]) == (shown["labels"]["request"], "medmcqa-split")
    assert set(job.secrets) == {"HF_TOKEN"}


def test_a_dry_run_begins_no_run(launch, profile, hub):
    shown = requests(launch("report", "--profile", profile, "--dry-run"))
    assert [body["labels"]["phase"] for _, body in shown] == ["report"]
    result = launch("runs")
    assert result.stdout.startswith("No runs yet.")


def test_flavors_are_checked_before_a_run_begins(launch, write_profile, sources):
    profile = write_profile(*sources, '[launch.eval]\nflavor = "t4-smal"\n')
    result = launch("split", "--profile", profile)
    assert (result.returncode, result.stdout) == (ExitCode.BAD_INPUT, "")
    assert result.stderr.splitlines()[-1].startswith(
        "error: There is no flavor t4-smal ([launch] of the profile). The nearest: t4-small, "
    )
    assert launch("runs").stdout.startswith("No runs yet.")


def test_a_time_limit_that_is_left_to_the_plan_is_three_times_what_it_says_at_most(
    launch, write_profile, sources, hub
):
    files = {"config.json": CONFIG, "tokenizer_config.json": b'{"chat_template": "{{ messages }}"}'}
    hub.push_files("local/sized", "model", files, "Add sizes")
    profile = Path(write_profile(sources[0], "local/sized", "[sft]\nmax_steps = 1\n"))
    profile.write_text(profile.read_text().replace('timeout = "5m"', 'timeout = "auto"'))
    (_, shown), *_ = requests(launch("split", "--profile", str(profile), "--dry-run"))
    assert shown["timeoutSeconds"] == 30 * 60


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (
            "medmcqa-{service}",
            "HF Jobs cannot pull the image medmcqa-data-splitter: its name holds no registry.",
        ),
        ("ghcr.io/You/x", "'ghcr.io/You/x' names no image."),
    ],
)
def test_an_image_that_hf_jobs_could_not_pull_is_refused_before_anything_is_launched(
    launch, profile, elsewhere, image, error
):
    result = launch("split", "--profile", profile, "--image", image, **elsewhere)
    assert (result.returncode, result.stdout) == (ExitCode.BAD_INPUT, "")
    assert result.stderr.splitlines()[-1].startswith(f"error: {error}")


def test_an_image_by_its_digest_is_sent_as_it_is(launch, profile, elsewhere):
    image = f"ghcr.io/you/medmcqa-{{service}}@sha256:{'a' * 64}"
    (line, shown), *_ = requests(launch("split", "--profile", profile, "--dry-run", IMAGE=image, **elsewhere))
    assert line == f"POST {ELSEWHERE}/api/jobs/{launch.namespace}"
    assert shown["dockerImage"] == f"ghcr.io/you/medmcqa-data-splitter@sha256:{'a' * 64}"


def test_the_image_of_a_space_is_sent_as_the_spaces_id(launch, profile):
    shown = requests(
        launch("split", "--profile", profile, "--dry-run", "--image", "hf.co/spaces/local/medmcqa")
    )
    assert shown[0][1]["spaceId"] == "local/medmcqa"
    assert "dockerImage" not in shown[0][1]


def test_the_local_hub_answers_with_the_fields_that_the_service_does(split_done, hub_server):
    def ask(path):
        headers = {"authorization": f"Bearer {hub_server.token}"}
        return httpx2.get(f"{hub_server.url}/api/jobs/{path}", headers=headers, trust_env=False).json()[0]

    assert ask("hardware").keys() == RECORDED["hardware"].keys()
    assert RECORDED["job"].keys() <= ask(split_done.namespace).keys()
