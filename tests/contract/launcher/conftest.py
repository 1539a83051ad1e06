"""Launchers against a real local hub, and what a run can begin with."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from subprocess import CompletedProcess

import pytest
from launching import Launcher, new_launcher, wait_until
from relay import HARDWARE, Relay, at_price, relay_to
from toys import ToyHub, serve_toys

from launcher.open_run import OpenRun
from shared.hub import Hub
from shared.runs import ManifestStore

TOKENIZER_CONFIG = b'{"chat_template": "{{ messages }}"}'


@pytest.fixture(scope="session")
def hub(hub_server) -> Hub:
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture
def launch(tmp_path, hub_server) -> Launcher:
    return new_launcher(tmp_path, hub_server.env)


@pytest.fixture
def colleague(tmp_path_factory, hub_server) -> Launcher:
    return new_launcher(tmp_path_factory.mktemp("colleague"), hub_server.env)


@pytest.fixture(scope="session")
def write_profile(tmp_path_factory):
    """Write a profile that begins with a dataset and a model; `sections` is TOML put at its end."""

    def write(dataset: str, model: str, sections: str = "") -> str:
        path = tmp_path_factory.mktemp("profile") / "mine.toml"
        path.write_text(
            f'[run]\nsource_dataset = "{dataset}"\nbase_model = "{model}"\n'
            f'[launch]\nimage = "i"\nflavor = "cpu-basic"\ntimeout = "5m"\n'
            f"[split]\nsft_rows = 4\ngrpo_rows = 2\neval_rows = 2\ncalibration_rows = 2\n"
            f'near_duplicates = "off"\n{sections}'
        )
        return str(path)

    return write


def push_sources(hub: Hub) -> tuple[str, str]:
    """Push a dataset and a model that a run can begin with, though nothing can be trained from them."""
    rows = [
        {"id": f"q{n}", "question": f"Question {n}", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": n % 4,
         "choice_type": "single", "exp": None, "subject_name": "Anatomy", "topic_name": None}
        for n in range(12)
    ]  # fmt: skip
    lines = "\n".join(map(json.dumps, rows)).encode()
    hub.push_files("local/questions", "dataset", {"train.jsonl": lines}, "Add rows")
    hub.push_files("local/chatty", "model", {"tokenizer_config.json": TOKENIZER_CONFIG}, "Add tokenizer")
    return "local/questions", "local/chatty"


@pytest.fixture(scope="session")
def sources(hub) -> tuple[str, str]:
    return push_sources(hub)


@pytest.fixture(scope="session")
def toy_profile(toys, write_profile) -> str:
    return write_profile(*push_sources(toys.hub))


@pytest.fixture(scope="session")
def profile(write_profile, sources) -> str:
    return write_profile(*sources)


@pytest.fixture
def store(hub, launch) -> ManifestStore:
    """The manifests of the runs that `launch` begins."""
    return ManifestStore(hub, launch.namespace)


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> Iterator[ToyHub]:
    """A hub whose sft and report jobs are toys."""
    with serve_toys(tmp_path_factory.mktemp("toys"), dict(os.environ)) as toys:
        yield toys


@pytest.fixture
def toy_launch(tmp_path, toys) -> Launcher:
    """A launcher on the hub with toys."""
    return new_launcher(tmp_path, toys.env)


@pytest.fixture
def toy_store(toys, toy_launch) -> ManifestStore:
    return ManifestStore(toys.hub, toy_launch.namespace)


@pytest.fixture
def prices(toys) -> Iterator[tuple[str, type[Relay]]]:
    """A Jobs API where a minute costs half a dollar: its address, and its handler to change answers on."""
    with relay_to(toys.env["HF_ENDPOINT"]) as (url, handler):
        handler.answers[HARDWARE] = at_price(0.5)
        yield url, handler


@pytest.fixture
def priced(prices, toy_launch) -> Launcher:
    """A launcher on that Jobs API."""
    return replace(toy_launch, environment={**toy_launch.environment, "HF_ENDPOINT": prices[0]})


@pytest.fixture
def sft(toys, toy_launch, write_profile):
    """Begin a run whose sft jobs do as planned; return its id and what a launcher must be told to run them."""

    def begin(plan, sections=""):
        run_id = toys.begin_run(toy_launch.namespace, plan)
        return run_id, ("sft", "--run", run_id, "--profile", write_profile("a/b", "c/d", sections))

    return begin


@pytest.fixture
def running(prices, toys, toy_launch, sft):
    """A run whose job runs and has saved something, launched by somebody without a budget; and its command."""
    run_id, command = sft([{"saves": [30], "seconds": 100}, {"resume": 30}])
    process = toy_launch.start(*command)
    store = ManifestStore(Hub(prices[0], toys.hub.api.token), toy_launch.namespace)
    wait_until(lambda: store.read(run_id).phases["sft"].progress)
    run = OpenRun(store, toy_launch.namespace, run_id)
    yield run, command
    for job in run.list_jobs():
        toys.hub.api.cancel_job(job_id=job.id, namespace=run.namespace)
    process.communicate(timeout=60)


@pytest.fixture
def jobs(toys, toy_launch):
    """The jobs of a run's phase, oldest first."""

    def jobs(run_id, phase="sft"):
        listed = toys.hub.api.list_jobs(
            labels={"run": run_id, "phase": phase}, namespace=toy_launch.namespace
        )
        return list(listed)[::-1]

    return jobs


@pytest.fixture(scope="session")
def first_split(tmp_path_factory, hub_server, profile) -> tuple[Launcher, CompletedProcess[str]]:
    """A launcher whose only run has been split, and the command that did it; for tests that look and change nothing."""
    launch = new_launcher(tmp_path_factory.mktemp("user"), hub_server.env)
    return launch, launch("split", "--profile", profile, "--seed", "7")


@pytest.fixture(scope="session")
def split_done(first_split) -> Launcher:
    """That launcher."""
    launch, result = first_split
    assert result.returncode == 0, result.stderr
    return launch
