"""Runs in a browser: their phases, and a report that cannot act as the visitor."""

import json
import re

import pytest
from huggingface_hub import CommitOperationAdd

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def publish(api, name):
    """Commits files to a dataset repo of runs; the commit's id."""
    api.create_repo(name, repo_type="dataset")

    def commit(files):
        operations = [CommitOperationAdd(f"runs/{path}", content) for path, content in files.items()]
        return api.create_commit(name, operations, commit_message="Write", repo_type="dataset").oid

    return commit


def manifest(**phases):
    """Of a run that is newer than all others on the hub, so that lists begin with it."""
    return json.dumps(
        {"run_id": "r", "profile": HOSTILE, "created_at": "2126-01-02T03:04:05Z", "phases": phases}
    ).encode()


def report_at(repo_id, commit, path, repo_type="dataset"):
    reference = {"repo_id": repo_id, "repo_type": repo_type, "commit": commit, "path": path}
    return {"status": "succeeded", "outputs": {"report": reference}}


def test_a_run_shows_how_its_phases_stand(publish, name, visit):
    attempt = {"job_id": HOSTILE, "flavor": "t4-small", "started_at": "2026-01-02T03:04:05Z"}
    attempt["finished_at"] = "2026-01-02T03:06:10Z"
    publish(
        {
            "r/manifest.json": manifest(
                split={"status": "succeeded", "attempts": [attempt], "metrics": {"a": {"b": 0.123456}}},
                sft={"status": "running", "progress": {"step": 3, "total": 12}},
                grpo={"status": "failed", "error": HOSTILE},
            )
        }
    )
    page = visit().get(f"/runs/{name}/r").text
    assert '<p id="state" role="status" data-live>sft is running, grpo failed</p>' in page
    assert '<progress max="12" value="3" aria-label="Progress of sft">' in page
    assert "t4-small, 2 min 5 s" in page
    assert "<dt>a.b</dt><dd>0.1235</dd>" in page
    assert HOSTILE not in page
    for address in ("/", "/runs"):
        assert f'href="/runs/{name}/r"' in visit().get(address).text


def test_a_long_list_comes_in_pages_that_hold_every_run_once(publish, name, visit):
    publish({f"{number:03}/manifest.json": manifest() for number in range(101)})
    visitor, seen, address = visit(), [], "/runs"
    while address:
        page = visitor.get(address).text
        seen += re.findall(rf'href="/runs/{name}/(\d+)"', page)
        more = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"/runs{more[1]}" if more else None
    assert sorted(seen) == [f"{number:03}" for number in range(101)]


def test_what_is_no_manifest_is_left_out_and_harms_no_other(publish, name, visit):
    odd = {"status": 5, "attempts": [1, {"exit_code": "x"}], "progress": {"step": "1"}, "outputs": {"m": 3}}
    deep = json.loads("[" * 940 + "]" * 940)
    odd |= {"config": deep, "error": "x" * 900_000, "metrics": {str(n): n for n in range(9000)}}
    reference = {"repo_id": "a/\ud800", "repo_type": "model", "commit": "\ud800"}
    half = manifest(**{"\ud800": {"status": "\ud800", "outputs": {"\ud800": reference}}})
    odd |= {"inputs": {"javascript:alert(1)": {"repo_id": "a/b/c", "repo_type": "model", "commit": "x"}}}
    publish(
        {
            "good/manifest.json": manifest(split={}),
            "odd/manifest.json": manifest(split=odd, report={"outputs": {"report": {"repo_type": "space"}}}),
            "list/manifest.json": b"[]",
            "deep/manifest.json": b"[" * 100_000,
            "text/manifest.json": b"\xff\xfe",
            "none/other.json": b"{}",
            "half/manifest.json": half,
            "large/manifest.json": manifest(**{f"p{n}": {} for n in range(1000)}),
        }
    )
    listed = visit().get("/runs").text
    runs = ("good", "odd", "half", "list", "deep", "text", "none", "large")
    assert [run for run in runs if f"/runs/{name}/{run}" in listed] == ["good", "odd", "half"]
    assert visit().get(f"/runs/{name}/half").status_code == 200
    page = visit().get(f"/runs/{name}/odd")
    assert page.status_code == 200
    assert len(page.text) < 200_000
    for run in ("list", "deep", "text", "none", "large", "missing", "..%2Fruns%2Fgood"):
        assert visit().get(f"/runs/{name}/{run}").status_code == 404


def test_the_report_of_a_run_is_shown_in_a_sandbox_at_its_own_commit(publish, name, visit):
    sha = publish({"r/report/report.html": b"<p>first"})
    publish({"r/report/report.html": b"<p>second"})
    publish({"r/manifest.json": manifest(report=report_at(name, sha, "runs/r/report"))})
    page = visit().get(f"/runs/{name}/r").text
    address = f"/datasets/{name}/page/{sha}/runs/r/report/report.html"
    assert f'sandbox="allow-scripts" loading="lazy" src="{address}"' in page
    framed = visit().get(address)
    assert framed.text == "<p>first"
    assert framed.headers["content-security-policy"].startswith("sandbox allow-scripts;")


def test_runs_and_reports_of_private_repos_are_shown_to_their_owners_only(api, publish, name, visit, owner):
    secret = f"{name}-secret"
    api.create_repo(secret, repo_type="dataset", private=True)
    sha = api.upload_file(
        path_or_fileobj=b"x", path_in_repo="d/report.html", repo_id=secret, repo_type="dataset"
    ).oid
    publish({"r/manifest.json": manifest(report=report_at(secret, sha, "d"))})
    assert "<iframe" in owner.get(f"/runs/{name}/r").text
    assert "<iframe" not in visit("hf_ada").get(f"/runs/{name}/r").text
    api.update_repo_settings(name, repo_type="dataset", visibility="private")
    for visitor in (visit(), visit("hf_ada")):
        assert visitor.get(f"/runs/{name}/r").status_code == 404
        assert name not in visitor.get("/runs").text + visitor.get("/").text
    assert name in owner.get("/runs").text


def test_runs_behind_a_gate_are_shown_to_those_who_may_read_it(api, publish, name, visit, owner):
    publish({"r/manifest.json": manifest(split={"status": "running"})})
    api.update_repo_settings(name, repo_type="dataset", gated="manual")
    assert visit("hf_ada").get(f"/runs/{name}/r").status_code == 403
    assert name not in visit("hf_ada").get("/runs").text
    assert name in owner.get("/runs").text
