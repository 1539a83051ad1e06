"""What an owner of a repo or a job can write is text to the pages: no tag, no handler, no address of its own making."""

import io
import json
import struct
from html.parser import HTMLParser

import pyarrow
import pyarrow.parquet as parquet
import pytest
from huggingface_hub import CommitOperationAdd

pytestmark = pytest.mark.slow

EVIL = "\"'><x-evil onclick=alert(1)>{{7*7}}"
EVIL_REF = "\"'><x-evil/onclick=alert(1)>{{7}}"  # a ref has no spaces
LINKS = """[a](javascript:alert(1)) [b](JaVaScRiPt&#58;alert(1)) [c](data:text/html,x) [d][r] <javascript:alert(1)>
![e](javascript:alert(1)) ![f](" onerror="alert(1)) [g](<"onclick=alert(1) x>) [h](vbscript:x "t\\" onclick=1")
[i](\x01javascript:alert(1)) <x-evil onclick=alert(1)>

[r]: javascript:alert(1)
"""


class Reader(HTMLParser):
    """Notes the tags and attributes that no template of ours has."""

    def __init__(self):
        super().__init__()
        self.wrong = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "x-evil" or (tag == "script" and "src" not in values) or tag in ("style", "base", "object"):
            self.wrong.append(tag)
        for name, value in attributes:
            leads = (
                name in ("href", "src", "action", "formaction") and value and ":" in value.partition("/")[0]
            )
            away = leads and not value.startswith(("http://", "https://"))
            if name.startswith("on") or name in ("style", "srcdoc") or away:
                self.wrong.append(f"{tag} {name}={value}")


def wrong_in(text):
    reader = Reader()
    reader.feed(text)
    return reader.wrong


@pytest.fixture
def run_id(api, name):
    """The id of a run in a repo in which everything is hostile."""
    tensors = {EVIL: {"dtype": EVIL, "shape": [1], "data_offsets": [0, 4]}, "__metadata__": {EVIL: EVIL}}
    header = json.dumps(tensors).encode()
    table = io.BytesIO()
    parquet.write_table(pyarrow.table({EVIL: [EVIL], "nested": [{EVIL: [EVIL]}]}), table)
    reference = {"repo_id": f"a/{EVIL}", "repo_type": "model", "commit": EVIL, "path": EVIL}
    phase = {"status": EVIL, "error": EVIL, "metrics": {EVIL: EVIL}, "config": {EVIL: EVIL}}
    phase |= {
        "inputs": {EVIL: reference},
        "outputs": {EVIL: reference},
        "progress": {"step": EVIL, "total": 3},
    }
    phase |= {"attempts": [{"job_id": EVIL, "flavor": EVIL, "started_at": EVIL}]}
    manifest = {"profile": EVIL, "seed": EVIL, "code": EVIL, "created_at": "2126-01-02T03:04:05Z"}
    manifest |= {"source": {EVIL: reference}, "phases": {EVIL: phase}}
    card = f"---\nlicense: {json.dumps(EVIL)}\ntags: [{json.dumps(EVIL)}]\n---\n# {EVIL}\n{LINKS}"
    files = {
        "README.md": card.encode(),
        EVIL: EVIL.encode(),
        f"{EVIL}-folder/a.md": LINKS.encode(),
        "a.json": json.dumps({EVIL: EVIL}).encode(),
        "b.parquet": table.getvalue(),
        "c.safetensors": struct.pack("<Q", len(header)) + header + bytes(4),
        f"runs/{EVIL}/manifest.json": json.dumps(manifest).encode(),
    }
    api.create_repo(name, repo_type="dataset")
    additions = [CommitOperationAdd(*file) for file in files.items()]
    api.create_commit(name, additions, commit_message=EVIL, commit_description=EVIL, repo_type="dataset")
    api.create_branch(name, branch=EVIL_REF, repo_type="dataset")
    api.create_tag(name, tag=f"{EVIL_REF}-tag", repo_type="dataset")
    change = [CommitOperationAdd(EVIL, b"other")]
    api.create_commit(
        name, change, commit_message=EVIL, commit_description=EVIL, repo_type="dataset", create_pr=True
    )
    return EVIL


def test_pages_hold_no_tag_handler_or_address_that_an_owner_has_written(api, name, run_id, owner):
    api.create_bucket(name)
    api.batch_bucket_files(name, add=[(b"x", EVIL)])
    job = api.run_job(
        image=EVIL,
        command=["printf", "%s", f"\x1b]8;;javascript:alert(1)\x1b\\{EVIL}\x1b[31m\x9b"],
        namespace="local",
        env={"A": EVIL},
    )
    schedule = api.create_scheduled_job(
        image=EVIL, command=[EVIL], schedule="@yearly", namespace="local", env={"A": EVIL}, suspend=True
    )
    api.wait_for_job(job.id, namespace="local", poll_interval=0.05, timeout=30)
    todo = ["/", "/datasets", "/local", "/runs", "/jobs", "/scheduled-jobs", f"/buckets/{name}"]
    todo += [f"/jobs/local/{job.id}", f"/scheduled-jobs/local/{schedule.id}", f"/datasets/{name}"]
    todo += [f"/datasets/{name}/discussions", f"/datasets/{name}/commits/main"]
    todo += [
        f"/datasets?search={EVIL}",
        f"/login?next=/{EVIL}",
        f"/local/{EVIL}",
        f"/datasets/{name}/tree/{EVIL}",
    ]
    seen, shown = set(todo), 0
    while todo:
        page = owner.get(todo.pop())
        if not page.headers["content-type"].startswith("text/html") or "/page/" in str(page.url):
            continue
        assert wrong_in(page.text) == [], page.url
        assert "alert(1)&gt;49" not in page.text, page.url
        shown += "x-evil" in page.text
        for link in links_of(page.text):
            if name in link and link not in seen and not link.endswith("?download"):
                seen.add(link)
                todo.append(link)
    assert shown > 20
    api.delete_scheduled_job(scheduled_job_id=schedule.id, namespace="local")


def links_of(text):
    found = []

    class Links(HTMLParser):
        def handle_starttag(self, tag, attributes):
            href = dict(attributes).get("href")
            if tag == "a" and href and href.startswith("/"):
                found.append(href)

    Links().feed(text)
    return found
