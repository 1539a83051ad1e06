"""Every route that the hub has, asked by those who may not: nothing private is told, and nothing is changed.

The routes are the app's own, so that a new one is asked too; what it may answer to strangers has to be said here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from serving import serve_hub

from local_hub.app import create_app
from local_hub.config import HubConfig

USERS = """
[[users]]
name = "ada"
token = "hf_ada"
organizations = ["engines"]
[[users]]
name = "bob"
token = "hf_bob"
[[organizations]]
name = "engines"
"""
SECRET = "only-ada-reads-this"
STRANGERS = {"nobody": None, "bob": "hf_bob"}
# What strangers may ask, too: it tells of what is public, or of the one who asks.
OPEN = {
    "GET /", "GET /{type}", "GET /{namespace}", "GET /runs", "GET /login", "GET /healthz",
    "GET /-/web/{asset}", "GET /api/{type}", "GET /api/spaces", "GET /api/jobs/hardware",
    "GET /api/telemetry/{topic}", "POST /v1/telemetry", "POST /api/validate-yaml", "GET /api/users/{user}/likes",
}  # fmt: skip
# Of those, what only somebody with a token may.
OF_USERS = {
    "GET /api/whoami-v2", "GET /api/settings/repositories", "GET /jobs", "GET /api/local-hub/executor",
    "POST /login-code", "GET /scheduled-jobs",
    "GET /api/organizations/{namespace}/settings/repositories",
}  # fmt: skip
VALUES = {
    "type": "models", "revision": "main", "path": "secret.txt", "branch": "main", "number": "1", "user": "ada",
    "status": "pending", "asset": "style.css", "hash": "0" * 64, "session": "xet-0", "version": "v1", "run": "first",
    "topic": "x", "rest": "x", "action": "run",
}  # fmt: skip
BODIES = {
    "create": {"name": "closed", "organization": "ada", "visibility": "public"},
    "delete": {"name": "closed", "organization": "ada"},
    "move": {"fromRepo": "ada/closed", "toRepo": "bob/mine", "type": "model"},
    "settings": {"visibility": "public", "gated": False},
    "preupload": {"files": [{"path": "secret.txt", "size": 1, "sample": ""}]},
    "tag": {"tag": "v9"},
    "super-squash": {"message": "x"},
    "discussions": {"title": "x", "pullRequest": True},
    "status": {"status": "closed"},
    "grant": {"user": "bob"},
    "handle": {"user": "bob", "status": "accepted"},
    "lfs-files": {"deletions": {"sha": [], "rewriteHistory": True}},
    "duplicate": {"target": {"type": "model", "name": "bob/mine"}, "files": []},
    "objects": {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}]},
    "verify": {"oid": "0" * 64, "size": 1},
    "jobs": {"command": ["true"], "dockerImage": "python", "labels": {"name": "x"}},
    "scheduled-jobs": {"jobSpec": {"command": ["true"], "dockerImage": "python"}, "schedule": "@daily"},
    "schedule": {"schedule": "@daily"},
    "labels": {"labels": {"a": "b"}},
    "validate-yaml": {"content": ""},
    "buckets": {"private": False},
    "paths-info": {"paths": ["secret.txt"]},
    "gc": {"older_than_seconds": 7200},
}
LINES = {
    "commit": [
        {"key": "header", "value": {"summary": "x"}},
        {"key": "deletedFile", "value": {"path": "secret.txt"}},
    ],
    "batch": [{"type": "deleteFile", "path": "secret.txt"}],
}
CLIENT = httpx2.Client()
PARAMETER = re.compile(r"(\{\w+):\w+\}")


def routes_of(directory) -> Iterator[str]:
    app = create_app(HubConfig(directory), "http://127.0.0.1:1")
    app.state.database.close()
    for route in app.routes:
        if not route.endpoint.__name__.startswith("refuse_"):
            for method in sorted(route.methods - {"HEAD"}):
                path = route.path.replace("{type:dataset}", "datasets")
                yield f"{method} {PARAMETER.sub(lambda found: found[1] + '}', path)}"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Ada has one of everything, and nothing of it is public."""
    users = tmp_path_factory.mktemp("users") / "users.toml"
    users.write_text(USERS)
    with serve_hub(
        tmp_path_factory.mktemp("hub"), tmp_path_factory.mktemp("home"), "--users", str(users)
    ) as hub:
        yield hub


