"""One who asks for too much at once leaves something for the others."""

import asyncio
from contextlib import ExitStack

import pytest

from local_hub.app import create_app
from local_hub.config import HubConfig
from local_hub.errors import ApiError
from local_hub.jobs import runner
from local_hub.jobs.spec import parse_request
from local_hub.web import parquet


def test_a_namespace_whose_jobs_wait_in_great_number_gets_no_more_and_others_do(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "MOST_WAITING", 2)
    app = create_app(HubConfig(tmp_path, job_slots=0), "http://127.0.0.1:1")
    job = parse_request({"dockerImage": "python", "command": ["true"]})

    async def submit_all() -> None:
        for namespace in ("ada", "ada", "bob"):
            await app.state.runner.submit(namespace, job, {})
        with pytest.raises(ApiError, match="2 jobs of ada wait already; cancel some") as caught:
            await app.state.runner.submit("ada", job, {})
        assert caught.value.status == 429
        await app.state.runner.stop()

    asyncio.run(submit_all())
    app.state.database.close()


def test_previews_that_wait_do_not_take_every_thread():
    with ExitStack() as stack:
        while parquet._places.acquire(blocking=False):
            stack.callback(parquet._places.release)
        assert parquet.read_parquet(b"")["note"] == parquet.TOO_BUSY
    assert parquet._places.acquire(blocking=False)
    parquet._places.release()
