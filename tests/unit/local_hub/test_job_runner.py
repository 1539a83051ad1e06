"""Jobs that cannot begin, and jobs that a hub leaves behind."""

import asyncio
import os
import secrets
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from local_hub.app import create_app
from local_hub.config import HubConfig
from local_hub.database import Database
from local_hub.jobs.executors.base import ExecutorError
from local_hub.jobs.executors.mount_paths import with_folders
from local_hub.jobs.folder import JobFolder
from local_hub.jobs.info import describe_job
from local_hub.jobs.leftovers import end_leftovers
from local_hub.jobs.log import JobLog
from local_hub.jobs.processes import find_processes, kill_job
from local_hub.jobs.spec import parse_request
from local_hub.jobs.store import JobStore
from local_hub.jobs.volumes import Mount, Volume
from local_hub.server import _Server

JOB = parse_request({"dockerImage": "python", "command": ["true"]})
NOBODY = 65534


@pytest.fixture
def app(tmp_path):
    app = create_app(HubConfig(tmp_path), "http://127.0.0.1:1")
    yield app
    app.state.database.close()


def run(app, command, **body):
    """The job when it has ended."""
    runner, job = app.state.runner, parse_request({"dockerImage": "python", "command": command, **body})

    async def submit_and_follow():
        record = await runner.submit("local", job, {})
        async for _ in runner.log(record.id).stream(None):
            pass
        return runner.store.find(record.id)

    return asyncio.run(asyncio.wait_for(submit_and_follow(), 10))


def test_a_job_whose_folder_cannot_be_made_ends_and_says_so(app, tmp_path):
    (tmp_path / "jobs").write_text("in the way")
    ended = run(app, ["true"])
    assert (ended.stage, ended.message) == ("ERROR", "its folder cannot be made: Not a directory")


def test_a_job_that_fills_the_disk_with_its_log_ends_before_the_hub_has_no_room(tmp_path):
    app = create_app(HubConfig(tmp_path, keep_free_bytes=2**60), "http://127.0.0.1:1")
    quiet, loud = (run(app, command) for command in (["true"], ["yes"]))
    app.state.database.close()
    assert quiet.stage == "COMPLETED"
    assert loud.stage == "ERROR"
    assert loud.message == "cannot write its log: less than 1152921.5 TB of the hub's disk are free"


def test_a_job_that_is_cancelled_as_soon_as_it_is_recorded_does_not_begin(app):
    runner = app.state.runner
    record = runner.store.add("local", JOB.spec, {}, {})

    async def cancel_and_begin() -> None:
        await runner.cancel(record.id)
        await runner.begin(record, {})

    asyncio.run(cancel_and_begin())
    assert runner.store.find(record.id).stage == "CANCELED"