@pytest.fixture(scope="module")
def names(hub) -> dict[str, str]:
    """Of Ada's job, and of her scheduled job."""
    ada = HfApi(hub.url, "hf_ada")
    for repo_type in ("model", "dataset"):
        fill(ada, "ada/closed", repo_type, SECRET)
        fill(ada, "ada/gated", repo_type, "Said to all")
        ada.update_repo_settings("ada/closed", repo_type=repo_type, visibility="private")
        ada.update_repo_settings("ada/gated", repo_type=repo_type, gated="manual")
    ada.create_bucket("ada/closed", private=True)
    ada.batch_bucket_files("ada/closed", add=[(SECRET.encode(), "secret.txt")])
    given = {"image": "python", "command": ["echo", SECRET], "env": {"A": SECRET}, "secrets": {"B": SECRET}}
    job = ada.run_job(**given, namespace="ada")
    scheduled = ada.create_scheduled_job(**given, schedule="@yearly", namespace="ada")
    ada.wait_for_job(job.id, namespace="ada")
    return {"jobs": job.id, "scheduled-jobs": scheduled.id}


def fill(ada: HfApi, repo: str, repo_type: str, message: str) -> None:
    ada.create_repo(repo, repo_type=repo_type)
    manifest = json.dumps({"phases": {"sft": {"status": SECRET}}}).encode()
    readme = f"---\nlicense: mit\n---\n{SECRET}".encode()
    files = {"secret.txt": SECRET.encode(), "README.md": readme, "runs/first/manifest.json": manifest}
    adds = [CommitOperationAdd(path, content) for path, content in files.items()]
    ada.create_commit(repo, adds, commit_message=message, repo_type=repo_type)
    ada.create_pull_request(repo, title=message, repo_type=repo_type)


def ask(
    hub, names, route: str, token: str | None, repo_type: str = "models", name: str = "closed"
) -> httpx2.Response:
    """The request that the route is for, about what is Ada's."""
    method, path = route.split(" ")
    parts = path.split("/")
    job_id = next((names[part] for part in parts if part in names), "")
    values = VALUES | {
        "namespace": "ada",
        "name": "closed",
        "type": repo_type,
        "job_id": job_id,
        "schedule_id": job_id,
    }
    key = next((part for part in reversed(parts) if part in BODIES or part in LINES), "")
    lines = LINES.get(key, [BODIES.get(key, {})])
    content = "\n".join(map(json.dumps, lines))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if key == "paths-info" and "buckets" not in parts:
        content, headers["Content-Type"] = "paths=secret.txt", "application/x-www-form-urlencoded"
    return CLIENT.request(
        method, hub.url + path.format(**values), headers=headers, content=None if method == "GET" else content
    )


@pytest.mark.parametrize("name", ["closed", pytest.param("gated", marks=pytest.mark.slow)])
@pytest.mark.parametrize("stranger", STRANGERS)
def test_no_route_tells_a_stranger_anything_private_or_lets_them_change_it(
    hub, names, tmp_path, stranger, name
):
    allowed = OPEN | (OF_USERS if stranger == "bob" else set())
    before = state(hub)
    wrong = []
    for route in routes_of(tmp_path / "another"):
        for repo_type in ("models", "datasets") if "{type}" in route else ("models",):
            answer = ask(hub, names, route, STRANGERS[stranger], repo_type, name)
            failed = answer.status_code >= 500 and answer.status_code != 501
            # That a gated repo is there, and what is in it, everybody may know.
            read = name == "gated" and (route.startswith("GET ") or "paths-info" in route or "/like" in route)
            if SECRET in answer.text or failed or (answer.is_success and route not in allowed and not read):
                wrong.append((route, answer.status_code, answer.text[:200]))
    assert wrong == []
    assert state(hub) == before


def test_the_same_requests_are_answered_when_ada_sends_them(hub, names, tmp_path):
    """Or the test above would show nothing."""
    reading = [route for route in routes_of(tmp_path / "another") if route.startswith("GET /api/")]
    answers = {route: ask(hub, names, route, "hf_ada") for route in reading}
    assert [route for route, answer in answers.items() if answer.status_code in (401, 403)] == []
    assert len([route for route, answer in answers.items() if SECRET in answer.text]) >= 6


def state(hub) -> object:
    """What Ada has."""
    ada = HfApi(hub.url, "hf_ada")
    repos = [
        (repo.id, repo.private, repo.sha, ada.list_repo_refs(repo.id, repo_type=repo_type))
        for repo_type, repos in (("model", ada.list_models()), ("dataset", ada.list_datasets()))
        for repo in repos
    ]
    jobs = [(job.id, job.status.stage, job.labels) for job in ada.list_jobs(namespace="ada")]
    scheduled = [(job.id, job.suspend, job.schedule) for job in ada.list_scheduled_jobs(namespace="ada")]
    bucket = ada.bucket_info("ada/closed")
    files = [file.path for file in ada.list_bucket_tree("ada/closed")]
    return repos, jobs, scheduled, bucket.private, files
