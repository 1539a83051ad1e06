"""The hub is killed again and again while clients commit; what it acknowledged must be there afterwards, once."""

import hashlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from faults import FaultProxy
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from chaos.killable_hub import KillableHub
from chaos.tally import Tally
from chaos.writer import RUN_ID, make_content, repo_of
from shared.hub import Hub
from shared.manifest import RunManifest, Source
from shared.refs import RepoRef
from shared.runs import ManifestStore

NAMESPACE = "writers"
WRITERS = ("ann", "bob", "cid", "dan")
# A writer has to give up on its own before it is taken for stuck.
LAST_WRITE_SECONDS = 900
LIFE_SECONDS = (0.2, 2.0)
# A kill comes so soon after a request did, so that it meets the hub at work.
AFTER_REQUEST_SECONDS = 0.05
NOWHERE = RepoRef(repo_id="starter/none", repo_type="dataset", commit="0" * 40)


def kill_hubs(hub: KillableHub, folder: Path, seed: int, kills: int, tally: Tally) -> None:
    """Kill and restart the hub so often under writers that reach it through a bad network, then compare."""
    _begin_run(hub)
    stop = folder / "stop"
    with FaultProxy(hub.url, seed=seed, probability=0.06, stall_seconds=0.3) as proxy:
        writers = [_start_writer(hub, proxy.url, folder, who, stop) for who in WRITERS]
        try:
            _kill_repeatedly(hub, proxy, random.Random(seed), kills, tally)
            stop.touch()
            for who, writer in zip(WRITERS, writers, strict=True):
                tally.check(f"writer {who} did not end well", writer.wait(LAST_WRITE_SECONDS) == 0)
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
        tally.faults.update(proxy.counts)
    tally.check("the hub's database is damaged", hub.is_intact())
    _compare(Hub(hub.url, hub.token), folder, tally)


def make_manifest(run_id: str, source: RepoRef = NOWHERE) -> RunManifest:
    """Return the manifest of a run that has just begun."""
    base = NOWHERE.model_copy(update={"repo_type": "model"})
    now = datetime.now(UTC)
    return RunManifest(
        run_id=run_id, profile="chaos", seed=0, code="unknown", created_at=now,
        source=Source(dataset=source, base_model=base),
    )  # fmt: skip


def _begin_run(hub: KillableHub) -> None:
    ManifestStore(Hub(hub.url, hub.token), NAMESPACE).create(make_manifest(RUN_ID))


def _start_writer(hub: KillableHub, url: str, folder: Path, who: str, stop: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "chaos.writer", NAMESPACE, who, str(_notes(folder, who)), str(stop)]
    with open(folder / f"{who}.log", "ab") as log:
        environment = hub.client_environment(url, who)
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _kill_repeatedly(
    hub: KillableHub, proxy: FaultProxy, draw: random.Random, kills: int, tally: Tally
) -> None:
    for number in range(1, kills + 1):
        time.sleep(draw.uniform(*LIFE_SECONDS))
        _await_request(proxy)
        time.sleep(draw.uniform(0, AFTER_REQUEST_SECONDS))
        hub.kill()
        tally.kill("local hub")
        hub.start()
        if number % 10 == 0 or number == kills:
            tally.say(f"local hub: killed {number} of {kills} times under {len(WRITERS)} writers")


def _await_request(proxy: FaultProxy) -> None:
    before, deadline = proxy.requests, time.monotonic() + 2
    while proxy.requests == before and time.monotonic() < deadline:
        time.sleep(0.002)


def _notes(folder: Path, who: str) -> Path:
    return folder / f"{who}.jsonl"


def _compare(hub: Hub, folder: Path, tally: Tally) -> None:
    shared: dict[str, list[str]] = {"tried": [], "stored": []}
    for who in WRITERS:
        lines = [json.loads(line) for line in _notes(folder, who).read_text().splitlines()]
        named = {
            (state, kind): [line[state] for line in lines if state in line and line["kind"] in kind]
            for state in shared
            for kind in ("files", "checkpoint", "folder", "manifest again once-more")
        }
        for state in shared:
            shared[state] += named[state, "manifest again once-more"]
        for kind, repo_id, branch in (
            ("files", repo_of(NAMESPACE, who), "main"),
            ("checkpoint", repo_of(NAMESPACE, who), "checkpoints"),
            ("folder", f"{repo_of(NAMESPACE, who)}-whole", "main"),
        ):
            titles = titles_of(hub, repo_id, "model", branch)
            tally.check_written_once(repo_id, named["stored", kind], named["tried", kind], titles)
            if titles:
                _compare_content(hub, hub.resolve(repo_id, "model", branch), titles, tally)
    _compare_manifest(hub, shared, tally)


def titles_of(hub: Hub, repo_id: str, repo_type: str, branch: str = "main") -> Counter[str]:
    """Count the commits of a branch by their titles, without the one that made the repo."""
    try:
        commits = hub.api.list_repo_commits(repo_id, repo_type=repo_type, revision=branch)
    except (RepositoryNotFoundError, RevisionNotFoundError):
        return Counter()
    return Counter(commit.title for commit in commits[:-1])


def _compare_content(hub: Hub, ref: RepoRef, titles: Counter[str], tally: Tally) -> None:
    folder = hub.snapshot(ref)
    for path in hub.list_files(ref):
        if path != ".gitattributes":
            name = path.partition("/")[0]
            same = _hash((folder / path).read_bytes()) == _hash(make_content(name).get(path, b""))
            tally.check(f"{path} of {ref} has another content", same)
            tally.check(f"{path} of {ref} came without its commit", name in titles)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _compare_manifest(hub: Hub, shared: dict[str, list[str]], tally: Tally) -> None:
    store = ManifestStore(hub, NAMESPACE)
    attempts = Counter(attempt.job_id for attempt in store.read(RUN_ID).phases["sft"].attempts)
    tally.check_written_once("attempts in the manifest", shared["stored"], shared["tried"], attempts)
    titles = titles_of(hub, store.repo_id, "dataset")
    titles.subtract([f"Begin run {RUN_ID}"])
    tally.check_written_once(store.repo_id, shared["stored"], shared["tried"], +titles)
    files = set(hub.list_files(hub.resolve(store.repo_id, "dataset"), f"runs/{RUN_ID}"))
    expected = {f"runs/{RUN_ID}/{name}.txt" for name in attempts}
    tally.check("a file that was written with the manifest is not beside it", expected <= files)
