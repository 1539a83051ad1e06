"""A hub in front of one that behaves as huggingface.co is documented to (`public_hub` says where)."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import HfApi, Volume
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
from huggingface_hub.utils import get_session
from public_hub import PublicHub, public_hub
from serving import HubServer, serve_hub

README = b"---\nlicense: apache-2.0\n---\nA model.\n"
WEIGHTS = os.urandom(200_000)
FILES = {
    "README.md": README,
    "config.json": b"{}",
    "sub/a b.txt": b"small",
    "weights.bin": WEIGHTS,
    "z": b"z",
}


@pytest.fixture(scope="module")
def public() -> Iterator[PublicHub]:
    with public_hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def hub(public, tmp_path_factory) -> Iterator[HubServer]:
    folder = tmp_path_factory.mktemp("front")
    token = folder / "upstream-token"
    token.write_text(public.token)
    token.chmod(0o600)
    options = ["--upstream", public.url, "--upstream-token-file", str(token)]
    with serve_hub(folder, folder, *options) as server:
        yield server


@pytest.fixture
def api(hub) -> HfApi:
    return HfApi(hub.url, hub.token)


@pytest.fixture(autouse=True)
def good_public(public):
    """Takes back what a test has asked of it."""
    yield
    public.answers_429_for, public.page = None, None


def unknown_files() -> dict[str, bytes]:
    """Files that no other repo has: what one copy has, all have."""
    return {path: os.urandom(20) + content for path, content in FILES.items()}


@contextmanager
def changed(public: PublicHub, name: str, value: str) -> Iterator[None]:
    """Something of the upstream is different for a while."""
    before = getattr(public, name)
    setattr(public, name, value)
    try:
        yield
    finally:
        setattr(public, name, before)


def refusal(action, *arguments, **options) -> tuple[int, str]:
    with pytest.raises(HfHubHTTPError) as caught:
        action(*arguments, **options)
    response = caught.value.response
    return response.status_code, response.json()["error"]


def test_files_come_by_redirects_and_the_token_goes_to_the_hub_alone(public, api, tmp_path):
    files = unknown_files()
    public.publish("acme/redirected", files)
    asked, stored = len(public.requests), len(public.storage_requests)
    folder = api.snapshot_download("acme/redirected", cache_dir=tmp_path)
    assert {path: Path(folder, path).read_bytes() for path in files} == files
    by_cache = [path for path in public.paths("/api/resolve-cache/") if "acme/redirected" in path]
    assert len(by_cache) == len(files) - 1
    [(_, _, headers)] = public.storage_requests[stored:]
    assert "Authorization" not in headers
    assert {headers["Authorization"] for _, _, headers in public.requests[asked:]} == {
        f"Bearer {public.token}"
    }


def test_a_listing_of_many_pages_without_all_fields(public, api):
    made = public.publish("acme/pages", FILES)
    listed = list(api.list_repo_tree("acme/pages", recursive=True, expand=True))
    assert [item.path for item in listed] == [
        "README.md",
        "config.json",
        "sub",
        "sub/a b.txt",
        "weights.bin",
        "z",
    ]
    assert len(public.paths(f"acme/pages/tree/{made.sha('main')}")) == 3
    info = api.model_info("acme/pages")
    assert (info.sha, info.downloads, info.card_data.license) == (made.sha("main"), 123, "apache-2.0")
    [weights] = api.get_paths_info("acme/pages", "weights.bin")
    assert (weights.size, weights.lfs.size, weights.lfs.pointer_size > 100) == (
        len(WEIGHTS),
        len(WEIGHTS),
        True,
    )


@pytest.mark.parametrize(("repo_type", "short"), [("model", "gpt2"), ("dataset", "squad")])
def test_a_name_without_a_namespace_leads_to_the_full_one(public, api, tmp_path, repo_type, short):
    full_name = f"{short}-community/{short}"
    public.publish(full_name, FILES, repo_type, former=short)
    assert api.repo_info(short, repo_type=repo_type).id == full_name
    path = api.hf_hub_download(short, "weights.bin", repo_type=repo_type, cache_dir=tmp_path)
    assert Path(path).read_bytes() == WEIGHTS
    assert "config.json" in api.list_repo_files(short, repo_type=repo_type)
    assert [branch.name for branch in api.list_repo_refs(short, repo_type=repo_type).branches] == ["main"]
    api.auth_check(short, repo_type=repo_type)
    token = (
        f"{api.endpoint}/api/{repo_type}s/{short}/xet-read-token/main"  # by which what is kept is downloaded
    )
    assert get_session().get(token, headers={"authorization": f"Bearer {api.token}"}).json()["casUrl"]
    status, sentence = refusal(api.repo_info, f"no-{short}", repo_type=repo_type)
    assert (status, sentence.startswith(f"'no-{short}' has no namespace")) == (404, True)


def test_a_repo_may_be_called_as_a_part_of_the_api_is(public, api):
    public.publish("acme/refs", FILES)
    assert api.model_info("acme/refs").id == "acme/refs"
    own = api.create_repo("local/refs").repo_id
    before = len(public.requests)
    assert api.model_info(own).id == own
    assert len(public.requests) == before


@pytest.mark.slow
def test_a_kept_repo_is_found_by_its_short_name_where_there_is_no_upstream(public, hub, tmp_path):
    public.publish("alone-community/alone", {"README.md": README}, former="alone")
    command = [sys.executable, "-m", "local_hub", "pull", "--dir", str(hub.directory), "alone"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    folder = shutil.copytree(
        hub.directory, tmp_path / "carried", ignore=shutil.ignore_patterns("hub.lock", "port")
    )
    with serve_hub(folder, tmp_path) as carried:
        for api in (HfApi(carried.url, carried.token), HfApi(carried.url, token=False)):
            path = api.hf_hub_download("alone", "README.md", cache_dir=tmp_path / f"{api.token}")
            assert Path(path).read_bytes() == README
            assert [branch.name for branch in api.list_repo_refs("alone").branches] == ["main"]
            assert refusal(api.model_info, "never-heard-of")[1] == "Repository not found"


def test_a_repo_that_was_renamed_is_found_by_both_names(public, api, tmp_path):
    public.publish("acme/new", FILES, former="acme/old")
    assert [api.model_info(name).id for name in ("acme/old", "acme/new")] == ["acme/new"] * 2
    assert Path(api.hf_hub_download("acme/old", "weights.bin", cache_dir=tmp_path)).read_bytes() == WEIGHTS


def test_upstream_cannot_name_its_repo_like_one_of_this_hubs_own(public, api):
    api.create_repo("mine/data")
    public.publish("mine/data", FILES, former="acme/sly")
    assert api.model_info("acme/sly").id == "acme/sly"
    assert api.list_repo_files("mine/data") == [".gitattributes"]


def test_refs_that_are_no_branches(public, api, tmp_path):
    parquet = {"default/train/0000.parquet": b"PAR1"}
    refs = {"refs/convert/parquet": parquet, "refs/pr/1": {"a": b"1"}, "v1.0": {"a": b"2"}}
    made = public.publish("acme/rows", FILES, "dataset", revisions=refs)
    for revision, files in refs.items():
        assert api.dataset_info("acme/rows", revision=revision).sha == made.sha(revision)
        [(path, content)] = files.items()
        got = api.hf_hub_download(
            "acme/rows", path, repo_type="dataset", revision=revision, cache_dir=tmp_path
        )
        assert Path(got).read_bytes() == content
    [converted] = api.list_repo_refs("acme/rows", repo_type="dataset").converts
    assert converted.target_commit == made.sha("refs/convert/parquet")


def test_a_gated_repo_says_where_to_ask_for_access(public, api, tmp_path):
    public.publish("acme/gated", unknown_files(), gated=True)
    with changed(public, "token", "hf_another"):
        assert api.model_info("acme/gated").gated == "manual"
        for path in ("config.json", "weights.bin"):
            with pytest.raises(GatedRepoError) as caught:
                api.hf_hub_download("acme/gated", path, cache_dir=tmp_path)
            sentence = f"acme/gated is restricted. Ask for access at {public.url}, and start this hub"
            assert sentence in str(caught.value)
        with pytest.raises(GatedRepoError):
            api.auth_check("acme/gated")


def test_who_is_asked_too_often_says_for_how_long_and_is_left_alone(public, api, tmp_path):
    public.publish("acme/kept", unknown_files())
    public.publish("acme/described", FILES)
    api.hf_hub_download("acme/kept", "weights.bin", cache_dir=tmp_path)
    public.answers_429_for = ("/resolve/", 2)
    before = len(public.requests)
    api.hf_hub_download("acme/kept", "weights.bin", cache_dir=tmp_path / "other")
    address, headers = f"{api.endpoint}/acme/kept/resolve/main/", {"authorization": f"Bearer {api.token}"}
    for path in ("config.json", "z"):
        answer = get_session().get(address + path, headers=headers)
        assert answer.status_code == 429
        seconds = answer.headers["retry-after"]
        assert answer.headers["ratelimit"] == f'"resolvers";r=0;t={seconds}'
        assert (
            answer.json()["error"] == f"{public.url} takes no more requests for {seconds} s; try again then."
        )
    assert len(public.requests) == before + 1
    assert api.model_info("acme/described").id == "acme/described"  # the other kind of request
    assert Path(api.hf_hub_download("acme/kept", "z", cache_dir=tmp_path)).exists()  # the client waits


def test_the_login_page_of_a_network_is_not_taken_for_the_hub(public, api):
    public.page = "<html>Welcome to our guests</html>"
    status, sentence = refusal(api.model_info, "acme/behind-a-login")
    assert (status, public.url in sentence) == (424, True)
    assert "something other than JSON (a page, perhaps of this network's login or proxy)" in sentence


@pytest.mark.slow
def test_a_pull_by_a_short_name_waits_where_upstream_takes_no_more_requests(public, hub):
    public.publish("acme/pulled", unknown_files(), former="pulled")
    public.answers_429_for = ("/resolve/", 1)
    command = [sys.executable, "-m", "local_hub", "pull", "--dir", str(hub.directory), "pulled"]
    pulled = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(r"acme/pulled@[0-9a-f]{12}: 5 files, 200\.1 kB, kept\n", pulled.stdout), pulled.stderr
    assert f"{public.url} takes no more requests for " in pulled.stderr


def run_with_volume(api, source, **options):
    script = "import sys, pathlib; print(pathlib.Path(sys.argv[1], 'weights.bin').stat().st_size)"
    volumes = [Volume(type="model", source=source, mount_path="/model", **options)]
    job = api.run_job(
        image="python:3.12", command=["python", "-c", script, "/model"], volumes=volumes, namespace="local"
    )
    ended = api.wait_for_job(job.id, namespace="local").status
    return ended, list(api.fetch_job_logs(job_id=job.id, namespace="local"))


def test_what_a_job_mounts_is_fetched_before_it_begins(public, api):
    files = unknown_files()
    size = sum(map(len, files.values()))
    made = public.publish("acme/mounted", files | {"the-same-again.bin": files["weights.bin"]})
    ended, log = run_with_volume(api, "acme/mounted", revision=made.sha("main"))
    assert ended.stage == "COMPLETED"
    begun = f"local-hub: fetching acme/mounted for /model from {public.url}: 5 files, {size / 1000:.1f} kB"
    assert log[0] == begun
    assert log[1] == "local-hub: acme/mounted is here"
    assert log[-1] == str(len(files["weights.bin"]))
    before = len(public.requests)
    assert "fetching" not in "".join(run_with_volume(api, "acme/mounted", revision=made.sha("main"))[1])
    assert len(public.requests) == before


def test_a_volume_that_upstream_does_not_give_says_which_and_why(public, api):
    for source, reason in (("acme/nothing", "Repository not found"), ("acme/closed", "Ask for access at")):
        public.publish("acme/closed", unknown_files(), gated=True)
        with changed(public, "token", "hf_another"), pytest.raises(HfHubHTTPError) as caught:
            run_with_volume(api, source)
        assert f"Volume /model (model {source}): " in str(caught.value)
        assert reason in str(caught.value)
    public.publish("acme/broken", unknown_files())
    with changed(public, "storage_url", f"{public.url}/nowhere"):
        ended, log = run_with_volume(api, "acme/broken")
    assert (ended.stage, ended.message) == ("ERROR", log[-1])
    sentence = (
        f"cannot mount model acme/broken at /model: {public.url} does not give weights.bin of acme/broken: "
    )
    assert log[-1].startswith(sentence)
