"""A stand-in for huggingface.co as its readers meet it. Import it as `public_hub`.

It answers as the real one is documented to, where that differs from the local hub:

- Large files are redirected to another host by a signed address; `X-Linked-Etag`, `X-Linked-Size` and `X-Repo-Commit`
  are on the redirect (`huggingface_hub.file_download`, which drops its token there). S3, behind the CDN, refuses a
  request with an Authorization header beside the signature (AWS: "Only one auth mechanism allowed").
- Small files are redirected on the same host, by a relative 307 to `/api/resolve-cache/...`
  (huggingface/swift-transformers#209, `huggingface_hub.utils._http._httpx_follow_relative_redirects_with_backoff`);
  an ETag may be weak (`huggingface_hub.file_download._normalize_etag`).
- Repos that were renamed, and the first ones, which had no namespace, are redirected by 307
  (https://huggingface.co/docs/hub/repositories-settings).
- Lists come in pages with an absolute `Link: rel="next"` (`huggingface_hub.utils._pagination`), JSON compressed.
- Gated repos are described and listed for everybody; their files answer 401 or 403 with `X-Error-Code: GatedRepo`. An
  unknown repo answers 401 to who has no token (`huggingface_hub.utils._http.hf_raise_for_status`).
- Who asks too often gets 429 with `RateLimit` and `RateLimit-Policy` (https://huggingface.co/docs/hub/rate-limits).
"""

import gzip
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

PAGE = 2
LARGE_BYTES = 1000
MAIN = "main"
GATED_SENTENCE = (
    "Access to model {} is restricted. You must have access to it and be authenticated to access it."
)


@dataclass
class PublicRepo:
    """A repo; `revisions` holds the files of each branch, tag, other ref or commit."""

    id: str
    type: str
    revisions: dict[str, dict[str, bytes]]
    gated: bool = False

    def sha(self, revision: str) -> str | None:
        """The commit that a revision means."""
        return next((sha for name, sha in self._shas() if revision in (name, sha)), None)

    def files(self, revision: str) -> dict[str, bytes]:
        """The files at a revision."""
        return next(self.revisions[name] for name, sha in self._shas() if revision in (name, sha))

    def _shas(self) -> list[tuple[str, str]]:
        return [(name, _sha_of(self.id, name)) for name in self.revisions]


@dataclass
class PublicHub:
    """The stand-in.

    Attributes:
        url: where it listens.
        storage_url: where large files are, on another host.
        token: who sends it may read gated repos.
        repos: by type and name, such as `models/acme/model`; former names too.
        answers_429_for: a part of the next path that is refused with 429, and how many seconds it is to wait.
        page: answers everything with this page, as the login of a network does.
        requests: method, path with query, and headers of each request to the hub.
        storage_requests: likewise, to the other host.
    """

    token: str = "hf_public"
    url: str = ""
    storage_url: str = ""
    repos: dict[str, PublicRepo] = field(default_factory=dict)
    answers_429_for: tuple[str, int] | None = None
    page: str | None = None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    storage_requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    signatures: dict[str, bytes] = field(default_factory=dict)

    def publish(
        self, repo_id: str, files: dict[str, bytes], repo_type: str = "model", **options: Any
    ) -> PublicRepo:
        """Adds a repo; `former` is a name that it had, `revisions` other refs with their files."""
        revisions = {MAIN: files} | options.pop("revisions", {})
        former = options.pop("former", None)
        repo = PublicRepo(repo_id, repo_type, revisions, **options)
        for name in filter(None, (repo_id, former)):
            self.repos[f"{repo_type}s/{name}"] = repo
        return repo

    def paths(self, part: str) -> list[str]:
        """The paths asked for that hold that part."""
        return [path for _, path, _ in self.requests if part in path]


def _sha_of(repo_id: str, revision: str) -> str:
    is_sha = len(revision) == 40
    return revision if is_sha else git_sha(f"{repo_id} {revision}".encode())


