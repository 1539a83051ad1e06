"""A hub is walked through random changes and killed between and during them; it must hold what a plain model holds.

What the hub acknowledged is there after the kill; what it did not acknowledge is there wholly or not at all.
"""

import base64
import copy
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from chaos.killable_hub import KillableHub
from chaos.tally import Tally

STEPS_BETWEEN_KILLS = 12
# A change takes the hub a few milliseconds; the kill comes somewhere in them, or just after.
KILL_AFTER_SECONDS = 0.02
TIMEOUT_SECONDS = 30
REPOS = ("one", "two")
PATHS = tuple(f"{folder}{name}" for folder in ("", "a/", "b/c/") for name in ("1.txt", "2.txt", "3.bin"))
COMPARED_COMMITS = 50  # of a branch, the first page


@dataclass
class RepoModel:
    """What a repo should hold: of a branch its files and its commits' titles, newest first; of a tag the files."""

    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})
    titles: dict[str, list[str]] = field(default_factory=lambda: {"main": ["initial commit"]})
    tags: dict[str, dict[str, bytes]] = field(default_factory=dict)


State = dict[str, RepoModel]


@dataclass(frozen=True)
class Step:
    """A change: how to ask for it, and what it makes of the model; `ask` returns whether the hub said yes."""

    name: str
    ask: Callable[[], bool]
    apply: Callable[[State], None]


