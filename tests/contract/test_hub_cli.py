"""The command `local-hub`, as its users see it."""

import os
import shlex
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from huggingface_hub import HfApi

from local_hub import stopping
from local_hub.cli import main
from local_hub.daemon import MOST_LOG_BYTES
from local_hub.keeping.migrations import FORMAT_VERSION
from local_hub.state import find_running

PROGRAM = str(Path(sys.executable).parent / "local-hub")


class Cli:
    """Runs commands on one folder; `folder` need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, command: str, *arguments: str, **environment: str):
        return subprocess.run(
            [PROGRAM, command, "--dir", str(self.folder), *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def pid(self) -> int:
        return find_running(self.folder).pid

    def hubs(self) -> list[int]:
        """All processes that serve the folder."""
        return [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if {"serve", str(self.folder)} <= set(process.info["cmdline"] or [])
        ]


@pytest.fixture
def cli(tmp_path):
    cli = Cli(tmp_path / "hub")
    yield cli
    # Here, and not by a process: there are many of these tests.
    main(["stop", "--dir", str(cli.folder)])


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def says(result) -> tuple[int, str, str]:
    return result.returncode, result.stdout, result.stderr


def test_commands_that_do_not_serve_begin_without_what_serving_needs():
    script = (
        "import sys, local_hub.cli; print({'starlette', 'uvicorn', 'asyncio', 'psutil'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_start_prints_the_url_and_nothing_else_and_a_second_start_the_same(cli):
    first, second = cli("start"), cli("start")
    url = first.stdout.strip()
    assert urlsplit(url).hostname == "127.0.0.1"
    assert says(first) == says(second) == (0, f"{url}\n", "")
    assert HfApi(url, (cli.folder / "token").read_text().strip()).whoami()["name"] == "local"
    assert len(cli.hubs()) == 1


def test_status_tells_what_runs_where(cli):
    assert says(cli("status")) == (3, f"not running: no hub serves {cli.folder}\n", "")
    url = cli("start").stdout.strip()
    lines = ["running", f"url     {url}", f"pid     {cli.pid}", f"folder  {cli.folder}"]
    assert says(cli("status")) == (0, "\n".join([*lines, "jobs    0 running, 0 waiting", ""]), "")


def test_a_hub_comes_back_at_the_same_address_with_the_same_token(cli):
    url = cli("start").stdout
    token = (cli.folder / "token").read_text()
    assert says(cli("stop")) == (0, "", f"Stopped the hub at {url.strip()}.\n")
    assert cli.hubs() == []
    assert cli("start").stdout == url
    assert (cli.folder / "token").read_text() == token


def test_a_log_that_has_grown_long_is_set_aside_at_the_next_start(cli):
    cli.folder.mkdir()
    with open(cli.folder / "hub.log", "wb") as log:
        log.truncate(MOST_LOG_BYTES + 1)
    cli("start")
    assert (cli.folder / "hub.log.1").stat().st_size == MOST_LOG_BYTES + 1
    assert (cli.folder / "hub.log").stat().st_size < MOST_LOG_BYTES


def test_stopping_what_does_not_run_is_no_error(cli):
    assert says(cli("stop")) == (0, "", f"No hub serves {cli.folder}.\n")


def test_the_store_is_private_also_in_an_empty_folder_that_was_there(cli):
    cli.folder.mkdir(mode=0o755)
    cli("start")
    assert stat.S_IMODE(cli.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((cli.folder / "token").stat().st_mode) == 0o600


def test_two_starts_at_once_start_one_hub(cli):
    results = []
    threads = [threading.Thread(target=lambda: results.append(cli("start"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {says(result) for result in results} == {(0, results[0].stdout, "")}
    assert len(cli.hubs()) == 1


def test_a_port_in_use_is_named_with_the_way_out(cli, taken_port):
    result = cli("start", "--port", str(taken_port))
    assert says(result) == (
        2,
        "",
        f"error: Port {taken_port} is in use by another program. "
        f"Choose another: --port {taken_port + 1} (make: HUB_PORT={taken_port + 1}), or none for a free one.\n",
    )
    assert cli.hubs() == []
    assert cli("start").returncode == 0


def test_another_port_takes_over_where_the_last_one_is_in_use(cli, taken_port):
    cli.folder.mkdir()
    (cli.folder / "port").write_text(f"{taken_port}\n")
    url = cli("start").stdout.strip()
    assert urlsplit(url).port not in (None, taken_port)


def test_a_running_hub_is_not_moved_to_another_port(cli):
    url = cli("start").stdout
    moved = cli("start", "--port", "1")
    assert says(moved) == (0, url, "It runs already; to move it to port 1, stop it first.\n")


def test_a_running_hub_does_not_pass_over_options_that_it_was_started_without(cli, tmp_path):
    users = tmp_path / "users.toml"
    users.write_text('[[users]]\nname = "ada"\ntoken = "hf_ada"\n')
    options = ("--quota", "50GB", "--users", str(users))
    url = cli("start", *options).stdout.strip()
    assert says(cli("start", *options)) == says(cli("start")) == (0, f"{url}\n", "")

    def complaint(options: str) -> str:
        hint = f"Stop it first: local-hub stop --dir {cli.folder}"
        return f"error: The hub at {url} was started without {options}. {hint}\n"

    refused = cli("start", "--quota", "60GB", "--job-slots", "4")
    assert says(refused) == (2, "", complaint("this --job-slots and this --quota"))
    users.touch()
    assert says(cli("exec", *options, "--", "true")) == (2, "", complaint("this --users"))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["serve"], "the following arguments are required: --dir. See: local-hub serve --help"),
        (
            ["start", "--dir", "x", "--port", "99999"],
            "argument --port: 99999 is no port; use 1 to 65535. See: local-hub start --help",
        ),
        (
            ["exec", "--dir", "x", "hf", "jobs"],
            "unrecognized arguments: hf jobs; write -- before the command to run. See: local-hub --help",
        ),
    ],
)
def test_a_mistyped_command_gets_one_line(capsys, arguments, complaint):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr() == ("", f"error: {complaint}\n")


def test_a_command_in_a_message_can_be_pasted_whatever_the_folder_is_called(cli):
    cli.folder = cli.folder.parent / "it's here"
    commands = cli("web").stderr.partition("Start it: ")[2]
    assert shlex.split(commands) == ["local-hub", "start", "--dir", str(cli.folder)]


def test_ctrl_c_during_a_command_is_no_traceback(cli):
    command = [sys.executable, "-m", "local_hub", "start", "--dir", str(cli.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until((cli.folder / "start.lock").exists)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "error: stopped.\n")
    assert process.returncode == 130
    assert cli.hubs() == []


def test_a_reader_that_has_read_enough_is_no_traceback(cli):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer) as pipe:
        command = [PROGRAM, "status", "--dir", str(cli.folder)]
        done = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_file_in_the_way_is_named_with_the_way_out(cli):
    cli.folder.write_text("")
    assert says(cli("start")) == (
        2,
        "",
        f"error: The hub cannot keep its data in {cli.folder} (File exists). "
        "Use another folder: --dir <folder> (make: HUB_DIR=<folder>).\n",
    )


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(cli):
    cli.folder = Path("/proc/hub")
    result = cli("start")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: The hub cannot keep its data in /proc/hub (")
    assert result.stderr.count("\n") == 1


def test_the_store_of_a_newer_hub_is_refused_in_one_line(cli):
    cli.folder.mkdir()
    with sqlite3.connect(cli.folder / "hub.sqlite3") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    for verb in ("start", "verify"):
        result = cli(verb)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert f"has store format 99, this hub reads up to {FORMAT_VERSION}" in result.stderr
    assert cli.hubs() == []


def test_a_damaged_store_is_refused_in_one_line(cli):
    cli.folder.mkdir()
    (cli.folder / "hub.sqlite3").write_bytes(b"not a database" * 100)
    assert says(cli("start")) == (
        2,
        "",
        f"error: The store in {cli.folder} cannot be read (file is not a database). "
        "Restore it, or use another folder: --dir <folder> (make: HUB_DIR=<folder>).\n",
    )


def test_a_hub_that_was_killed_counts_as_gone(cli):
    url = cli("start").stdout
    os.kill(cli.pid, signal.SIGKILL)
    wait_until(lambda: find_running(cli.folder) is None)
    assert cli("status").returncode == 3
    assert cli("start").stdout == url


def test_a_state_file_that_names_a_stranger_never_gets_it_killed(cli):
    stranger = subprocess.Popen(["sleep", "60"])
    cli.folder.mkdir()
    (cli.folder / "hub.lock").write_text(
        f'{{"pid": {stranger.pid}, "url": "http://127.0.0.1:1", "instance": "x"}}'
    )
    assert cli("status").returncode == 3
    cli("stop")
    assert stranger.poll() is None
    assert cli("start").returncode == 0
    stranger.kill()
    stranger.wait()


def test_a_second_server_on_the_same_folder_is_refused(cli):
    cli("start")
    result = cli("serve")
    assert says(result)[:2] == (2, "")
    assert f"error: Another hub serves {cli.folder} already." in result.stderr


def test_stop_ends_the_jobs_too(cli):
    url = cli("start").stdout.strip()
    api = HfApi(url, (cli.folder / "token").read_text().strip())
    job = api.run_job(image="i", command=["sh", "-c", "echo $$; exec sleep 600"], namespace="local")
    pid = int(next(iter(api.fetch_job_logs(job_id=job.id, namespace="local", follow=True))))
    assert "jobs    1 running, 0 waiting" in cli("status").stdout
    assert cli("stop").returncode == 0
    assert not psutil.pid_exists(pid)


@pytest.mark.slow
def test_stop_waits_for_a_hub_that_takes_long_to_end_its_jobs(cli, monkeypatch, capsys):
    url = cli("start").stdout.strip()
    api = HfApi(url, (cli.folder / "token").read_text().strip())
    script = "trap 'sleep 2; echo saved; exit' TERM; echo ready; while true; do sleep 0.1; done"
    job = api.run_job(image="i", command=["sh", "-c", script], namespace="local")
    assert next(iter(api.fetch_job_logs(job_id=job.id, namespace="local", follow=True))) == "ready"
    monkeypatch.setattr(stopping, "STOP_SECONDS", 0.5)
    stopping.stop(cli.folder)
    assert "saved" in (cli.folder / "jobs" / job.id / "log.jsonl").read_text()
    assert "The hub still ends its jobs" in capsys.readouterr().err


def test_a_start_during_a_stop_waits_and_starts_anew(cli):
    url = cli("start").stdout
    api = HfApi(url.strip(), (cli.folder / "token").read_text().strip())
    script = "trap 'sleep 1; exit' TERM; echo ready; while true; do sleep 0.1; done"
    job = api.run_job(image="i", command=["sh", "-c", script], namespace="local")
    next(iter(api.fetch_job_logs(job_id=job.id, namespace="local", follow=True)))
    old = cli.pid
    os.kill(old, signal.SIGTERM)
    assert cli("start").stdout == url
    assert cli.pid != old


@pytest.mark.slow
def test_a_hub_that_does_not_react_is_killed_with_its_jobs(cli):
    url = cli("start").stdout.strip()
    api = HfApi(url, (cli.folder / "token").read_text().strip())
    job = api.run_job(image="i", command=["sh", "-c", "echo $$; exec sleep 600"], namespace="local")
    pid = int(next(iter(api.fetch_job_logs(job_id=job.id, namespace="local", follow=True))))
    os.kill(cli.pid, signal.SIGSTOP)
    assert cli("stop").returncode == 0
    assert cli.hubs() == []
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_exec_runs_a_client_of_the_hub_and_ends_as_it_ends(cli):
    script = (
        "from huggingface_hub import HfApi, constants\n"
        "print(constants.ENDPOINT, HfApi().whoami()['name'])\nraise SystemExit(7)"
    )
    result = cli(
        "exec", "--", sys.executable, "-c", script, HF_HUB_OFFLINE="1", HTTP_PROXY="http://127.0.0.1:1"
    )
    assert says(result) == (7, f"{find_running(cli.folder).url} local\n", "")


def test_exec_says_what_it_cannot_run(cli):
    assert says(cli("exec", "--", "no-such-program")) == (
        127,
        "",
        "error: cannot run no-such-program: No such file or directory\n",
    )
    assert cli("exec").returncode == 2


def test_env_points_a_shell_at_the_hub(cli):
    cli.folder = cli.folder.parent / "a folder with 'quotes'"
    script = (
        'eval "$($0 env --dir "$1")"; echo $HF_ENDPOINT; echo $HF_TOKEN; echo $HF_HOME; echo $NO_PROXY; echo $no_proxy'
        "; echo ${TRANSFORMERS_OFFLINE-unset}; echo $HF_HUB_DISABLE_XET"
    )
    result = subprocess.run(
        ["sh", "-c", script, PROGRAM, str(cli.folder)],
        env=os.environ | {"TRANSFORMERS_OFFLINE": "1", "NO_PROXY": "example.org,localhost"},
        capture_output=True,
        text=True,
        check=True,
    )
    proxies = "127.0.0.1,localhost,example.org"
    assert result.stdout.splitlines() == [
        find_running(cli.folder).url,
        (cli.folder / "token").read_text().strip(),
        str(cli.folder / "client-cache"),
        proxies,
        proxies,
        "unset",
        "1",
    ]


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org"])
def test_others_reach_the_hub_only_where_that_is_asked_for(cli, host):
    result = cli("serve", "--host", host)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"--host {host} lets others reach this hub" in result.stderr
    assert "--reachable-by-others" in result.stderr


def test_an_address_that_no_client_could_use_is_refused(cli):
    result = cli("serve", "--host", "0.0.0.0", "--reachable-by-others")
    assert result.returncode == 2
    assert "name the one by which they reach it" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_in_the_foreground_until_it_is_told_to_stop(cli, number):
    command = [PROGRAM, "serve", "--dir", str(cli.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == f"{find_running(cli.folder).url}\n"
        process.send_signal(number)
        assert process.wait(20) == 0
    assert find_running(cli.folder) is None


def wait_until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_hub_that_runs_keeps_its_executor(cli):
    url = cli("start").stdout.strip()
    refused = cli("start", "--executor", "docker")
    complaint = (
        f"error: The hub at {url} runs its jobs by process, not by docker. "
        f"Stop it first: make hub-stop, or local-hub stop --dir {cli.folder}\n"
    )
    assert says(refused) == (2, "", complaint)
    assert says(cli("start", "--executor", "process")) == says(cli("start")) == (0, f"{url}\n", "")


def test_a_hub_for_containers_needs_an_engine(cli, tmp_path):
    refused = cli("start", "--executor", "docker", DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("error: No Docker engine answers (")
    assert line.endswith("or run jobs as processes: --executor process (make: EXECUTOR=process).")
    assert cli.hubs() == []


def test_a_hub_for_containers_needs_the_docker_sdk(tmp_path):
    script = "import sys; sys.modules['docker'] = None; from local_hub.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "serve", "--dir", str(tmp_path), "--executor", "docker"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1].startswith(
        "error: Jobs in containers need the Docker SDK for Python ("
    )
    assert refused.stderr.endswith("pip install 'local-hub[docker]'.\n")
