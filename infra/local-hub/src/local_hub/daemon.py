"""Start a hub in the background, and find it."""

import errno
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local_hub.config import DEFAULT_EXECUTOR, HubConfig
from local_hub.directory import command_for, prepare_directory, store_errors
from local_hub.errors import HubError
from local_hub.fixed_options import check_fixed_options
from local_hub.keeping.limits import limit_options
from local_hub.state import RunningHub, find_running, is_held, one_start_at_a_time
from local_hub.upstream.address import TOKEN_VARIABLE

LOG_FILE = "hub.log"
START_SECONDS = 60.0
# Longer than a job's grace after SIGTERM.
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
ANSWER_SECONDS = 5.0
LOG_BYTES = 4096
# Of the logs of all starts before, kept once more beside it when it is full.
MOST_LOG_BYTES = 10_000_000
HEALTH_PATH = "/healthz"


def start(config: HubConfig) -> RunningHub:
    """Starts the hub in the background unless it runs, and waits until it answers.

    Raises:
        HubError: it does not start; nothing of it is left running.
    """
    prepare_directory(config.directory)
    with store_errors(config.directory), one_start_at_a_time(config.directory):
        running = _find_serving(config.directory)
        if running is None:
            return spawn(config)[1]
        _check_executor(running, config)
        _check_upstream(running, config)
        check_fixed_options(running, config)
        return running


def ask_health(hub: RunningHub) -> dict[str, Any] | None:
    """What the hub says of itself, None where it does not answer or another program does."""
    address = urlsplit(hub.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", HEALTH_PATH)
        health = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return health if isinstance(health, dict) and health.get("instance") == hub.instance else None


def _find_serving(directory: Path) -> RunningHub | None:
    """The hub that runs and will go on; waits for the end of one that is stopping."""
    deadline = time.monotonic() + STOP_SECONDS
    while (hub := find_running(directory)) is not None:
        health = ask_health(hub)
        if health is not None and not health["stopping"]:
            return hub
        if time.monotonic() > deadline:
            raise HubError(
                f"The hub (process {hub.pid}) does not answer at {hub.url}. "
                f"Stop it first: {command_for('stop', directory)}"
            )
        time.sleep(POLL_SECONDS)
    return None


def _check_executor(running: RunningHub, config: HubConfig) -> None:
    if config.executor not in (None, running.executor):
        raise HubError(
            f"The hub at {running.url} runs its jobs by {running.executor}, not by {config.executor}. "
            f"Stop it first: make hub-stop, or {command_for('stop', config.directory)}"
        )


def _check_upstream(running: RunningHub, config: HubConfig) -> None:
    if config.upstream is not None and config.upstream.url != running.upstream:
        raise HubError(
            f"The hub at {running.url} runs with {running.upstream or 'no upstream'}, not {config.upstream.url}. "
            f"Stop it first: make hub-stop, or {command_for('stop', config.directory)}"
        )


def spawn(
    config: HubConfig, module: str = "local_hub", stdin: int = subprocess.DEVNULL
) -> tuple[subprocess.Popen[bytes], RunningHub]:
    """Starts a hub by `python -m <module> serve …` and waits until it answers.

    Raises:
        HubError: it does not start; nothing of it is left running.
    """
    log = config.directory / LOG_FILE
    _set_aside(log)
    process = None
    try:
        with open(log, "ab") as output, _interrupts_after():
            begin = output.tell()
            process = subprocess.Popen(
                # -P: what lies in the folder where the user happens to be is not imported.
                [sys.executable, "-P", "-m", module, "serve", *_serve_options(config)],
                cwd=config.directory,
                stdin=stdin,
                stdout=output,
                stderr=output,
                env=_environment(config),
                start_new_session=True,
            )
        return process, _wait_until_ready(process, config.directory, log, begin)
    except BaseException:
        if process is not None:
            process.kill()
            process.wait()
        raise


def _set_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


@contextmanager
def _interrupts_after() -> Iterator[None]:
    """Holds Ctrl-C back until the block's end: within Popen it would leave a process that nobody knows of."""
    if threading.current_thread() is not threading.main_thread():  # interrupts come to the main thread only
        yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)


def _serve_options(config: HubConfig) -> list[str]:
    options = ["--dir", str(config.directory), "--host", config.host, "--port", str(config.port)]
    options += ["--executor", config.executor or DEFAULT_EXECUTOR, "--docker-network", config.docker_network]
    if config.users is not None:
        options += ["--users", str(config.users)]
    if config.upstream is not None:
        options += ["--upstream", config.upstream.url]
    options += limit_options(config)
    # Whether others may reach it was decided when these options were parsed.
    return [*options, "--job-slots", str(config.job_slots), "--reachable-by-others"]


def _environment(config: HubConfig) -> dict[str, str]:
    """What the hub inherits: of a token for an upstream, only that for its own."""
    kept = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    token = config.upstream.token if config.upstream else None
    return kept | ({TOKEN_VARIABLE: token} if token else {})


def _wait_until_ready(
    process: subprocess.Popen[bytes], directory: Path, log: Path, log_begin: int
) -> RunningHub:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise HubError(_reason(log, log_begin))
        if is_held(directory):
            hub = find_running(directory)
            if hub is not None and hub.pid == process.pid and ask_health(hub) is not None:
                return hub
        time.sleep(POLL_SECONDS)
    raise HubError(f"The hub did not answer within {START_SECONDS:.0f} s. Look into {log}.")


def _reason(log: Path, begin: int) -> str:
    """The hub's own last error line since it began to write."""
    with open(log, "rb") as file:
        file.seek(begin)
        lines = file.read().decode("utf-8", "replace").splitlines()
    if shutil.disk_usage(log.parent).free < LOG_BYTES:  # the line that says so found no space either
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else f"The hub stopped while it started. Look into {log}."
