"""Scheduled jobs through the official client, on a hub whose clock the tests set."""

import json
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, JobNotFoundError

HF = str(Path(sys.executable).parent / "hf")
# What the scheduler takes for the time is the machine's, and as much later as a file says.
SERVE = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from local_hub.config import HubConfig
from local_hub.schedules import scheduler
from local_hub.server import serve
directory, offset = map(Path, sys.argv[1:])
scheduler.time = SimpleNamespace(time=lambda: time.time() + float(offset.read_text() or 0))
scheduler.MAX_PAUSE_SECONDS = 0.05
serve(HubConfig(directory, cancel_grace_seconds=1))
"""
PATIENCE_SECONDS = 20


class Schedules:
    """The official client on a hub of one test, whose clock goes forward when told."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "hub"
        self._offset = folder / "offset"
        self._offset.write_text("0")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.directory), str(self._offset)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        url = self._process.stdout.readline().strip()
        self.api = HfApi(url, (self.directory / "token").read_text().strip())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._offset.read_text()))

    def set_clock(self, moment: datetime) -> None:
        new = self._offset.with_suffix(".new")
        new.write_text(str((moment - datetime.now(UTC)).total_seconds()))
        new.replace(self._offset)

    def create(self, *command: str, schedule: str = "@hourly", **options):
        options = {"image": "python:3.12", "namespace": "local"} | options
        command = command or ("echo", "hello")
        return self.api.create_scheduled_job(command=list(command), schedule=schedule, **options)

    def inspect(self, scheduled):
        return self.api.inspect_scheduled_job(scheduled_job_id=scheduled.id, namespace="local")

    def change(self, what: str, scheduled, **options):
        return getattr(self.api, what)(scheduled_job_id=scheduled.id, namespace="local", **options)

    def jobs_of(self, scheduled) -> list:
        jobs = self.api.list_jobs(namespace="local")
        return [
            job for job in jobs if (job.initiator.type, job.initiator.id) == ("scheduled-job", scheduled.id)
        ]

    def wait_for_jobs(self, scheduled, count: int) -> list:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(jobs := self.jobs_of(scheduled)) < count:
            assert time.monotonic() < deadline, f"{len(jobs)} of {count} jobs"
            time.sleep(0.02)
        return [self.wait(job) for job in jobs]

    def wait(self, job):
        return self.api.wait_for_job(job.id, namespace="local", timeout=PATIENCE_SECONDS, poll_interval=0.02)

    def pass_next_run(self, scheduled, late: timedelta = timedelta(seconds=1)) -> datetime:
        """Sets the clock past the next run; waits until the schedule has moved on, and returns when it was due."""
        due = self.inspect(scheduled).status.next_job_run_at
        self.set_clock(due + late)
        self.wait_until_moved_on(scheduled, due)
        return due

    def wait_until_moved_on(self, scheduled, due: datetime) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.inspect(scheduled).status.next_job_run_at == due:
            assert time.monotonic() < deadline, f"it is still due at {due}"
            time.sleep(0.02)


@pytest.fixture
def own(tmp_path):
    """A hub of the test's own, which it may kill."""
    hub = Schedules(tmp_path)
    yield hub
    if hub.is_running:
        hub.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    hub = Schedules(tmp_path_factory.mktemp("schedules"))
    yield hub
    hub.stop()


@pytest.fixture
def hub(shared):
    """A hub without scheduled jobs, and with nothing that runs."""
    yield shared
    for scheduled in shared.api.list_scheduled_jobs(namespace="local"):
        shared.change("delete_scheduled_job", scheduled)
    for job in shared.api.list_jobs(namespace="local", status=["SCHEDULING", "RUNNING"]):
        shared.api.cancel_job(job_id=job.id, namespace="local")
        shared.wait(job)


def test_a_scheduled_job_runs_when_it_is_due_and_again_when_it_is_next(hub):
    scheduled = hub.create(env={"A": "1"}, labels={"run": "r1"}, timeout="2m", name="nightly")
    assert hub.jobs_of(scheduled) == []
    first = hub.pass_next_run(scheduled)
    assert (first.minute, first.second) == (0, 0)
    [job] = hub.wait_for_jobs(scheduled, 1)
    assert (job.status.stage, job.command, job.environment) == ("COMPLETED", ["echo", "hello"], {"A": "1"})
    assert job.labels == {"run": "r1", "name": "nightly"}
    status = hub.inspect(scheduled).status
    assert (status.last_job.id, status.next_job_run_at) == (job.id, first + timedelta(hours=1))
    assert hub.pass_next_run(scheduled) == first + timedelta(hours=1)
    assert len(hub.wait_for_jobs(scheduled, 2)) == 2