class Walker:
    """Draws changes from a seed, asks the hub for them, and keeps the model."""

    def __init__(self, hub: KillableHub, draw: random.Random) -> None:
        self.hub = hub
        self.draw = draw
        self.state: State = {}
        self.http = httpx2.Client(timeout=TIMEOUT_SECONDS)
        self.count = 0

    def walk(self, kills: int, tally: Tally) -> None:
        """Takes steps and kills the hub so often, comparing after each kill."""
        for _ in range(kills):
            for _ in range(self.draw.randrange(STEPS_BETWEEN_KILLS)):
                step = self.next_step()
                tally.check(f"step {self.count}, {step.name}: refused", step.ask())
                step.apply(self.state)
            allowed = self.kill_during(self.next_step(), tally)
            tally.kill("hub under random changes")
            found = self.observe(tally)
            agreeing = [state for state in allowed if expected_of(state) == found]
            tally.check(
                f"step {self.count}: the hub holds {found}, not {expected_of(allowed[0])}", bool(agreeing)
            )
            self.state = (agreeing or allowed)[0]

    def kill_during(self, step: Step, tally: Tally) -> list[State]:
        """Kills the hub while it makes a change; returns the states that it may come back with."""
        answers: list[bool | None] = [None]

        def ask() -> None:
            try:
                answers[0] = step.ask()
            except httpx2.TransportError:
                return

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(self.draw.uniform(0, KILL_AFTER_SECONDS))
        self.hub.kill()
        asking.join()
        self.http.close()
        self.hub.start()
        self.http = httpx2.Client(timeout=TIMEOUT_SECONDS)
        tally.check(f"step {self.count}, {step.name}: refused under a kill", answers[0] is not False)
        after = copy.deepcopy(self.state)
        step.apply(after)
        return [after] if answers[0] else [after, self.state]

    def next_step(self) -> Step:
        """A change that the hub should say yes to."""
        self.count += 1
        missing = [name for name in REPOS if name not in self.state]
        if missing:
            return self.create(missing[0])
        repo = self.draw.choice(REPOS)
        model = self.state[repo]
        makers = [self.commit] * 6 + [self.branch, self.tag, self.squash]
        makers += [self.drop_branch] * (len(model.branches) > 1) + [self.drop_tag] * bool(model.tags)
        makers += [self.delete] * (self.draw.random() < 0.3)
        makers += [self.collect]
        return self.draw.choice(makers)(repo)

    def create(self, repo: str) -> Step:
        return Step(
            f"create {repo}",
            lambda: self.send("POST", "/api/repos/create", json={"name": repo, "type": "model"}),
            lambda state: state.__setitem__(repo, RepoModel()),
        )

    def delete(self, repo: str) -> Step:
        return Step(
            f"delete {repo}",
            lambda: self.send("DELETE", "/api/repos/delete", json={"name": repo, "type": "model"}),
            lambda state: state.__delitem__(repo),
        )

    def commit(self, repo: str) -> Step:
        branch = self.draw.choice(sorted(self.state[repo].branches))
        files, title = dict(self.state[repo].branches[branch]), f"commit {self.count}"
        lines: list[dict[str, Any]] = [{"key": "header", "value": {"summary": title}}]
        large: list[bytes] = []
        for path in self.draw.sample(PATHS, self.draw.randint(1, 4)):
            if path in files and self.draw.random() < 0.3:
                lines.append({"key": "deletedFile", "value": {"path": path}})
                del files[path]
                continue
            copied = sorted(other for other in files if other[-4:] == path[-4:])
            if copied and self.draw.random() < 0.3:
                files[path] = files[self.draw.choice(copied)]
            else:
                files[path] = self.draw.randbytes(self.draw.choice((0, 10, 5000)))
            if path.endswith(".bin"):
                large.append(files[path])
                lines.append({"key": "lfsFile", "value": {"path": path, "oid": sha256(files[path])}})
            else:
                value = {"path": path, "content": encode(files[path]), "encoding": "base64"}
                lines.append({"key": "file", "value": value})
        content = "\n".join(map(json.dumps, lines))

        def apply(state: State) -> None:
            state[repo].branches[branch] = files
            state[repo].titles[branch] = [title, *state[repo].titles[branch]]

        return Step(
            f"{title} to {repo} {branch}",
            lambda: (
                self.upload(repo, large)
                and self.send("POST", f"{api_of(repo)}/commit/{branch}", content=content)
            ),
            apply,
        )

    def branch(self, repo: str) -> Step:
        source, name = self.draw.choice(sorted(self.state[repo].branches)), f"branch-{self.count}"

        def apply(state: State) -> None:
            state[repo].branches[name] = state[repo].branches[source]
            state[repo].titles[name] = state[repo].titles[source]

        return Step(
            f"branch {name} of {repo}",
            lambda: self.send("POST", f"{api_of(repo)}/branch/{name}", json={"startingPoint": source}),
            apply,
        )

    def drop_branch(self, repo: str) -> Step:
        name = self.draw.choice(sorted(set(self.state[repo].branches) - {"main"}))

        def apply(state: State) -> None:
            del state[repo].branches[name], state[repo].titles[name]

        return Step(
            f"drop {name} of {repo}", lambda: self.send("DELETE", f"{api_of(repo)}/branch/{name}"), apply
        )

    def tag(self, repo: str) -> Step:
        source, name = self.draw.choice(sorted(self.state[repo].branches)), f"tag-{self.count}"
        return Step(
            f"{name} of {repo}",
            lambda: self.send("POST", f"{api_of(repo)}/tag/{source}", json={"tag": name}),
            lambda state: state[repo].tags.__setitem__(name, state[repo].branches[source]),
        )

    def drop_tag(self, repo: str) -> Step:
        name = self.draw.choice(sorted(self.state[repo].tags))
        return Step(
            f"drop {name} of {repo}",
            lambda: self.send("DELETE", f"{api_of(repo)}/tag/{name}"),
            lambda state: state[repo].tags.__delitem__(name),
        )

    def squash(self, repo: str) -> Step:
        branch, title = self.draw.choice(sorted(self.state[repo].branches)), f"squash {self.count}"
        return Step(
            f"{title} of {repo} {branch}",
            lambda: self.send("POST", f"{api_of(repo)}/super-squash/{branch}", json={"message": title}),
            lambda state: state[repo].titles.__setitem__(branch, [title]),
        )

    def collect(self, repo: str) -> Step:
        """Collects garbage, which changes nothing that anybody sees."""
        asked = {"older_than_seconds": 3600, "dry_run": False}
        return Step(
            "collect garbage",
            lambda: self.send("POST", "/api/local-hub/gc", json=asked),
            lambda state: None,
        )

    def upload(self, repo: str, contents: Iterable[bytes]) -> bool:
        """Sends large files that the hub does not have."""
        objects = [{"oid": sha256(content), "size": len(content)} for content in contents]
        if not objects:
            return True
        body = {"operation": "upload", "objects": objects}
        answer = self.request("POST", f"/local/{repo}.git/info/lfs/objects/batch", json=body)
        wanted = {
            item["oid"]: item["actions"]["upload"]["href"]
            for item in answer.json()["objects"]
            if "actions" in item
        }
        by_oid = {sha256(content): content for content in contents}
        return all(self.http.put(url, content=by_oid[oid]).is_success for oid, url in wanted.items())

    def observe(self, tally: Tally) -> dict[str, Any]:
        """What the hub holds, each file read."""
        found = {}
        for repo in REPOS:
            refs = self.request("GET", f"{api_of(repo)}/refs")
            if refs.is_success:
                names = {kind: [ref["name"] for ref in refs.json()[kind]] for kind in ("branches", "tags")}
                files = {name: self.read(repo, name, tally) for kind in names for name in names[kind]}
                titles = {name: self.titles(repo, name) for name in names["branches"]}
                found[repo] = {"files": files, "titles": titles}
        return found

    def titles(self, repo: str, branch: str) -> list[str]:
        return [commit["title"] for commit in self.request("GET", f"{api_of(repo)}/commits/{branch}").json()]

    def read(self, repo: str, revision: str, tally: Tally) -> dict[str, str]:
        files = {}
        for item in self.request("GET", f"{api_of(repo)}/tree/{revision}?recursive=true").json():
            if item["type"] == "file" and item["path"] != ".gitattributes":
                answer = self.request("GET", f"/local/{repo}/resolve/{revision}/{item['path']}")
                tally.check(f"{repo} {revision} {item['path']} cannot be read", answer.is_success)
                files[item["path"]] = sha256(answer.content)
        return files

    def send(self, method: str, path: str, **options: Any) -> bool:
        return self.request(method, path, **options).is_success

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.hub.token}"}
        return self.http.request(method, self.hub.url + path, headers=headers, **options)


def walk_hub(hub: KillableHub, folder: Path, seed: int, kills: int, tally: Tally) -> None:
    """Walk a hub through random changes under so many kills; the same seed draws the same changes."""
    Walker(hub, random.Random(seed)).walk(kills, tally)
    tally.check("the hub's database is damaged", hub.is_intact())
    tally.check("the hub's folder does not hold what its hashes say", hub.is_whole())


def expected_of(state: State) -> dict[str, Any]:
    """A state as `observe` tells it."""
    return {
        repo: {
            "files": {
                name: {path: sha256(content) for path, content in files.items()}
                for name, files in (model.branches | model.tags).items()
            },
            "titles": {name: titles[:COMPARED_COMMITS] for name, titles in model.titles.items()},
        }
        for repo, model in state.items()
    }


def api_of(repo: str) -> str:
    return f"/api/models/local/{repo}"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
