"""Cancel, timeout, and a hub that goes away: a job never stays behind, and never stays RUNNING."""

import os
import signal

import psutil
import pytest
from huggingface_hub.errors import HfHubHTTPError

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('no'))\n"
    "print('ready')\nwhile True: time.sleep(0.1)"
)
POLITE = (
    "import signal, sys, time\n"
    "def leave(*_): time.sleep(0.3); print('saved'); sys.exit(5)\n"
    "signal.signal(signal.SIGTERM, leave); print('ready')\ntime.sleep(60)"
)
# Saves until it is killed, and says so all the time.
SAVING = (
    "import itertools, signal, time\n"
    "def save(*_):\n"
    "    for part in itertools.count(): print('saved', part); time.sleep(0.02)\n"
    "signal.signal(signal.SIGTERM, save); print('ready'); time.sleep(60)"
)
# Its child leaves the session and ignores signals; the parent goes first.
DETACHING = (
    "import subprocess, sys\n"
    "script = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'\n"
    "child = subprocess.Popen([sys.executable, '-c', script], start_new_session=True)\nprint(child.pid > 0)"
)
# Writes over its environment, as a process does that gives itself a title.
TITLED = (
    "import ctypes; begin, end = map(int, open('/proc/self/stat').read().rsplit(')', 1)[1].split()[47:49])\n"
    "ctypes.memset(begin, 0, end - begin)\n"
)


def test_a_cancelled_job_may_finish_what_it_does_on_sigterm(client):
    job = client.run_python(POLITE)
    client.wait_for_line(job, "ready")
    client.cancel(job)
    done = client.wait(job)
    assert (done.status.stage, done.status.message) == ("CANCELED", "Job cancelled")
    assert client.logs(job) == ["ready", "saved"]


def test_the_children_of_a_shell_get_their_grace_time_too(client):
    job = client.run("sh", "-c", f'python -c "{POLITE}"; true')
    client.wait_for_line(job, "ready")
    client.cancel(job)
    client.wait(job)
    assert client.logs(job) == ["ready", "saved"]


def test_a_job_that_ignores_sigterm_is_killed_after_its_grace_time(own_hub):
    client = own_hub.start()
    job = client.run_python(STUBBORN)
    client.wait_for_line(job, "ready")
    client.cancel(job)
    assert client.wait(job).status.stage == "CANCELED"
    assert client.is_gone(job)
    assert client.logs(job)[1:] == ["no"]


def test_cancelling_twice_or_after_the_end_changes_nothing(client):
    job = client.run("true")
    ended = client.wait(job)
    client.cancel(job)
    client.cancel(job)
    assert client.inspect(job) == ended


def test_what_a_job_says_until_it_is_killed_is_kept(own_hub):
    client = own_hub.start()
    job = client.run_python(SAVING)
    client.wait_for_line(job, "ready")
    client.cancel(job)
    client.wait(job)
    first, *saved = client.logs(job)
    assert (first, saved) == ("ready", [f"saved {part}" for part in range(len(saved))])
    assert len(saved) > 10, "its grace time is 1 s, and it says something every 0.02 s"


def test_a_job_whose_time_is_up_is_an_error_that_says_timeout(own_hub):
    client = own_hub.start()
    job = client.run_python(POLITE, timeout=2)
    done = client.wait(job)
    assert (done.status.stage, done.status.message) == ("ERROR", "Job timeout reached")
    assert done.durations.running_secs >= 2
    assert client.logs(job) == ["ready", "saved"]


def test_what_a_job_leaves_running_is_killed_when_it_ends(client):
    job = client.run_python(DETACHING)
    assert client.wait(job).status.stage == "COMPLETED"
    assert client.is_gone(job)
    assert client.logs(job) == ["True"]


@pytest.mark.parametrize("executor", ["process"], indirect=True)
def test_a_process_that_hides_its_environment_gets_its_grace_time_too(client):
    job = client.run_python(TITLED + POLITE)
    client.wait_for_line(job, "ready")
    client.cancel(job)
    client.wait(job)
    assert client.logs(job) == ["ready", "saved"]


@pytest.mark.parametrize("executor", ["process"], indirect=True)
def test_a_process_without_an_environment_is_killed_when_its_job_ends(client):
    job = client.run("sh", "-c", "env -i sleep 600 & echo $!")
    client.wait(job)
    [number] = client.logs(job)
    assert not psutil.pid_exists(int(number)) or psutil.Process(int(number)).status() == psutil.STATUS_ZOMBIE


def test_a_jobs_disk_goes_with_it(client, hub_server):
    job = client.run("sh", "-c", "echo checkpoint > model.bin; echo scratch > $TMPDIR/x")
    client.wait(job)
    assert [path.name for path in (hub_server.directory / "jobs" / job.id).iterdir()] == ["log.jsonl"]


def test_a_hub_that_stops_lets_its_jobs_say_goodbye_to_it(own_hub):
    client = own_hub.start()
    script = (
        f"import signal, sys, time\n{client.WHOAMI}\n"
        "def leave(*_): print('hub says', whoami()); sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, leave); print('ready'); time.sleep(60)"
    )
    running = client.run_python(script, secrets={"HF_TOKEN": client.api.token})
    waiting = client.run("true")
    client.wait_for_line(running, "ready")
    own_hub.end()
    assert own_hub.process.returncode == 0
    client = own_hub.start()
    status = client.inspect(running).status
    assert (status.stage, status.message) == ("CANCELED", "the hub stopped while it ran")
    status = client.inspect(waiting).status
    assert (status.stage, status.message) == ("CANCELED", "the hub stopped before it began")
    assert client.logs(running) == ["ready", "hub says local"]


def test_a_hub_that_was_killed_ends_its_orphans_when_it_is_started_again(own_hub):
    client = own_hub.start()
    running, waiting = client.run_python(STUBBORN, secrets={"KEY": "secret-value"}), client.run("true")
    client.wait_for_line(running, "ready")
    os.kill(own_hub.process.pid, signal.SIGKILL)
    own_hub.end()
    assert client.processes(running)
    client = own_hub.start()
    assert client.is_gone(running)
    status = client.inspect(running).status
    assert (status.stage, status.message) == ("CANCELED", "the hub stopped while it ran")
    status = client.inspect(waiting).status
    assert (status.stage, status.message) == ("CANCELED", "the hub stopped before it began")
    with pytest.raises(HfHubHTTPError, match="secrets of this job were forgotten"):
        client.api.rerun_job(job_id=running.id, namespace="local")
