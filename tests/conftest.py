"""What every test gets: an environment of its own, and on request a real local hub."""

import asyncio
import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from serving import HubServer, serve_hub

# Whatever a developer has set for real runs must not reach a test.
LEAKING_PREFIXES = ("HF_", "HUGGING", "TRANSFORMERS_", "SPLIT_", "SFT_", "GRPO_", "EVAL_", "REPORT_", "MAKE")
LEAKING_PREFIXES += ("TRACKIO_", "WANDB_", "TENSORBOARD_", "GATE_", "LOCAL_HUB_")
LEAKING_JOB = {"JOB_ID", "ACCELERATOR", "CPU_CORES", "MEMORY"}
# Where tests are run by a hook of git, its own commands would work on this repository, whatever the folder.
LEAKING_GIT = {"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"}
LEAKING_MAKE = {
    "MFLAGS",
    "PROFILE_JSON",
    "HUB_DIR",
    "HUB_PORT",
    "PROFILE",
    "RUN",
    "PHASE",
    "SEED",
    "FORCE",
    "NAMESPACE",
    "MAX_ATTEMPTS",
    "BUDGET_USD",
}
LEAKING_MAKE |= {
    "SOURCE_DATASET",
    "BASE_MODEL",
    "FORMAT",
    "BASELINE",
    "SEEDS",
    "RUNS",
    "KEEP_GOING",
    "JOB",
    "ALL",
    "FOLLOW",
    "EXECUTOR",
    "IMAGE",
    "REPOSITORY_URL",
    "DRY_RUN",
    "UPSTREAM",
}
NO_PROXY = "127.0.0.1,localhost"
SLOW = "slow and not docker"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LONGEST = (
    "test_retraining.py",
    "test_pipeline.py",
    "test_other_sources.py",
    "test_interruptions.py",
    "test_resume.py",
)


def _clean_environment() -> None:
    for name in list(os.environ):
        if name.startswith(LEAKING_PREFIXES) or name in LEAKING_JOB | LEAKING_GIT | LEAKING_MAKE:
            del os.environ[name]
    home = tempfile.TemporaryDirectory(prefix="hf-home-")
    atexit.register(home.cleanup)
    os.environ |= {
        "HF_HOME": home.name,
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": NO_PROXY,
        "no_proxy": NO_PROXY,
    }
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Trainings side by side that each want every core spend most of their time waiting for each other.
        os.environ.setdefault("OMP_NUM_THREADS", "1")


# The same examples each time, however long one takes on a busy machine: what fails is the code, not luck.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# Here and not in a hook: the conftest of a folder may import the Hub client, which reads the environment once.
_clean_environment()
# A script starts what it puts in the background deaf to Ctrl-C, and with it all that tests start and press it for.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path, config):
    """Leaves out what holds no slow test where only those are asked for: importing it all takes longer than some."""
    asked = config.option.markexpr.startswith(SLOW)
    return True if asked and not _holds_slow_tests(collection_path) else None


def _holds_slow_tests(path):
    files = path.rglob("test_*.py") if path.is_dir() else [path]
    return any("mark.slow" in file.read_text("utf-8", "ignore") for file in files)


def pytest_collection_modifyitems(items):
    """Puts the longest files first: one that begins when the others are done is waited for alone."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("docker"):
            assert _holds_slow_tests(item.path), (
                f"{item.nodeid} is slow; its file must say so: pytest.mark.slow"
            )
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_collection_finish():
    """Takes the libraries' millions of objects, which stay, out of the garbage collections that tests cause."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Fails what leaves its event loop running: no test of another file, whichever comes next, could run one."""
    yield
    if nextitem is None or nextitem.path != item.path:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()


@pytest.fixture(autouse=True)
def same_environment_after_as_before():
    """Takes back what a test, or the code under test, did to the environment."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def hub_server(tmp_path_factory) -> Iterator[HubServer]:
    """A local hub with nothing in it, shared by the whole session: use repo names of your own."""
    with serve_hub(tmp_path_factory.mktemp("hub"), tmp_path_factory.mktemp("hub-client")) as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One headless browser for a file's tests; Playwright's event loop runs in this thread for as long."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def hub_env(hub_server) -> dict[str, str]:
    """A copy of the environment for a client process of the hub."""
    return dict(hub_server.env)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the end of the hub's log to the report of a test that failed with it."""
    report = yield
    server = getattr(item, "funcargs", {}).get("hub_server")
    if report.failed and server is not None:
        tail = (server.directory / "hub.log").read_text("utf-8", "replace")[-4000:]
        report.sections.append(("log of the local hub", tail))
    return report