def test_a_thousand_jobs_that_a_killed_hub_had_not_begun_do_not_delay_its_next_start(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    store = JobStore(database)
    with database.write() as db:
        for _ in range(1000):
            store.insert(db, "local", JOB.spec, {}, {})
    before = time.process_time()
    end_leftovers(store, HubConfig(tmp_path))
    assert time.process_time() - before < 3, "to look for the processes of each takes 10 s"
    assert store.unfinished() == []
    database.close()


def test_a_process_without_an_environment_is_found_by_its_jobs_session_also_by_the_next_hub():
    variables = {"PATH": os.environ["PATH"], "JOB_ID": secrets.token_hex(8)}
    script = "env -i sleep 600 & echo $!; sleep 600"
    with subprocess.Popen(
        ["sh", "-c", script], env=variables, start_new_session=True, stdout=subprocess.PIPE
    ) as job:
        hidden = int(job.stdout.readline())
        assert hidden in {process.pid for process in find_processes(variables["JOB_ID"])}
        kill_job(variables["JOB_ID"])
        assert job.wait() == -signal.SIGKILL


@pytest.fixture
def open_folder():
    """An empty folder that every user can enter; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_read_only_folders_that_a_job_leaves_go_with_it(open_folder):
    folder = JobFolder(open_folder, "job")
    cache = folder.work / "cache" / "module"
    cache.mkdir(parents=True)
    (cache / "file").write_text("text")
    for path in (folder.root, *folder.root.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o500 if path in (cache, cache.parent) else 0o700)
    _as_nobody(folder.clear)
    assert list(folder.root.iterdir()) == []


def _as_nobody(call) -> None:
    """To root, nothing is read-only."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            call()
            code = 0
        finally:  # whatever happens: beyond this, it would go on as a second pytest
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_a_folder_that_begins_like_the_mount_path_of_another_volume_is_left_alone(tmp_path):
    mounts = [
        Mount(Volume("bucket", "local/b", path), tmp_path / "jobs" / str(number))
        for number, path in enumerate(["/data", f"/{tmp_path.parts[1]}"])
    ]
    assert with_folders("--in=/data/x", mounts) == f"--in={tmp_path}/jobs/0/x"
    assert with_folders("/database /mydata/data ./data", mounts) == "/database /mydata/data ./data"


@pytest.fixture
def mounts(app, tmp_path):
    """An empty bucket that a job may write to, at /out."""
    with app.state.database.write() as db:
        db.execute("INSERT INTO buckets (namespace, name, private, created_at) VALUES ('local', 'b', 0, '')")
    return app.state.runner._volumes.lay_out([Volume("bucket", "local/b", "/out")], tmp_path / "volumes")


def test_what_a_thread_says_is_written_by_the_event_loop_that_wakes_the_readers(app, tmp_path, monkeypatch):
    append, writers = JobLog.append, set()

    def append_and_note(log, lines):
        writers.add(threading.get_ident())
        append(log, lines)

    monkeypatch.setattr(JobLog, "append", append_and_note)
    with app.state.database.write() as db:
        db.execute("INSERT INTO buckets (namespace, name, private, created_at) VALUES ('local', 'b', 0, '')")
    volume = {"type": "bucket", "source": "local/b", "mountPath": "/out"}
    ended = run(app, ["sh", "-c", "echo 42 > $1", "sh", "/out/result"], volumes=[volume])
    assert (ended.stage, ended.message) == ("COMPLETED", None)
    assert "saved /out to local/b: 1 changed" in (tmp_path / "jobs" / ended.id / "log.jsonl").read_text()
    assert writers == {threading.get_ident()}


def test_a_bucket_that_the_database_does_not_take_is_a_reason_and_no_crash(app, mounts):
    (mounts[0].folder / "result").write_text("42")
    with app.state.database.write() as db:
        db.execute("DROP TABLE bucket_files")
    with pytest.raises(ExecutorError, match="cannot save /out to local/b: no such table"):
        app.state.runner._volumes.save(mounts, print)


def test_files_that_a_job_removes_while_they_are_saved_stop_no_others(app, mounts):
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            for number in range(20):
                (mounts[0].folder / str(number)).touch()
            for number in range(20):
                (mounts[0].folder / str(number)).unlink()

    job = threading.Thread(target=come_and_go)
    job.start()
    try:
        for number in range(10):
            (mounts[0].folder / f"kept-{number}").touch()
            app.state.runner._volumes.save(mounts, lambda text: None)
    finally:
        ended.set()
        job.join()
    with app.state.database.read() as db:
        saved = [row["path"] for row in db.execute("SELECT path FROM bucket_files WHERE path LIKE 'kept-%'")]
    assert len(saved) == 10


def test_no_duration_is_negative_where_the_clock_was_set_back(tmp_path):
    database = Database(tmp_path / "hub.sqlite3")
    job = JobStore(database).add("local", JOB.spec, {}, {})
    set_back = replace(job, started_at=job.created_at - 60, finished_at=job.created_at - 90)
    durations = describe_job(set_back)["durations"]
    assert durations == {"schedulingSecs": 0, "runningSecs": 0, "totalSecs": 0}
    database.close()


def test_a_hub_that_cannot_record_the_end_of_its_jobs_ends_all_the_same(app, monkeypatch):
    async def fail() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(app.state.runner, "stop", fail)
    server = _Server(app, "http://127.0.0.1:1")

    async def stop_while_it_serves() -> None:
        serving = asyncio.create_task(server.main_loop())
        with pytest.raises(sqlite3.OperationalError):
            await server._stop()
        await serving

    asyncio.run(asyncio.wait_for(stop_while_it_serves(), 10))
    assert server.should_exit
