"""Scheduled jobs in a browser: when they run, what they ran, and their buttons."""

import pytest
from huggingface_hub.errors import HfHubHTTPError

HOSTILE = "<script>alert(1)</script>"
FOREIGN = {"origin": "http://evil.example"}


@pytest.fixture
def scheduled(api):
    """A scheduled job that is not due within the test."""
    made = api.create_scheduled_job(
        image="i",
        command=["sh", "-c", f"echo '{HOSTILE}'"],
        schedule="0 0 1 1 *",
        namespace="local",
        env={"NOTE": HOSTILE},
        secrets={"KEY": "a-very-secret-value"},
        labels={"name": HOSTILE[1:7]},
    )
    yield made
    if any(job.id == made.id for job in api.list_scheduled_jobs(namespace="local")):
        api.delete_scheduled_job(scheduled_job_id=made.id, namespace="local")


def state(api, scheduled):
    return api.inspect_scheduled_job(scheduled_job_id=scheduled.id, namespace="local")


def test_it_is_listed_with_its_next_time_and_says_nothing_of_its_secrets(api, scheduled, owner):
    address = f"/scheduled-jobs/local/{scheduled.id}"
    page = owner.get(address)
    assert page.status_code == 200
    next_run = state(api, scheduled).status.next_job_run_at
    assert f'<time datetime="{next_run.isoformat()}"' in page.text
    for text in (page.text, owner.get("/scheduled-jobs").text, owner.get("/scheduled-jobs/local").text):
        assert scheduled.id in text
        assert "<code>0 0 1 1 *</code>" in text
        assert HOSTILE not in text
        assert "a-very-secret-value" not in text
    assert f'href="{address}"' in owner.get("/scheduled-jobs").text
    assert 'href="/scheduled-jobs"' in owner.get("/jobs").text


def test_its_buttons_suspend_resume_run_and_delete_it(api, scheduled, owner):
    address = f"/scheduled-jobs/local/{scheduled.id}"
    assert owner.post(f"{address}/suspend").headers["location"] == address
    assert state(api, scheduled).suspend
    page = owner.get(address).text
    assert "suspended" in page
    assert f'action="{address}/resume"' in page
    assert owner.post(f"{address}/resume").headers["location"] == address
    assert not state(api, scheduled).suspend
    job = owner.post(f"{address}/run").headers["location"]
    assert f'<a href="{address}">' in owner.get(job).text
    assert f'href="{job}"' in owner.get(address).text
    api.wait_for_job(job.rpartition("/")[2], namespace="local", poll_interval=0.05, timeout=30)
    assert owner.post(f"{address}/delete").headers["location"] == "/scheduled-jobs"
    with pytest.raises(HfHubHTTPError, match="404"):
        state(api, scheduled)
    assert owner.get(address).status_code == 404
    assert owner.get(job).status_code == 200


def test_only_its_own_page_sent_by_who_may_use_its_namespace_changes_it(api, scheduled, visit, owner):
    address = f"/scheduled-jobs/local/{scheduled.id}"
    ada, nobody = visit("hf_ada"), visit()
    for action in ("suspend", "resume", "run", "delete"):
        assert [visitor.post(f"{address}/{action}").status_code for visitor in (ada, nobody)] == [403, 401]
        assert owner.post(f"{address}/{action}", headers=FOREIGN).status_code == 403
        assert ada.post(f"/scheduled-jobs/ada/{scheduled.id}/{action}").status_code == 404
    assert owner.post(f"{address}/explode").status_code == 404
    assert [visitor.get(address).status_code for visitor in (ada, nobody)] == [403, 401]
    assert scheduled.id not in ada.get("/scheduled-jobs").text
    assert nobody.get("/scheduled-jobs").status_code == 401
    found = state(api, scheduled)
    assert (found.suspend, found.status.last_job) == (False, None)
