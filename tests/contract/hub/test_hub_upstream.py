"""A hub in front of another: what it lacks is fetched once, checked, kept, and served from then on."""

import itertools
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from huggingface_hub import HfApi, Volume
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils import get_session
from serving import serve_hub
from spoiling_proxy import spoiling_proxy

from local_hub.state import find_running
from local_hub.upstream.asking import CALM_SECONDS

NUMBERS = itertools.count()
README = b"---\nlicense: mit\npipeline_tag: text-generation\n---\nA model.\n"


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """The Hub that others have filled."""
    with serve_hub(tmp_path_factory.mktemp("upstream"), tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(public):
    with spoiling_proxy(public.url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def good_proxy(proxy):
    """Takes back what a test has asked of the proxy."""
    yield
    proxy.cut_after, proxy.pause_seconds, proxy.spoil = None, 0.0, False


@pytest.fixture(scope="module")
def hub(public, proxy, tmp_path_factory):
    """The hub in front."""
    folder = tmp_path_factory.mktemp("front")
    with front(folder, proxy.url, public.token) as server:
        yield server


@contextmanager
def front(folder, upstream=None, token=None, *options):
    """A hub before an upstream, for which it has a token."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        if token:
            patch.setenv("LOCAL_HUB_UPSTREAM_TOKEN", token)
        behind = ["--upstream", upstream] if upstream else []
        server = stack.enter_context(serve_hub(folder, folder, *behind, *options))
        patch.undo()
        yield server


@pytest.fixture
def weights():
    """The content of a large file that no other test knows."""
    return os.urandom(3_000_000)


@pytest.fixture
def model(public, weights):
    """A repo upstream with a small and a large file."""
    return publish(public, {"README.md": README, "weights.bin": weights})


def publish(public, files, private=False, repo_type="model"):
    api = HfApi(public.url, public.token)
    repo = f"acme/{repo_type}-{next(NUMBERS)}"
    api.create_repo(repo, private=private, repo_type=repo_type)
    for path, content in files.items():
        api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo, repo_type=repo_type)
    return repo


def read(server, repo, path, folder, token=None):
    api = HfApi(server.url, token or server.token)
    with open(api.hf_hub_download(repo, path, cache_dir=folder), "rb") as file:
        return file.read()


def refusal(action, *arguments, **options):
    with pytest.raises(HfHubHTTPError) as caught:
        action(*arguments, **options)
    return caught.value.response.status_code, caught.value.response.json()["error"]


def bearer(server):
    return {"authorization": f"Bearer {server.token}"}


def command(*arguments):
    words = [sys.executable, "-m", "local_hub", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def stored(server):
    """Large files, and those that are on their way."""
    return [
        path
        for folder in ("objects", "upstream")
        for path in (server.directory / folder).rglob("*")
        if path.is_file()
    ]


def test_what_was_fetched_once_is_served_without_upstream(public, tmp_path, weights):
    repo = publish(public, {"README.md": README, "sub/weights.bin": weights})
    theirs = HfApi(public.url, public.token)
    theirs.create_tag(repo, tag="v1")
    with spoiling_proxy(public.url) as way:
        with front(tmp_path / "hub", way.url) as server:
            for cache in ("cache-0", "cache-1"):
                assert read(server, repo, "README.md", tmp_path / cache) == README
                assert read(server, repo, "sub/weights.bin", tmp_path / cache) == weights
            assert [len(way.asked(path)) for path in ("/README.md", "/sub/weights.bin")] == [1, 1]
            mine = HfApi(server.url, server.token)
            mine.list_repo_refs(repo)
            mine.list_repo_commits(repo)
        address = way.url
    with front(tmp_path / "hub", address) as server:  # where nobody listens any more
        mine = HfApi(server.url, server.token)
        assert read(server, repo, "sub/weights.bin", tmp_path / "cache-2") == weights
        assert mine.list_repo_refs(repo).tags[0].name == "v1"
        assert [commit.commit_id for commit in mine.list_repo_commits(repo)] == [
            commit.commit_id for commit in theirs.list_repo_commits(repo)
        ]
        info = mine.model_info(repo, files_metadata=True)
        assert (info.sha, info.pipeline_tag, info.tags, info.card_data.license) == (
            theirs.model_info(repo).sha,
            "text-generation",
            theirs.model_info(repo).tags,
            "mit",
        )
        assert [(file.rfilename, file.size) for file in info.siblings] == [
            (file.rfilename, file.size) for file in theirs.model_info(repo, files_metadata=True).siblings
        ]
        status, sentence = refusal(mine.model_info, "acme/never-asked-for")
        assert (status, address in sentence, "not kept here" in sentence) == (424, True, True)
    assert command("verify", "--dir", tmp_path / "hub").stdout == "whole: every hash is right\n"


def test_a_file_that_is_cut_off_midway_is_gone_on_with_from_there(hub, proxy, model, tmp_path, weights):
    proxy.cut_after = 1_000_000
    assert read(hub, model, "weights.bin", tmp_path) == weights
    first, second = proxy.asked(f"{model}/resolve/")
    assert first is None
    assert second.startswith("bytes=")
    assert 0 < int(second[6:-1]) < len(weights)


@pytest.mark.slow
def test_a_download_goes_on_after_the_hub_was_killed(public, tmp_path, weights):
    repo = publish(public, {"weights.bin": weights})
    with spoiling_proxy(public.url) as way:
        way.pause_seconds = 0.05
        with front(tmp_path / "hub", way.url) as server:
            address = f"{server.url}/{repo}/resolve/main/weights.bin"
            with get_session().stream("GET", address, headers=bearer(server)) as answer:
                next(answer.iter_bytes(1_000_000))
                os.kill(find_running(server.directory).pid, signal.SIGKILL)
        way.pause_seconds = 0.0
        with front(tmp_path / "hub", way.url) as server:
            assert read(server, repo, "weights.bin", tmp_path) == weights
        assert int(way.asked(f"{repo}/resolve/")[1][6:-1]) >= 900_000


def test_what_comes_slowly_is_passed_on_as_it_comes(hub, proxy, model, weights):
    proxy.pause_seconds = 0.03  # about 1.4 s in all
    begin = time.monotonic()
    address = f"{hub.url}/{model}/resolve/main/weights.bin"
    with get_session().stream("GET", address, headers=bearer(hub)) as answer:
        blocks = [(time.monotonic() - begin, block) for block in answer.iter_bytes(100_000)]
    assert b"".join(block for _, block in blocks) == weights
    assert blocks[0][0] < blocks[-1][0] / 2


def test_a_file_that_several_ask_for_at_once_is_fetched_once(hub, proxy, model, tmp_path, weights):
    proxy.pause_seconds = 0.01
    with ThreadPoolExecutor() as pool:
        found = list(
            pool.map(lambda number: read(hub, model, "weights.bin", tmp_path / str(number)), range(4))
        )
    assert found == [weights] * 4
    assert len(proxy.asked(f"{model}/resolve/")) == 1


def test_part_of_a_file_that_is_not_here_yet_is_served(hub, model, weights):
    headers = bearer(hub) | {"range": "bytes=1000-1999"}
    answer = get_session().get(f"{hub.url}/{model}/resolve/main/weights.bin", headers=headers)
    assert (answer.status_code, answer.content) == (206, weights[1000:2000])
    assert answer.headers["content-range"] == f"bytes 1000-1999/{len(weights)}"


def test_wrong_bytes_are_not_kept_and_the_client_is_told(public, hub, proxy, weights, tmp_path):
    model = publish(public, {"small.txt": weights[:100].hex().encode(), "weights.bin": weights})
    before = stored(hub)
    proxy.spoil = True
    for path in ("small.txt", "weights.bin"):
        status, sentence = refusal(read, hub, model, path, tmp_path)
        assert (status, path in sentence, "None of them was kept" in sentence) == (502, True, True)
    assert stored(hub) == before


@pytest.mark.slow
def test_a_client_that_holds_wrong_bytes_gets_all_the_right_ones(public, tmp_path, weights):
    """It goes on where it was cut off, and would join the right end to a wrong beginning."""
    repo = publish(public, {"weights.bin": weights})
    with spoiling_proxy(public.url) as way:
        way.spoil = True
        with front(tmp_path / "hub", way.url) as server:
            refusal(read, server, repo, "weights.bin", tmp_path)
        way.spoil = False
        with front(tmp_path / "hub", way.url) as server:
            headers = bearer(server) | {"range": "bytes=2000000-"}
            for _ in ("while it is fetched", "when it is kept"):
                answer = get_session().get(f"{server.url}/{repo}/resolve/main/weights.bin", headers=headers)
                assert (answer.status_code, answer.content == weights) == (200, True)


def test_a_private_repo_is_had_by_the_token_which_goes_nowhere_else(public, tmp_path, weights):
    repo = publish(public, {"README.md": README, "weights.bin": weights}, private=True)
    users = tmp_path / "users.toml"
    users.write_text('[[users]]\nname = "ada"\ntoken = "hf_ada"\n')
    folder = tmp_path / "hub"
    with front(folder, public.url, public.token, "--users", str(users)) as server:
        assert read(server, repo, "weights.bin", tmp_path) == weights
        status, _ = refusal(HfApi(server.url, "hf_ada").model_info, repo)
        assert status == 404
        api = HfApi(server.url, server.token)
        dump = "import os; print(*os.environ.items())"
        job = api.run_job(image="python:3.12", command=["python", "-c", dump], namespace="local")
        assert api.wait_for_job(job.id, namespace="local").status.stage == "COMPLETED"
        log = "".join(api.fetch_job_logs(job_id=job.id, namespace="local"))
        assert "HF_ENDPOINT" in log
        assert "UPSTREAM" not in log
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in written if public.token.encode() in path.read_bytes()] == []


def test_the_token_is_not_sent_where_a_file_is_redirected_to(public, weights, tmp_path):
    repo = publish(public, {"weights.bin": weights})
    with spoiling_proxy(public.url) as way, spoiling_proxy(public.url) as elsewhere:
        way.redirects_to = elsewhere.url
        with front(tmp_path / "hub", way.url, public.token) as server:
            assert read(server, repo, "weights.bin", tmp_path) == weights
    assert set(way.tokens) == {f"Bearer {public.token}"}
    assert elsewhere.tokens == [None]


def test_a_copy_is_read_only_and_says_so(hub, proxy, model):
    api = HfApi(hub.url, hub.token)
    for action, arguments in (
        (api.upload_file, {"path_or_fileobj": b"x", "path_in_repo": "x", "repo_id": model}),
        (
            api.upload_file,
            {"path_or_fileobj": b"x", "path_in_repo": "x", "repo_id": model, "create_pr": True},
        ),
        (api.create_branch, {"repo_id": model, "branch": "mine"}),
        (api.super_squash_history, {"repo_id": model}),
        (api.update_repo_settings, {"repo_id": model, "private": True}),
        (api.move_repo, {"from_id": model, "to_id": "local/mine"}),
    ):
        status, sentence = refusal(action, **arguments)
        assert (status, sentence) == (
            403,
            f"The model {model} is a read-only copy from {proxy.url}. "
            "Write to a repo in a namespace of your own instead",
        )
    assert refusal(api.create_repo, "acme/new")[0] == 403
    assert {method for method, _, _ in proxy.requests} == {"GET"}


def test_the_owner_may_drop_a_copy_and_have_it_again(hub, model, tmp_path):
    api = HfApi(hub.url, hub.token)
    assert read(hub, model, "README.md", tmp_path / "1") == README
    api.delete_repo(model)
    assert read(hub, model, "README.md", tmp_path / "2") == README


def test_upstream_is_never_asked_for_own_namespaces_nor_by_the_anonymous(hub, proxy, model, tmp_path):
    api = HfApi(hub.url, hub.token)
    api.create_repo("mine/first")
    before = len(proxy.requests)
    for repo in ("local/none", "mine/second"):
        assert not api.repo_exists(repo)
    anonymous = HfApi(hub.url, False)
    assert not anonymous.repo_exists(model)
    assert len(proxy.requests) == before
    api.model_info(model)
    assert anonymous.repo_exists(model)
    status, sentence = refusal(anonymous.hf_hub_download, model, "weights.bin", cache_dir=tmp_path)
    assert (status, "Log in" in sentence) == (401, True)


def test_what_upstream_lacks_is_lacking_here(hub, model, tmp_path):
    api = HfApi(hub.url, hub.token)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("acme/none")
    with pytest.raises(RevisionNotFoundError):
        api.model_info(model, revision="none")
    assert not api.file_exists(model, "none")
    assert refusal(api.model_info, "gpt2")[1].startswith("'gpt2' has no namespace")


@pytest.mark.slow
def test_a_branch_that_has_moved_is_followed(public, tmp_path):
    repo = publish(public, {"a": b"1"})
    theirs = HfApi(public.url, public.token)
    with front(tmp_path / "hub", public.url) as server:
        mine = HfApi(server.url, server.token)
        first = mine.model_info(repo).sha
        second = theirs.upload_file(path_or_fileobj=b"2", path_in_repo="a", repo_id=repo).oid
        assert mine.model_info(repo).sha == first  # it was asked a moment ago
        assert mine.model_info(repo, revision=second).sha == second
        time.sleep(CALM_SECONDS)
        assert mine.model_info(repo).sha == second
        assert read(server, repo, "a", tmp_path) == b"2"
        assert mine.model_info(repo, revision=first).sha == first


def test_pulled_repos_are_served_from_a_folder_that_was_carried_elsewhere(public, tmp_path, weights):
    files = {"README.md": README, "weights.bin": weights, "a folder/ümlaut #1.txt": b"small"}
    model = publish(public, files)
    pulled = command("pull", "--dir", tmp_path / "filled", "--upstream", public.url, model)
    assert pulled.returncode == 0, pulled.stderr
    assert re.fullmatch(rf"{model}@[0-9a-f]{{12}}: 4 files, 3\.0 MB, kept\n", pulled.stdout)
    assert command("status", "--dir", tmp_path / "filled").returncode == 3
    shutil.move(tmp_path / "filled", tmp_path / "carried")
    with front(tmp_path / "carried") as server:
        api = HfApi(server.url, server.token)
        folder = Path(api.snapshot_download(model, cache_dir=tmp_path / "cache"))
        assert {path: (folder / path).read_bytes() for path in files} == files
    assert command("verify", "--dir", tmp_path / "carried").returncode == 0
    spoil(tmp_path / "carried", b"small")
    damaged = command("verify", "--dir", tmp_path / "carried")
    assert (damaged.returncode, "ümlaut #1.txt is damaged" in damaged.stdout) == (1, True)


def spoil(folder, content):
    with closing(sqlite3.connect(folder / "hub.sqlite3")) as db, db:
        query = "UPDATE upstream_contents SET content = ? WHERE content = ?"
        assert db.execute(query, (b"other", content)).rowcount


@pytest.mark.slow
def test_a_pulled_dataset_is_loaded_and_a_pulled_repo_mounted_where_nothing_can_be_asked(public, tmp_path):
    data = publish(public, {"data/train.csv": b"a,b\n1,x\n2,y\n"}, repo_type="dataset")
    model = publish(public, {"config.json": b"{}", "weights.bin": os.urandom(1_000_000)})
    filling = ["--dir", tmp_path / "hub", "--upstream", public.url]
    command("pull", *filling, "--type", "dataset", f"{data}@main")
    command("pull", *filling, model)
    script = "import sys, datasets; print(datasets.load_dataset(sys.argv[1], split='train').to_list())"
    with front(tmp_path / "hub") as server:
        loaded = subprocess.run(
            [sys.executable, "-c", script, data], env=server.env, capture_output=True, text=True
        )
        assert loaded.stdout == "[{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]\n", loaded.stderr
        api = HfApi(server.url, server.token)
        volumes = [Volume(type="model", source=model, mount_path="/model")]
        look = ["python", "-c", "import os, sys; print(sorted(os.listdir(sys.argv[1])))", "/model"]
        job = api.run_job(image="python:3.12", command=look, volumes=volumes, namespace="local")
        assert api.wait_for_job(job.id, namespace="local").status.stage == "COMPLETED"
        log = list(api.fetch_job_logs(job_id=job.id, namespace="local"))
        assert log[-1] == "['.gitattributes', 'config.json', 'weights.bin']"


@pytest.mark.slow
def test_what_was_not_filled_says_how_to_fill_it(public, model, tmp_path):
    with front(tmp_path / "hub", public.url) as server:
        assert HfApi(server.url, server.token).model_info(model).pipeline_tag == "text-generation"
    with front(tmp_path / "hub") as server:
        for path in ("README.md", "weights.bin"):
            status, sentence = refusal(read, server, model, path, tmp_path)
            assert (status, f"local-hub pull {model}" in sentence) == (404, True)


@pytest.mark.slow
def test_a_pull_from_another_upstream_leaves_a_copy_as_it_is_and_says_so(public, tmp_path):
    model = publish(public, {"README.md": README})
    command("pull", "--dir", tmp_path, "--upstream", public.url, model)
    again = command("pull", "--dir", tmp_path, "--upstream", "http://127.0.0.1:9", model)
    doubt = "http://127.0.0.1:9 did not confirm that this is still its main; it may have moved on.\n"
    assert (again.returncode, again.stderr) == (0, doubt)


@pytest.mark.slow
def test_a_pull_of_what_is_not_there_says_so(public, tmp_path):
    pulled = command("pull", "--dir", tmp_path / "hub", "--upstream", public.url, "acme/none")
    hint = (
        "Is it no model (--type), private (LOCAL_HUB_UPSTREAM_TOKEN), "
        "or in a namespace of this hub's own, of which upstream is not asked?"
    )
    told = f"error: model acme/none@main: Repository not found. {hint}\n"
    assert (pulled.returncode, pulled.stdout, pulled.stderr) == (2, "", told)


def test_a_pull_of_what_is_no_repos_name_is_refused(tmp_path):
    pulled = command("pull", "--dir", tmp_path / "hub", "--upstream", "https://huggingface.co", "a/b/c")
    assert (pulled.returncode, "error: a/b/c is no repo" in pulled.stderr) == (2, True)


def test_a_pull_without_an_upstream_is_refused(tmp_path):
    pulled = command("pull", "--dir", tmp_path / "hub", "acme/model")
    assert (pulled.returncode, "--upstream https://huggingface.co" in pulled.stderr) == (2, True)
