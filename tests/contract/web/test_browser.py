"""The pages in headless Chromium: what comes by itself, what the keyboard reaches, and what a repo's page may do."""

import json

import pytest
from huggingface_hub import CommitOperationAdd
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

# Everything that a page from a repo might try against the one who looks at it.
ATTACK = """<!doctype html><title>x</title><p id="done"></p><script>
const seen = [];
const attempt = async (name, action) => {
  try { await action(); seen.push(name); } catch { /* refused */ }
};
(async () => {
  await attempt("cookie", () => { if (!document.cookie) throw 1; });
  await attempt("storage", () => localStorage.setItem("a", "b"));
  await attempt("parent", () => { if (parent === window || !parent.document.body) throw 1; });
  await attempt("top", () => { if (top === window) throw 1; top.location = "ORIGIN/login?stolen"; });
  await attempt("read", () => fetch("ORIGIN/jobs", { credentials: "include" }));
  await attempt("send", () => fetch("ORIGIN/logout", { method: "POST", credentials: "include", mode: "no-cors" }));
  await attempt("popup", () => { if (!window.open("ORIGIN/jobs")) throw 1; });
  const form = document.createElement("form");
  form.method = "post"; form.action = "ORIGIN/logout"; document.body.append(form); form.submit();
  await new Promise((resolve) => setTimeout(resolve, 300));
  document.getElementById("done").textContent = "did: " + seen.join(" ");
})();
</script>"""


@pytest.fixture
def job(api):
    """A job that writes a line now and then until it is cancelled."""
    script = 'i=0; while true; do i=$((i+1)); echo "line $i <b>"; sleep 0.1; done'
    job = api.run_job(image="i", command=["sh", "-c", script], namespace="local")
    api.wait_for_job(job.id, namespace="local", stages=["RUNNING"], poll_interval=0.05, timeout=30)
    yield job
    api.cancel_job(job_id=job.id, namespace="local")


def write(api, name, files, repo_type="dataset"):
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit(name, operations, commit_message="Write", repo_type=repo_type).oid


def test_a_log_comes_by_itself_and_the_keyboard_cancels_its_job(open_page, job):
    page = open_page(f"/jobs/local/{job.id}")
    for line in ("line 5 <b>", "line 25 <b>"):
        expect(page.locator("#log")).to_contain_text(line, timeout=20_000)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Cancel this job":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_contain_text("CANCELED", timeout=20_000)
    expect(page.locator("#cancel button")).to_have_count(0)
    lines = page.locator("#log").inner_text().split("\n")
    numbers = [int(line.split()[1]) for line in lines if line.startswith("line ")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert page.complaints == []


def test_a_log_is_there_without_javascript(open_page, job):
    page = open_page(f"/jobs/local/{job.id}", java_script_enabled=False)
    expect(page.locator("#state")).to_contain_text("RUNNING")
    page.get_by_role("button", name="Cancel this job").click()
    for _ in range(100):
        if "CANCELED" in page.locator("#state").inner_text():
            break
        page.reload()
    assert "CANCELED" in page.locator("#state").inner_text()
    assert "line 1 <b>" in page.locator("#log").inner_text()


def test_the_phases_of_a_run_change_by_themselves(api, name, open_page):
    def manifest(status, step):
        phases = {"sft": {"status": status, "progress": {"step": step, "total": 9}}}
        return json.dumps({"created_at": "2026-01-02T03:04:05Z", "phases": phases}).encode()

    api.create_repo(name, repo_type="dataset")
    write(api, name, {"runs/r/manifest.json": manifest("running", 1)})
    page = open_page(f"/runs/{name}/r")
    expect(page.locator("#phases")).to_contain_text("1 of 9")
    write(api, name, {"runs/r/manifest.json": manifest("running", 5)})
    expect(page.locator("#phases")).to_contain_text("5 of 9", timeout=20_000)
    write(api, name, {"runs/r/manifest.json": manifest("succeeded", 9)})
    expect(page.get_by_role("status")).to_have_text("done", timeout=20_000)
    expect(page.locator("[data-live]")).to_have_count(0)
    assert page.complaints == []


def test_a_page_that_lost_its_hub_says_so(open_page, job):
    page = open_page(f"/jobs/local/{job.id}")
    assert page.get_by_role("alert").count() == 0
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("The hub does not answer any more", timeout=20_000)
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0, timeout=20_000)


def test_a_page_whose_session_has_ended_says_so_and_asks_no_more(open_page, job):
    page = open_page(f"/jobs/local/{job.id}")
    page.context.clear_cookies()
    expect(page.get_by_role("alert")).to_contain_text("your session has ended", timeout=20_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


@pytest.mark.parametrize("view", ["blob", "page"])
def test_a_page_from_a_repo_runs_and_reaches_nothing(hub, api, name, open_page, view):
    api.create_repo(name, repo_type="dataset")
    write(api, name, {"report.html": ATTACK.replace("ORIGIN", hub.url).encode()})
    page = open_page(f"/datasets/{name}/{view}/main/report.html")
    expect(page.frame_locator("iframe").locator("#done")).to_have_text("did: ", timeout=20_000)
    assert page.url == f"{hub.url}/datasets/{name}/{view}/main/report.html"
    page.goto(f"{hub.url}/")
    expect(page.locator(".who")).to_contain_text("Logged in as local")


@pytest.mark.parametrize("view", ["blob", "page"])
def test_a_page_from_a_repo_leads_its_reader_nowhere(hub, api, name, open_page, view):
    elsewhere = hub.url.replace("127.0.0.1", "localhost")
    api.create_repo(name)
    write(
        api, name, {"x.html": f"<script>location = '{elsewhere}/models?from=here'</script>".encode()}, "model"
    )
    page = open_page(f"/{name}/{view}/main/x.html")
    for _ in range(100):
        if page.complaints:
            break
        page.wait_for_timeout(50)
    assert "frame-src 'self'" in page.complaints[0]
    assert page.url == f"{hub.url}/{name}/{view}/main/x.html"