def git_sha(content: bytes) -> str:
    """As git names a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def public_hub(port: int = 0) -> Iterator[PublicHub]:
    """Serves a stand-in, on a port of its own unless one is given, and its other host."""
    hub = PublicHub()
    with (
        _serving(type("Storage", (_Storage,), {"hub": hub})) as storage,
        _serving(type("Hub", (_Hub,), {"hub": hub}), port) as url,
    ):
        # Another host than 127.0.0.1, to a client that compares them.
        hub.url, hub.storage_url = url, storage.replace("127.0.0.1", "localhost")
        yield hub


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler], port: int = 0) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: PublicHub

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        # Connections that are kept would outlive the server.
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, body: Any, **headers: str) -> None:
        text = json.dumps(body).encode()
        if "gzip" in self.headers.get("accept-encoding", ""):
            text, headers = gzip.compress(text), headers | {"Content_Encoding": "gzip"}
        self.answer(200, text, Content_Type="application/json; charset=utf-8", **headers)

    def answer_part(self, content: bytes, **headers: str) -> None:
        """The content, or what of it is asked for."""
        asked = self.headers.get("range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        if asked:
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(206 if asked else 200, content[start:], **headers)


class _Storage(_Handler):
    """Where large files are: whoever comes with a signature gets one."""

    def do_GET(self) -> None:
        self.hub.storage_requests.append((self.command, self.path, dict(self.headers)))
        content = self.hub.signatures.get(self.path)
        if "Authorization" in self.headers:
            self.answer(400, b"<Error><Code>InvalidArgument</Code></Error>", Content_Type="application/xml")
        elif content is None:
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>", Content_Type="application/xml")
        else:
            self.answer_part(content, ETag=f'"{hashlib.md5(content).hexdigest()}-1"')


class _Hub(_Handler):
    def do_GET(self) -> None:
        self.hub.requests.append((self.command, self.path, dict(self.headers)))
        address = urlsplit(self.path)
        limit = self.hub.answers_429_for
        if self.hub.page is not None:
            self.answer(200, self.hub.page.encode(), Content_Type="text/html; charset=utf-8")
        elif limit is not None and limit[0] in self.path:
            self.hub.answers_429_for = None
            self.answer(
                429,
                b"We had to rate limit your IP",
                RateLimit=f'"api";r=0;t={limit[1]}',
                RateLimit_Policy='"fixed window";"api";q=500;w=300',
            )
        elif address.path.startswith("/api/resolve-cache/"):
            self._resolve_cached(address.path.removeprefix("/api/resolve-cache/").split("/"))
        elif address.path.startswith("/api/"):
            self._api(address.path.removeprefix("/api/"), parse_qs(address.query))
        else:
            self._resolve(address.path.lstrip("/"))

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _find(self, kind: str, rest: str) -> tuple[PublicRepo, str, list[str]] | None:
        """The repo that a path begins with, the name that it has there, and what follows, decoded."""
        names = sorted(self.hub.repos, key=len, reverse=True)
        key = next((name for name in names if f"{kind}/{rest}/".startswith(f"{name}/")), None)
        if key is None:
            signed_in = "Authorization" in self.headers
            sentence = "Repository not found" if signed_in else "Invalid username or password."
            self.answer(404 if signed_in else 401, b"{}", X_Error_Message=sentence)
            return None
        name = key.removeprefix(f"{kind}/")
        return self.hub.repos[key], name, [unquote(part) for part in rest[len(name) + 1 :].split("/") if part]

    def _redirect_if_renamed(self, repo: PublicRepo, name: str) -> bool:
        if name != repo.id:
            self.answer(307, Location=self.path.replace(f"/{name}", f"/{repo.id}", 1))
        return name != repo.id

    def _unknown_revision(self) -> None:
        self.answer(404, b"{}", X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")

    def _api(self, path: str, query: dict[str, list[str]]) -> None:
        kind, _, rest = path.partition("/")
        if (found := self._find(kind, rest)) is None or self._redirect_if_renamed(*found[:2]):
            return
        repo, _, words = found
        what, revision = (words[0], words[1] if words[1:] else MAIN) if words else ("revision", MAIN)
        sha = repo.sha(revision)
        if what == "auth-check":
            if self._check_gate(repo):
                self.answer(200, b"OK")
        elif what == "refs":
            self.answer_json(_refs(repo))
        elif sha is None:
            self._unknown_revision()
        elif what == "tree":
            self._list(repo, revision, int(query.get("cursor", ["0"])[0]))
        elif what == "commits":
            self.answer_json([{"id": sha, "title": "Add", "message": "", "date": _DATE, "authors": []}])
        else:
            self.answer_json(_describe(repo, revision))

    def _list(self, repo: PublicRepo, revision: str, cursor: int) -> None:
        items = [_item(path, content) for path, content in sorted(repo.files(revision).items())]
        more = {}
        if len(items) > cursor + PAGE:
            address = f"{self.hub.url}{urlsplit(self.path).path}?recursive=true&cursor={cursor + PAGE}"
            more = {"Link": f'<{address}>; rel="next"'}
        self.answer_json(items[cursor : cursor + PAGE], **more)

    def _check_gate(self, repo: PublicRepo) -> bool:
        if not repo.gated or self.headers.get("authorization") == f"Bearer {self.hub.token}":
            return True
        status = 403 if "Authorization" in self.headers else 401
        sentence = GATED_SENTENCE.format(repo.id)
        self.answer(status, sentence.encode(), X_Error_Code="GatedRepo", X_Error_Message=sentence)
        return False

    def _resolve(self, path: str) -> None:
        kind = "datasets" if path.startswith("datasets/") else "models"
        found = self._find(kind, path.removeprefix("datasets/"))
        if found is None or self._redirect_if_renamed(*found[:2]) or not self._check_gate(found[0]):
            return
        repo, _, (_, revision, *names) = found
        sha, name = repo.sha(revision), "/".join(names)
        if sha is None:
            self._unknown_revision()
            return
        content = repo.files(revision).get(name)
        if content is None:
            self.answer(404, b"Entry not found", X_Error_Code="EntryNotFound", X_Repo_Commit=sha)
        elif is_large(content):
            self._redirect_to_storage(sha, name, content)
        else:
            cached = f"/api/resolve-cache/{kind}/{repo.id}/{sha}/{quote(name)}?{quote(self.path, safe='')}="
            self.answer(307, Location=cached, ETag=f'W/"{git_sha(content)}"', X_Repo_Commit=sha)

    def _redirect_to_storage(self, sha: str, name: str, content: bytes) -> None:
        hash_of_content = hashlib.sha256(content).hexdigest()
        disposition = quote(f"inline; filename*=UTF-8''{quote(name)}; filename=\"{name}\";", safe="*")
        path = (
            f"/repos/ab/cd/{hash_of_content}?response-content-disposition={disposition}&Expires=1&Policy=eyJ~_-"
            f"&Signature={secrets.token_urlsafe(40)}~__&Key-Pair-Id=K2L8F4GPSG1IFC"
        )
        self.hub.signatures[path] = content
        self.answer(
            302,
            Location=self.hub.storage_url + path,
            X_Repo_Commit=sha,
            X_Linked_Size=str(len(content)),
            X_Linked_Etag=f'"{hash_of_content}"',
            X_Xet_Hash=hash_of_content,
            Link=f'<{self.hub.url}/api/models/x/xet-read-token/{sha}>; rel="xet-auth"',
        )

    def _resolve_cached(self, parts: list[str]) -> None:
        kind, namespace, name, sha, *path = map(unquote, parts)
        content = self.hub.repos[f"{kind}/{namespace}/{name}"].files(sha)["/".join(path)]
        headers = {"ETag": f'"{git_sha(content)}"', "X_Repo_Commit": sha}
        if "gzip" in self.headers.get("accept-encoding", ""):
            self.answer(200, gzip.compress(content), Content_Encoding="gzip", **headers)
        else:
            self.answer_part(content, **headers)


_DATE = "2025-07-26T03:46:27.000Z"


def is_large(content: bytes) -> bool:
    """Whether a file is kept as LFS."""
    return len(content) > LARGE_BYTES


def _item(path: str, content: bytes) -> dict[str, Any]:
    """A file in a listing, without what is not always there: `lfs.pointerSize`, `lastCommit`, `securityFileStatus`."""
    item: dict[str, Any] = {"type": "file", "oid": git_sha(content), "size": len(content), "path": path}
    if is_large(content):
        item["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
        item["xetHash"] = hashlib.sha256(content[::-1]).hexdigest()
    return item


def _describe(repo: PublicRepo, revision: str) -> dict[str, Any]:
    return {
        "_id": "680da5e0",
        "id": repo.id,
        "author": repo.id.partition("/")[0],
        "sha": repo.sha(revision),
        "lastModified": _DATE,
        "private": False,
        "gated": "manual" if repo.gated else False,
        "disabled": False,
        "downloads": 123,
        "likes": 45,
        "tags": ["safetensors", "license:apache-2.0"],
        "cardData": {"license": "apache-2.0"},
        "siblings": [{"rfilename": path} for path in repo.files(revision)],
        "usedStorage": 0,
        "createdAt": _DATE,
        **({"modelId": repo.id, "pipeline_tag": "text-generation"} if repo.type == "model" else {}),
    }


def _refs(repo: PublicRepo) -> dict[str, Any]:
    def named(prefix: str) -> list[dict[str, Any]]:
        return [
            {"name": name.removeprefix(prefix), "ref": name, "targetCommit": repo.sha(name)}
            for name in repo.revisions
            if name.startswith(prefix)
        ]

    main = {"name": MAIN, "ref": "refs/heads/main", "targetCommit": repo.sha(MAIN)}
    return {"branches": [main], "tags": [], "converts": named("refs/convert/"), "pullRequests": []}