def test_a_scheduled_job_tells_all_about_itself_and_is_listed_by_its_labels(hub):
    made = hub.create(
        "echo", "1", schedule="0 9 * * MON", secrets={"KEY": "hidden-value"}, labels={"team": "a"}, timeout=90
    )
    assert hub.inspect(made) == made
    assert (made.schedule, made.suspend, made.concurrency) == ("0 9 * * MON", False, False)
    assert (made.owner.name, made.owner.type, made.status.last_job) == ("local", "user", None)
    spec = made.job_spec
    assert (spec.docker_image, spec.command, spec.secrets) == ("python:3.12", ["echo", "1"], {"KEY": "***"})
    assert (spec.flavor, spec.timeout, spec.labels["team"]) == ("cpu-basic", 90, "a")
    other = hub.create(labels={"team": "b"}, suspend=True, concurrency=True)
    assert (other.suspend, other.concurrency, other.status.next_job_run_at) == (True, True, None)
    assert [job.id for job in hub.api.list_scheduled_jobs(namespace="local")] == [other.id, made.id]
    assert [job.id for job in hub.api.list_scheduled_jobs(namespace="local", labels={"team": "a"})] == [
        made.id
    ]
    changed = hub.change("update_scheduled_job_labels", made, labels={"new": "2"})
    assert changed.job_spec.labels == hub.inspect(made).job_spec.labels == {"new": "2"}


def test_what_is_suspended_does_not_run_until_it_is_resumed(hub):
    scheduled, other = hub.create(), hub.create()
    hub.change("suspend_scheduled_job", scheduled)
    assert hub.inspect(scheduled).suspend is True
    assert (
        hub.change("update_scheduled_job_schedule", scheduled, schedule="@daily").status.next_job_run_at
        is None
    )
    hub.pass_next_run(other)
    hub.wait_for_jobs(other, 1)
    assert hub.jobs_of(scheduled) == []
    hub.change("resume_scheduled_job", scheduled)
    resumed = hub.inspect(scheduled)
    assert (resumed.suspend, resumed.schedule) == (False, "@daily")
    assert resumed.status.next_job_run_at > hub.now
    hub.pass_next_run(scheduled)
    assert len(hub.wait_for_jobs(scheduled, 1)) == 1


def test_a_trigger_runs_it_at_once_and_leaves_its_schedule(hub):
    scheduled = hub.create()
    job = hub.change("trigger_scheduled_job", scheduled)
    assert hub.wait(job).status.stage == "COMPLETED"
    status = hub.inspect(scheduled).status
    assert (status.last_job.id, status.next_job_run_at) == (job.id, scheduled.status.next_job_run_at)


def test_without_concurrency_a_run_waits_for_no_one_and_is_left_out(hub):
    scheduled = hub.create("sleep", "60")
    running = hub.change("trigger_scheduled_job", scheduled)
    with pytest.raises(HfHubHTTPError, match="has not ended, and concurrency is off") as refusal:
        hub.change("trigger_scheduled_job", scheduled)
    assert refusal.value.response.status_code == 409
    hub.pass_next_run(scheduled)
    assert [job.id for job in hub.jobs_of(scheduled)] == [running.id]
    hub.api.cancel_job(job_id=running.id, namespace="local")
    hub.wait(running)
    hub.pass_next_run(scheduled)
    assert len(hub.jobs_of(scheduled)) == 2


def test_with_concurrency_runs_overlap(hub):
    scheduled = hub.create("sleep", "60", concurrency=True)
    hub.change("trigger_scheduled_job", scheduled)
    hub.pass_next_run(scheduled)
    assert [job.status.stage in ("SCHEDULING", "RUNNING") for job in hub.jobs_of(scheduled)] == [True, True]


