"""One who asks for too much at once leaves something for the others."""

import asyncio
import sqlite3
from contextlib import ExitStack, closing

import pytest

from local_hub.app import create_app
from local_hub.config import HubConfig
from local_hub.errors import ApiError
from local_hub.jobs import runner
from local_hub.jobs.spec import parse_request
from local_hub.jobs.store import JobFilter
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


def test_jobs_are_listed_while_many_wait_to_be_recorded(tmp_path):
    app = create_app(HubConfig(tmp_path), "http://127.0.0.1:1")
    job = parse_request({"dockerImage": "python", "command": ["true"]})
    runner = app.state.runner

    async def list_while_others_submit() -> None:
        async with app.router.lifespan_context(app):
            with closing(sqlite3.connect(tmp_path / "hub.sqlite3", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                submitting = [asyncio.create_task(runner.submit("ada", job, {})) for _ in range(10)]
                await asyncio.sleep(0)
                listing = asyncio.to_thread(runner.store.newest, "ada", JobFilter(), 10)
                assert await asyncio.wait_for(listing, 10) == []
                other.execute("ROLLBACK")
            await asyncio.gather(*submitting)

    asyncio.run(list_while_others_submit())


def test_previews_that_wait_do_not_take_every_thread():
    with ExitStack() as stack:
        while parquet._places.acquire(blocking=False):
            stack.callback(parquet._places.release)
        assert parquet.read_parquet(b"")["note"] == parquet.TOO_BUSY
    assert parquet._places.acquire(blocking=False)
    parquet._places.release()
