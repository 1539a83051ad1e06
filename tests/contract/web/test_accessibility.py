"""Every kind of page, looked at by axe-core: names, landmarks, headings, tables, keyboard, contrast; and on a phone."""

import io
import json

import pyarrow
import pyarrow.parquet as parquet
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from huggingface_hub import CommitOperationAdd

pytestmark = pytest.mark.slow

DESK, PHONE = {"width": 1100, "height": 800}, {"width": 390, "height": 844}
LONG = "x" * 150
README = f"""---
license: mit
---
# Title {LONG}
Some [link](a.txt), `{LONG}`.

## Use
```python
x = "{LONG}"
```
|a||
|-|-:|
|{LONG}|1|
""".encode()
EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FIND = """(rules) => axe.run(document, {resultTypes: ["violations"], runOnly: rules}).then((found) => found.violations
  .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`)))"""


@pytest.fixture
def addresses(api, name):
    """A page of each kind, with names and texts that are long."""
    api.create_repo(name, repo_type="dataset")
    table = io.BytesIO()
    parquet.write_table(pyarrow.table({"question": [LONG, "b c " * 50], "answer": [1, 2]}), table)
    reference = {"repo_id": name, "repo_type": "dataset", "commit": "a" * 40}
    job = api.run_job(
        image="i", command=["sh", "-c", f"echo {LONG}; exit 3"], namespace="local", env={"A": LONG}
    )
    attempt = {"job_id": job.id, "flavor": "cpu-basic"}
    phases = {
        "split": {
            "status": "succeeded",
            "outputs": {"d": reference},
            "metrics": {"rows": 5},
            "config": {"a": 1},
        },
        "sft": {"status": "running", "progress": {"step": 1, "total": 9}, "attempts": [attempt]},
        "grpo": {"status": "interrupted"},
        "eval": {"status": "failed", "error": LONG},
        "report": {"status": "pending"},
    }
    manifest = {"created_at": "2126-01-02T03:04:05Z", "phases": phases}
    files = {
        "README.md": README,
        "a.txt": b"1\n",
        f"{LONG}.txt": b"1\n",
        "b.json": b'{"a":[1]}',
        "c.bin": b"\0",
    }
    files |= {"d.html": b"<!doctype html><html lang=en><title>t</title><main><h1>h</h1></main>"}
    files |= {"e.parquet": table.getvalue(), "runs/r/manifest.json": json.dumps(manifest).encode()}
    api.create_commit(
        name, [CommitOperationAdd(*file) for file in files.items()], commit_message=LONG, repo_type="dataset"
    )
    changes = [CommitOperationAdd("a.txt", b"2\n"), CommitOperationAdd("new.txt", b"n\n")]
    sha = api.create_commit(name, changes, commit_message="Change", repo_type="dataset").oid
    changes = [CommitOperationAdd("a.txt", b"3\n")]
    api.create_commit(name, changes, commit_message="Propose", repo_type="dataset", create_pr=True)
    api.create_bucket(name)
    api.batch_bucket_files(name, add=[(b"x", f"run/{LONG}.txt")])
    schedule = api.create_scheduled_job(
        image="i", command=["true", LONG], schedule="@yearly", namespace="local"
    )
    repo = f"/datasets/{name}"
    yield [
        *("/", "/models?search=none", "/datasets", "/local", "/login", "/local/none", "/jobs/nobody"),
        *(
            repo,
            f"{repo}/discussions",
            f"{repo}/discussions/1",
            f"{repo}/commits/main",
            f"{repo}/commit/{sha}",
        ),
        f"{repo}/page/main/d.html",
        *(f"{repo}/blob/main/{path}" for path in files if path not in ("a.txt", "runs/r/manifest.json")),
        *("/runs", f"/runs/{name}/r", f"/buckets/{name}", f"/buckets/{name}/tree/run"),
        *("/jobs", f"/jobs/local/{job.id}", "/scheduled-jobs", f"/scheduled-jobs/local/{schedule.id}"),
    ]
    api.delete_scheduled_job(scheduled_job_id=schedule.id, namespace="local")


def faults(page):
    """What is wrong with a page in the light on a desk, and in the dark on a phone."""
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(FIND, EVERYTHING)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    found += page.evaluate(FIND, ["color-contrast", "scrollable-region-focusable"])
    width = page.evaluate("document.documentElement.scrollWidth")
    return [*found, *(["wider than a phone"] if width > PHONE["width"] else [])]


def test_every_kind_of_page_can_be_used_by_everyone(hub, addresses, open_page):
    page, found = open_page("/"), {}
    for address in addresses:
        page.goto(hub.url + address)
        found |= {address: wrong} if (wrong := faults(page)) else {}
    assert found == {}
    assert [text for text in page.complaints if "the server responded with a status of 40" not in text] == []