def test_triggers_at_the_same_time_run_it_once(hub):
    scheduled = hub.create("sleep", "60")

    def trigger(_):
        try:
            return hub.change("trigger_scheduled_job", scheduled).id
        except HfHubHTTPError as error:
            return error.response.status_code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(trigger, range(4)))
    assert answers.count(409) == 3
    assert len(hub.jobs_of(scheduled)) == 1


def test_deleting_it_leaves_its_jobs(hub):
    scheduled = hub.create(secrets={"KEY": "hidden-value"})
    job = hub.wait(hub.change("trigger_scheduled_job", scheduled))
    hub.change("delete_scheduled_job", scheduled)
    assert hub.api.list_scheduled_jobs(namespace="local") == []
    assert [found.id for found in hub.jobs_of(scheduled)] == [job.id]
    assert list((hub.directory / "schedule-secrets").iterdir()) == []
    with pytest.raises(JobNotFoundError):
        hub.inspect(scheduled)


def test_a_time_that_passes_while_the_hub_is_killed_is_made_up_for_once_if_it_is_not_long_ago(own):
    often, hourly = own.create(schedule="* * * * *"), own.create()
    due = own.inspect(hourly).status.next_job_run_at
    own.kill()
    # An hour and two minutes: some sixty times of the one, and two of the other, the last of them just missed.
    own.set_clock(due + timedelta(minutes=62))
    own.start()
    [made_up] = own.wait_for_jobs(hourly, 1)
    assert made_up.status.stage == "COMPLETED"
    assert own.inspect(hourly).status.next_job_run_at == due + timedelta(hours=2)
    assert len(own.wait_for_jobs(often, 1)) == 1


def test_a_time_that_passed_long_ago_is_skipped(own):
    scheduled = own.create()
    due = own.inspect(scheduled).status.next_job_run_at
    own.stop()
    own.set_clock(due + timedelta(minutes=10))
    own.start()
    own.wait_until_moved_on(scheduled, due)
    assert own.inspect(scheduled).status.next_job_run_at == due + timedelta(hours=1)
    assert own.jobs_of(scheduled) == []


def test_a_clock_that_was_ahead_for_a_while_stops_no_schedule(own):
    scheduled = own.create()
    due = own.inspect(scheduled).status.next_job_run_at
    own.set_clock(due + timedelta(days=400, minutes=10))
    own.wait_until_moved_on(scheduled, due)
    own.set_clock(due - timedelta(minutes=1))
    own.wait_until_moved_on(scheduled, due + timedelta(days=400, hours=1))
    assert own.inspect(scheduled).status.next_job_run_at == due
    assert own.jobs_of(scheduled) == []


def test_a_clock_that_is_set_back_a_little_runs_nothing_twice(own):
    scheduled = own.create()
    due = own.pass_next_run(scheduled)
    own.wait_for_jobs(scheduled, 1)
    with sqlite3.connect(own.directory / "hub.sqlite3") as database:  # by the clock that the hub has here
        database.execute("UPDATE scheduled_jobs SET last_job_at = ?", (due.timestamp() + 1,))
    own.set_clock(due - timedelta(seconds=2))
    time.sleep(0.3)
    assert own.inspect(scheduled).status.next_job_run_at == due + timedelta(hours=1)
    assert len(own.jobs_of(scheduled)) == 1


