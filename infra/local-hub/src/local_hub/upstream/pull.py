"""`local-hub pull`: whole revisions of upstream's repos, so that this hub can do without it from then on."""

import argparse
import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local_hub.config import HubConfig
from local_hub.daemon import start
from local_hub.errors import HubError
from local_hub.owner import ask_hub
from local_hub.progress import Progress
from local_hub.repos.names import REPO_TYPES, is_repo_name, quoted, url_prefix
from local_hub.sizes import format_bytes
from local_hub.state import RunningHub, find_running
from local_hub.upstream.revision import STALE

AT_ONCE = 4
ATTEMPTS = 5
BLOCK_BYTES = 1024**2
# Longer than the hub takes to give upstream up.
ANSWER_SECONDS = 120.0
SAID_SECONDS = 30.0


@dataclass(frozen=True)
class WantedRepo:
    """What to pull."""

    type: str
    id: str
    revision: str


def add_pull(
    commands: Any, serving: argparse.ArgumentParser, read_config: Callable[[argparse.Namespace], HubConfig]
) -> None:
    """Adds the command to the command line."""
    text = "fetch whole repos from the upstream, so that they are served without it"
    command = commands.add_parser("pull", parents=[serving], help=text, description=text)
    command.add_argument("repos", nargs="+", metavar="REPO[@REVISION]", help="such as Qwen/Qwen3-0.6B")
    command.add_argument("--type", choices=REPO_TYPES, default="model", help="of all of them (default model)")
    command.set_defaults(action=lambda options: _pull(options, read_config(options)))


def _pull(options: argparse.Namespace, config: HubConfig) -> int:
    wanted = [_parse(options.type, text) for text in options.repos]
    with _serving(config) as hub:
        client = HubClient(hub, config.directory)
        for repo in wanted:
            pull(client, repo)
    return 0


def _parse(repo_type: str, text: str) -> WantedRepo:
    repo_id, _, revision = text.partition("@")
    names = repo_id.split("/")
    if len(names) > 2 or not all(map(is_repo_name, names)):
        raise HubError(f"{text} is no repo; name one as <namespace>/<name>, such as Qwen/Qwen3-0.6B.")
    return WantedRepo(repo_type, repo_id, revision or "main")


@contextmanager
def _serving(config: HubConfig) -> Iterator[RunningHub]:
    """The hub with its upstream; one that was started for this is stopped again."""
    running = find_running(config.directory)
    upstream = config.upstream.url if config.upstream else running.upstream if running else None
    if upstream is None:
        raise HubError("Name the Hub to pull from: --upstream https://huggingface.co")
    hub = start(config)
    try:
        yield hub
    finally:
        if running is None:
            from local_hub.stopping import stop  # other commands are quicker without

            stop(config.directory)


class HubClient:
    """Asks the hub on this machine, as its owner."""

    def __init__(self, hub: RunningHub, directory: Path) -> None:
        self._hub = hub
        self._directory = directory
        self._said_until = 0.0

    @property
    def upstream(self) -> str | None:
        """The address of the Hub behind it."""
        return self._hub.upstream

    @contextmanager
    def open(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """The answer to a GET; raises `HubError` with the hub's sentence where it is none.

        For as long as upstream takes no requests, it is waited for: a whole repo may be more than it takes at once.
        """
        while True:
            with ask_hub(self._hub, self._directory, "GET", path, seconds=ANSWER_SECONDS) as answer:
                if answer.status == http.client.OK:
                    yield answer
                    return
                if answer.status == http.client.TEMPORARY_REDIRECT:
                    path = answer.headers["location"]
                    continue
                sentence = _sentence(answer)
                if answer.status != http.client.TOO_MANY_REQUESTS:
                    raise HubError(sentence)
                seconds = int(answer.headers["retry-after"])
            self._say_once(sentence)
            time.sleep(seconds)

    def _say_once(self, sentence: str) -> None:
        """Several files may wait for the same."""
        now = time.monotonic()
        if now > self._said_until:
            self._said_until = now + SAID_SECONDS
            print(f"{sentence} Waiting.", file=sys.stderr, flush=True)

    def get(self, path: str) -> tuple[Any, str | None]:
        """The JSON at a path, and the path of the next page."""
        with self.open(path) as answer:
            link = answer.headers.get("link", "")
            following = urlsplit(link.partition("<")[2].partition(">")[0])
            next_path = f"{following.path}?{following.query}" if link else None
            return json.loads(answer.read()), next_path


def pull(client: HubClient, repo: WantedRepo) -> None:
    """Has the hub fetch every file of a revision, and its history and refs; says how far it is."""
    try:
        with client.open(f"/api/{repo.type}s/{repo.id}/revision/{quoted(repo.revision)}") as answer:
            is_stale = answer.headers.get("warning") == STALE
            info = json.loads(answer.read())
    except HubError as error:
        raise HubError(_explain(repo, str(error))) from error
    sha, repo_id = info["sha"], info["id"]
    api = f"/api/{repo.type}s/{repo_id}"
    files: list[dict[str, Any]] = []
    page: str | None = f"{api}/tree/{sha}?recursive=true"
    while page is not None:
        items, page = client.get(page)
        files += [item for item in items if item["type"] == "file"]
    client.get(f"{api}/refs")
    client.get(f"{api}/commits/{sha}")
    base = f"/{url_prefix(repo.type)}{repo_id}/resolve/{sha}/"  # type: ignore[arg-type]
    paths = [base + "/".join(map(quoted, item["path"].split("/"))) for item in files]
    size = sum(item["size"] for item in files)
    title = f"{repo_id}@{sha[:12]}"
    with Progress(f"pulling {title}:", size) as progress:
        _fetch_all(client, paths, progress)
    print(f"{title}: {len(files)} files, {format_bytes(size)}, kept")
    if is_stale:
        print(
            f"{client.upstream} did not confirm that this is still its {repo.revision}; it may have moved on.",
            file=sys.stderr,
        )


def _explain(repo: WantedRepo, sentence: str) -> str:
    hint = (
        f" Is it no {repo.type} (--type), private (LOCAL_HUB_UPSTREAM_TOKEN), "
        "or in a namespace of this hub's own, of which upstream is not asked?"
    )
    told = sentence if sentence.endswith(".") else f"{sentence}."
    return f"{repo.type} {repo.id}@{repo.revision}: {told}{hint if 'not found' in sentence else ''}"


def _fetch_all(client: HubClient, paths: list[str], progress: Progress) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for _ in pool.map(lambda path: _fetch(client, path, progress), paths):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch(client: HubClient, path: str, progress: Progress) -> None:
    """Reads a file through the hub, which keeps it; where it breaks off, the hub goes on from there."""
    for attempt in range(1, ATTEMPTS + 1):
        received = 0
        try:
            with client.open(path) as answer:
                size = int(answer.headers["content-length"])
                while block := answer.read(BLOCK_BYTES):
                    received += len(block)
                    progress.add(len(block))
            if received == size:
                return
            reason = "it broke off"
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
        progress.add(-received)
        if attempt < ATTEMPTS:
            time.sleep(attempt)
    raise HubError(f"{path}: {reason}, {ATTEMPTS} times. Run the command again: it goes on where it was.")


def _sentence(answer: http.client.HTTPResponse) -> str:
    try:
        return str(json.loads(answer.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"The hub answers with status {answer.status}."