def test_a_run_that_a_kill_cuts_off_is_not_run_again(own):
    scheduled = own.create("sleep", "60")
    own.set_clock(own.inspect(scheduled).status.next_job_run_at + timedelta(seconds=1))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (jobs := own.jobs_of(scheduled)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    own.kill()
    own.start()
    own.create()  # whatever the hub does at its start, it has done when this is answered
    [job] = own.jobs_of(scheduled)
    assert (job.id, job.status.stage) == (jobs[0].id, "CANCELED")


def test_secrets_outlive_the_hub_in_a_file_of_their_own_and_nowhere_else(own):
    script = "import os; print(os.environ['KEY'] == 'hidden' + '-value')"
    scheduled = own.create("python", "-c", script, secrets={"KEY": "hidden-value"})
    own.kill()
    own.start()
    job = own.wait(own.change("trigger_scheduled_job", scheduled))
    assert list(own.api.fetch_job_logs(job_id=job.id, namespace="local")) == ["True"]
    own.stop()
    holders = [
        path for path in own.directory.rglob("*") if path.is_file() and b"hidden-value" in path.read_bytes()
    ]
    assert holders == [own.directory / "schedule-secrets" / f"{scheduled.id}.json"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(holders[0].parent.stat().st_mode) == 0o700


def test_a_job_whose_secrets_are_gone_does_not_run_and_says_why(hub):
    scheduled = hub.create("sleep", "0", secrets={"KEY": "hidden-value"})
    for path in (hub.directory / "schedule-secrets").iterdir():
        path.unlink()
    with pytest.raises(HfHubHTTPError, match=r"the values of its secrets \(KEY\) are gone"):
        hub.change("trigger_scheduled_job", scheduled)
    hub.pass_next_run(scheduled)
    [job] = hub.wait_for_jobs(scheduled, 1)
    assert (job.status.stage, job.started_at) == ("ERROR", None)
    assert job.status.message.startswith("the values of its secrets (KEY) are gone from the hub's folder")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"schedule": "61 * * * *"}, "'61' as its minute, which takes 0-59"),
        ({"schedule": "sometimes"}, "has 1 fields"),
        ({"flavor": "toaster"}, "There is no hardware 'toaster'"),
        ({"suspend": "yes"}, "'suspend' must be true or false"),
    ],
)
def test_a_mistake_is_refused_with_its_name_and_nothing_is_kept(hub, options, complaint):
    with pytest.raises(HfHubHTTPError, match=complaint) as refusal:
        hub.create(secrets={"KEY": "hidden-value"}, **options)
    assert refusal.value.response.status_code == 400
    assert hub.api.list_scheduled_jobs(namespace="local") == []


def test_a_wrong_new_schedule_leaves_the_old_one(hub):
    scheduled = hub.create()
    with pytest.raises(HfHubHTTPError, match="There is no schedule '@never'"):
        hub.change("update_scheduled_job_schedule", scheduled, schedule="@never")
    assert hub.inspect(scheduled) == scheduled


def test_hf_jobs_scheduled_creates_lists_and_triggers(hub, tmp_path):
    environment = {
        "HF_ENDPOINT": hub.api.endpoint,
        "HF_TOKEN": hub.api.token,
        "HF_HOME": str(tmp_path / "home"),
    }
    environment |= {"PATH": str(Path(HF).parent), "NO_PROXY": "127.0.0.1"}

    def hf(*arguments):
        command = [HF, "jobs", "scheduled", *arguments]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return result.stdout

    hf("run", "0 9 * * 1", "--name", "weekly", "python:3.12", "echo", "hello")
    [listed] = json.loads(hf("ls", "--format", "json"))
    assert (listed["name"], listed["schedule"], listed["suspend"]) == ("weekly", "0 9 * * 1", False)
    hf("trigger", listed["id"])
    [scheduled] = hub.api.list_scheduled_jobs(namespace="local")
    assert [job.status.stage for job in hub.wait_for_jobs(scheduled, 1)] == ["COMPLETED"]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["process"], indirect=True)
def test_by_the_real_clock_it_runs_at_the_full_minute(own_hub):
    client = own_hub.start()
    scheduled = client.api.create_scheduled_job(
        image="i", command=["true"], schedule="* * * * *", namespace="local"
    )
    due = scheduled.status.next_job_run_at
    deadline = time.monotonic() + 90
    while not (jobs := list(client.api.list_jobs(namespace="local"))):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert timedelta(0) <= jobs[0].created_at - due < timedelta(seconds=5)


def test_another_user_sees_and_touches_none_of_it(hub):
    scheduled = hub.create()
    stranger = HfApi(hub.api.endpoint, "hf_stranger")
    for call in (
        stranger.inspect_scheduled_job,
        stranger.trigger_scheduled_job,
        stranger.delete_scheduled_job,
    ):
        with pytest.raises(HfHubHTTPError) as refusal:
            call(scheduled_job_id=scheduled.id, namespace="local")
        assert refusal.value.response.status_code == 401
    assert hub.inspect(scheduled) == scheduled


def test_the_database_knows_the_names_of_secrets_only(own):
    own.create(secrets={"KEY": "hidden-value"})
    own.stop()
    with sqlite3.connect(own.directory / "hub.sqlite3") as database:
        dump = "\n".join(database.iterdump())
    assert "KEY" in dump
    assert "hidden-value" not in dump
