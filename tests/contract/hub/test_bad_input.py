"""Whatever a socket brings, the hub answers with a sentence, keeps what it has, and goes on.

One hub for all tests, and bare sockets: no client would send most of this.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from serving import serve_hub

from local_hub.repos.lfs import Ticket, TicketSigner

USERS = """
[[users]]
name = "ada"
token = "hf_ada"
[[users]]
name = "bob"
token = "hf_bob"
"""
WAIT_SECONDS = 10
SECRET = b"\0 what only ada may read"
ESCAPES = [
    "..", "../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/etc/passwd",
    "%2fetc%2fpasswd", "a%00b", "..%5c..%5cwindows", "%5c%5chost%5cshare", "a/../../token", "%252e%252e%252ftoken",
    ".git/config", "%c0%ae%c0%ae/token", "%ff%fe", "%ed%a0%80",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return json.loads(self.body)["error"]


class BareHub:
    """The hub as a socket sees it."""

    def __init__(self, server) -> None:
        self.server = server
        self.address = (urlsplit(server.url).hostname, urlsplit(server.url).port)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=WAIT_SECONDS)

    def send_raw(self, *pieces: bytes, then_close_writing: bool = False) -> bytes:
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            if then_close_writing:
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def ask(self, method: str, path: str, body=b"", token="hf_ada", **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return parse(self.send_raw(head(method, path, token, len(content), **headers) + content))

    def files(self) -> set[str]:
        """What lies in its folder, besides what a database and logs write as they go."""
        kept = (path for path in self.server.directory.parent.rglob("*") if path.is_file())
        return {str(path) for path in kept if not path.name.startswith("hub.")}

    def is_well(self) -> bool:
        answer = self.ask("GET", "/api/whoami-v2")
        return answer.status == 200 and json.loads(answer.body)["name"] == "ada"

    def log(self) -> str:
        return (self.server.directory / "hub.log").read_text("utf-8", "replace")

    def upload_address(self, repo: str, content: bytes, token: str = "hf_ada", **said) -> str:
        named = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)} | said
        body = {"operation": "upload", "transfers": ["basic"], "objects": [named]}
        answer = self.ask("POST", f"/{repo}.git/info/lfs/objects/batch", body, token)
        href = json.loads(answer.body)["objects"][0]["actions"]["upload"]["href"]
        return href[href.index("/lfs-upload") :]


def head(method: str, path: str, token: str | None, length: int, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {length}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def read_all(connection: socket.socket) -> bytes:
    answer = bytearray()
    while block := connection.recv(2**16):
        answer += block
    return bytes(answer)


def parse(answer: bytes) -> Answer:
    top, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = top.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Answer(int(status.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, body)


def assert_refused(answer: Answer, *statuses: int) -> None:
    assert answer.status in (statuses or range(400, 500)), answer
    assert len(answer.error.split()) > 1, answer
    assert "traceback" not in answer.error.lower()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad-input")
    users, directory = folder / "users.toml", folder / "hub"
    users.write_text(USERS)
    directory.mkdir()
    with serve_hub(directory, folder / "home", "--users", str(users)) as server:
        bare = BareHub(server)
        for name, repo in (("ada", "open"), ("bob", "bobs")):
            bare.ask("POST", "/api/repos/create", {"name": repo, "type": "model"}, f"hf_{name}")
        bare.ask("POST", "/api/repos/create", {"name": "closed", "type": "model", "visibility": "private"})
        put = bare.upload_address("ada/closed", SECRET)
        assert bare.ask("PUT", put, SECRET, None).status == 200
        oid = hashlib.sha256(SECRET).hexdigest()
        lines = (
            {"key": "header", "value": {"summary": "s"}},
            {"key": "lfsFile", "value": {"path": "a", "oid": oid}},
        )
        made = bare.ask(
            "POST", "/api/models/ada/closed/commit/main", b"\n".join(json.dumps(x).encode() for x in lines)
        )
        assert made.status == 200, made
        yield bare


@pytest.fixture(autouse=True)
def hub_stays_whole(hub):
    """After each test the hub answers, has logged no error, and its folder holds no file that was not there."""
    before, logged = hub.files(), len(hub.log())
    yield
    assert hub.is_well()
    assert "Traceback" not in hub.log()[logged:], hub.log()[logged:]
    deadline = time.monotonic() + WAIT_SECONDS
    while hub.files() != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert hub.files() == before


def commit(hub: BareHub, *lines: object, repo: str = "ada/open", token: str = "hf_ada") -> Answer:
    header = {"key": "header", "value": {"summary": "s"}}
    content = b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in (header, *lines)
    )
    return hub.ask("POST", f"/api/models/{repo}/commit/main", content, token)


def file_line(path: str, content: bytes = b"x") -> dict:
    encoded = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": path, "content": encoded, "encoding": "base64"}}


def history(hub: BareHub, repo: str = "ada/open") -> int:
    return len(json.loads(hub.ask("GET", f"/api/models/{repo}/commits/main").body))


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_name_that_leads_out_is_no_name(hub, escape):
    for method, path in (
        ("GET", f"/ada/open/resolve/main/{escape}"),
        ("GET", f"/ada/open/resolve/{escape}/config.json"),
        ("GET", f"/{escape}/open/resolve/main/token"),
        ("GET", f"/ada/{escape}/resolve/main/token"),
        ("GET", f"/datasets/ada/{escape}/resolve/main/token"),
        ("GET", f"/api/models/ada/open/tree/main/{escape}"),
        ("GET", f"/api/models/ada/open/tree/{escape}"),
        ("GET", f"/api/models/ada/{escape}"),
        ("GET", f"/api/models/{escape}/open/revision/main"),
        ("GET", f"/api/models/ada/open/discussions/{escape}"),
        ("POST", f"/api/models/ada/open/branch/{escape}"),
        ("DELETE", f"/api/models/ada/open/branch/{escape}"),
        ("DELETE", f"/api/models/ada/open/tag/{escape}"),
        ("GET", f"/api/jobs/ada/{escape}"),
        ("GET", f"/api/jobs/ada/{escape}/logs"),
        ("POST", f"/api/jobs/ada/{escape}/cancel"),
        ("GET", f"/api/jobs/{escape}/open"),
        ("POST", f"/-/xet/{escape}/v1/xorbs/default/{'0' * 64}"),
        ("POST", f"/-/xet/xet-1/v1/xorbs/default/{escape}"),
    ):
        answer = hub.ask(method, path)
        if (method, answer.status) == ("POST", 200):  # a letter that looks odd, and is a letter
            assert hub.ask("DELETE", path).status == 200
            continue
        assert answer.status in (400, 401, 403, 404, 422, 501), (method, path, answer)
        assert answer.error, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "..", "../up", "a/../../up", "/etc/passwd", "\\\\host\\share", "..\\up", "a\0b", "./a", "a//b", "a/",
        ".git/config",
        "a/.GIT/config", "", "a\nb", "\ud800", "a" * 5000, "/".join("a" * 1500),
    ],
)  # fmt: skip
def test_a_commit_names_paths_inside_the_repo(hub, path):
    before = history(hub)
    assert_refused(commit(hub, file_line(path)), 400, 422)
    assert_refused(commit(hub, {"key": "lfsFile", "value": {"path": path, "oid": "0" * 64}}), 400, 422)
    if path != "a/":
        assert_refused(commit(hub, {"key": "deletedFile", "value": {"path": path}}), 400, 404, 422)
    assert history(hub) == before


@pytest.mark.parametrize("name", [*ESCAPES, "a\0b", "\ud800", "../x", "a" * 97, None, {"a": 1}])
def test_a_repo_is_made_and_moved_under_a_plain_name_only(hub, name):
    assert_refused(hub.ask("POST", "/api/repos/create", {"name": name, "type": "model"}))
    assert_refused(
        hub.ask("POST", "/api/repos/move", {"fromRepo": "ada/open", "toRepo": f"ada/{name}" if name else ""})
    )
    assert_refused(
        hub.ask("POST", "/api/repos/create", {"name": "x", "type": "model", "organization": name or "bob"})
    )
    assert_refused(hub.ask("DELETE", "/api/repos/delete", {"name": name, "type": "model"}))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000,
        b'{"files": 1}',
        b'{"files": [1]}', b'{"files": [{"path": 1}]}', b'{"files": [{"path": "a", "size": 1, "sample": "\\u00fc"}]}',
        b'{"files": [{"path": "\\ud800", "size": 1}]}', b'{"files": [{"path": "a", "size": "1"}]}',
        b'{"files": [{"path": "a", "size": 1}], "gitIgnore": 7}', b'{"files": [{"path": "a", "size": NaN}]}',
    ],
)  # fmt: skip
def test_what_is_not_the_json_that_was_asked_for_is_refused(hub, body):
    assert_refused(hub.ask("POST", "/api/models/ada/open/preupload/main", body))
    for method, path in (
        ("POST", "/api/repos/create"), ("POST", "/api/repos/move"), ("POST", "/api/validate-yaml"),
        ("POST", "/ada/open.git/info/lfs/objects/batch"), ("POST", "/ada/open.git/info/lfs/objects/verify"),
        ("POST", "/api/models/ada/open/tag/main"), ("POST", "/api/models/ada/open/super-squash/main"),
        ("POST", "/api/models/ada/open/discussions"), ("POST", "/api/models/ada/open/commit/main"),
        ("POST", "/api/models/ada/open/lfs-files/batch"), ("POST", "/api/jobs/ada"),
    ):  # fmt: skip
        answer = hub.ask(method, path, body)
        assert 400 <= answer.status < 500 or answer.status == 501, (path, answer)
        assert answer.error


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000, b'{"key": "file", "value": []}', b'{"key": 1, "value": {}}',
        b'{"key": "else", "value": {"path": "a"}}',
        b'{"key": "file", "value": {"path": "a", "content": "%%%"}}',
        b'{"key": "file", "value": {"path": "a", "content": 1}}',
        b'{"key": "file", "value": {"path": "a", "content": "eA==", "encoding": "utf-8"}}',
        b'{"key": "file", "value": {"path": "a", "content": "\\ud800"}}',
        b'{"key": "lfsFile", "value": {"path": "a", "oid": "../x"}}',
        b'{"key": "lfsFile", "value": {"path": "a", "oid": "' + b"0" * 64 + b'"}}', b"not json",
        b'{"key": "header", "value": {"summary": "s"}}',
    ],
)  # fmt: skip
def test_a_commit_with_one_bad_line_is_none(hub, line):
    before = history(hub)
    assert_refused(commit(hub, file_line("good.txt"), line))
    assert history(hub) == before


def test_text_that_no_file_could_hold_is_refused(hub):
    body = b'{"key": "header", "value": {"summary": "\\ud800", "description": "\\udfff"}}'
    assert_refused(hub.ask("POST", "/api/models/ada/open/commit/main", body))
    body = b'{"key": "header", "value": {"summary": "s", "description": "\\udfff"}}'
    assert_refused(hub.ask("POST", "/api/models/ada/open/commit/main", body))
    job = {"dockerImage": "python", "command": ["true"]}
    for field, value in (
        ("command", ["\ud800"]),
        ("environment", {"A": "\ud800"}),
        ("dockerImage", "\ud800"),
    ):
        assert_refused(hub.ask("POST", "/api/jobs/ada", job | {field: value}))


@pytest.mark.parametrize(
    "said",
    [
        {"size": 10**18},
        {"size": 2**63},
        {"size": 10**400},
        {"size": True},
        {"size": 1.5},
        {"oid": "0" * 63 + "\n"},
        {"oid": ["0"]},
    ],
)
def test_a_size_that_cannot_be_is_refused_before_addresses_are_made_for_it(hub, said):
    named = {"oid": "0" * 64, "size": 1} | said
    body = {"operation": "upload", "transfers": ["basic", "multipart"], "objects": [named]}
    assert_refused(hub.ask("POST", "/ada/open.git/info/lfs/objects/batch", body), 413, 422, 507)


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e3", "%00", "\u0669" * 3, "0x10", ""])
def test_a_number_in_a_query_is_a_number(hub, number):
    for path in (
        "/api/models?limit={}",
        "/api/models/ada/open/tree/main?cursor={}",
        "/api/jobs/ada?limit={}",
    ):
        answer = hub.ask("GET", path.format(quote(number, safe="%")))
        assert answer.status in (200, 400), answer


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=-", "bytes=a-b", f"bytes={'9' * 5000}-", f"bytes=-{'9' * 5000}", "bytes=0-0,2-3",
              "lines=1-2", "bytes=99-"],
)  # fmt: skip
def test_an_odd_range_is_ignored_or_refused(hub, asked):
    for path in ("/ada/open/resolve/main/.gitattributes", "/ada/closed/resolve/main/a"):
        assert hub.ask("GET", path, Range=asked).status in (200, 206, 400, 416)


@pytest.mark.parametrize(
    "host", ["a b", "[::1", "hub:port", "\xff", "a/../..", "x" * 300, "evil.example@hub"]
)
def test_a_host_that_is_none_breaks_nothing(hub, host):
    body = b'{"operation": "upload", "objects": [{"oid": "' + b"0" * 64 + b'", "size": 1}]}'
    for method, path, content in (
        ("GET", "/api/models?limit=1", b""), ("POST", "/ada/open.git/info/lfs/objects/batch", body),
    ):  # fmt: skip
        request = head(method, path, "hf_ada", len(content)).replace(
            b"Host: localhost", b"Host: " + host.encode("latin-1")
        )
        answer = parse(hub.send_raw(request + content))
        assert answer.status == 200 or (400 <= answer.status < 500 and answer.error), answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0\1\2\3\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 20_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nxyz\r\n",
        b"POST /api/repos/create HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_gets_a_sentence_or_a_closed_socket(hub, request_bytes):
    try:
        answer = hub.send_raw(request_bytes, then_close_writing=True)
    except OSError:
        return  # the hub has answered and gone before all of it was sent
    if answer:  # some of it a lenient parser takes for a request, to which there is no page
        assert_refused(parse(answer), *range(400, 500), 501)


def test_a_whole_address_in_the_first_line_means_its_path(hub):
    for target in ("http://hub/api/whoami-v2", "HTTP://elsewhere:80/api/whoami-v2"):
        assert hub.ask("GET", target).status == 200
    assert hub.ask("GET", "http://hub/").status == 200


@pytest.mark.parametrize(
    "rest",
    [
        b"X: " + b"x" * 500_000,  # without an end
        b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        b"X: xxxxxx\r\n" * 10_000 + b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 500_000,
    ],
    ids=["endless", "whole", "many", "trailer"],
)
def test_headers_that_are_too_long_are_told_so(hub, rest):
    with hub.connect() as connection:
        with suppress(OSError):  # the hub has answered and gone before all of it was sent
            connection.sendall(b"POST /api/repos/create HTTP/1.1\r\nHost: a\r\n" + rest)
        with connection.makefile("rb") as reader:
            head = b"".join(iter(reader.readline, b"\r\n"))
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            answer = parse(head + b"\r\n" + reader.read(length))
    assert answer.status == 431
    assert "headers" in answer.error


@pytest.mark.parametrize(
    "length", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"], ids=["announced", "chunked"]
)
def test_a_body_that_is_cut_off_changes_nothing(hub, length):
    before = history(hub)
    line = (
        json.dumps({"key": "header", "value": {"summary": "s"}}).encode()
        + b"\n"
        + json.dumps(file_line("cut")).encode()
    )
    sent = line + b"\n" if b"Length" in length else b"%x\r\n%s\n\r\n" % (len(line) + 1, line)
    for method, path in (
        ("POST", "/api/models/ada/open/commit/main"),
        ("PUT", hub.upload_address("ada/open", line * 5)),
    ):
        top = head(method, path, "hf_ada", 0).replace(b"Content-Length: 0", length)
        for closing in (True, False):
            with hub.connect() as connection:
                connection.sendall(top + sent)
                if closing:
                    connection.shutdown(socket.SHUT_WR)
                    assert b"HTTP/1.1 2" not in read_all(connection)
    assert history(hub) == before


@pytest.mark.parametrize("sent", [b"", b"short", b"longer than the file was said to be", b"right size!!!!"])
def test_another_content_than_announced_is_refused(hub, sent):
    address = hub.upload_address("ada/open", b"right content!")
    assert_refused(hub.ask("PUT", address, sent, None), 413, 422)


def changed(address: str, **fields: str) -> str:
    path, _, query = address.partition("?")
    values = {name: found[0] for name, found in parse_qs(query, keep_blank_values=True).items()}
    return f"{path}?{urlencode(values | fields)}"


def test_an_upload_address_is_good_for_its_own_file_in_its_own_repo(hub):
    address = hub.upload_address("bob/bobs", b"content", "hf_bob")
    for forged in (
        changed(address, repo_key="1"),
        changed(address, oid=hashlib.sha256(b"other").hexdigest()),
        changed(address, size="5"),
        changed(address, part="1"),
        changed(address, session="../../objects"),
        changed(address, expires=str(2**40)),
        changed(address, expires="9" * 5000),
        changed(address, signature=""),
        address.replace("/whole?", "/part?"),
        address.replace("/whole?", "/completion?"),
    ):
        method = "POST" if "completion" in forged else "PUT"
        assert_refused(hub.ask(method, forged, b"other", None), 403, 400)
    key = (hub.server.directory / "upload-key").read_text().strip()
    old = TicketSigner(key).query("whole", Ticket(1, "0" * 64, 1, expires=int(time.time()) - 1))
    assert "expired" in hub.ask("PUT", f"/lfs-upload/whole?{urlencode(old)}", b"x", None).error


def test_an_address_is_the_right_to_upload_one_file_and_to_read_none(hub):
    """Whoever holds it may use it, as with the real Hub's; what it brings is the repo's, and nobody else's."""
    address = hub.upload_address("ada/closed", SECRET[::-1])
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert hub.ask(method, address, b"", "hf_bob").status in (404, 405, 501)
    assert_refused(hub.ask("PUT", address, b"another content", "hf_bob"), 413, 422)
    oid = hashlib.sha256(SECRET).hexdigest()
    for line in ({"key": "lfsFile", "value": {"path": "stolen", "oid": oid}},):
        assert_refused(commit(hub, line, repo="bob/bobs", token="hf_bob"), 400)
    for path in ("/ada/closed/resolve/main/a", "/api/models/ada/closed", "/api/models/ada/closed/lfs-files"):
        for token in ("hf_bob", None):
            answer = hub.ask("GET", path, token=token)
            assert answer.status in (401, 404)
            assert SECRET not in answer.body


def test_an_address_of_a_repo_that_is_gone_gives_nothing(hub):
    hub.ask("POST", "/api/repos/create", {"name": "gone", "type": "model"})
    address = hub.upload_address("ada/gone", b"left")
    hub.ask("DELETE", "/api/repos/delete", {"name": "gone", "type": "model"})
    assert_refused(hub.ask("PUT", address, b"left", None), 404)


def test_the_token_of_a_xet_upload_is_good_for_that_upload(hub):
    def session(repo: str, token: str) -> tuple[str, str]:
        answer = json.loads(hub.ask("GET", f"/api/models/{repo}/xet-write-token/main", token=token).body)
        return answer["casUrl"].partition("/-/")[2], answer["accessToken"]

    mine, right = session("ada/open", "hf_ada")
    theirs, _ = session("bob/bobs", "hf_bob")
    xorb = f"v1/xorbs/default/{'0' * 64}"
    for path, token in (
        (f"/-/{theirs}/{xorb}", right),
        (f"/-/{mine}/{xorb}", "hf_ada"),
        (f"/-/{mine}/{xorb}", None),
        (f"/-/{mine}/{xorb}", right[:-8]),
        (f"/-/{mine}/{xorb}", "\xff"),
        (f"/-/{mine}/../{theirs.rpartition('/')[2]}/{xorb}", right),
    ):
        assert_refused(hub.ask("POST", path, b"x", token), 400, 401, 403, 404)
    for shard in (b"", b"x" * 100, b"HFRepoMetaData\0", b"HFRepoMetaData\0" + b"\xfe" * 481):
        assert_refused(hub.ask("POST", f"/-/{mine}/v1/shards", shard, right), 400)


def test_a_line_that_is_too_long_is_refused_while_it_comes(hub):
    line = b'{"key": "file", "value": {"path": "a", "content": "' + b"A" * (12 * 2**20)
    answer = commit(hub, line)
    assert answer.status == 413
    assert "LFS" in answer.error


def test_a_commit_of_too_many_changes_is_refused(hub):
    line = json.dumps({"key": "deletedFile", "value": {"path": "none"}}).encode()
    answer = commit(hub, *[line] * 100_001)
    assert answer.status == 413
    assert "100000" in answer.error


def test_slow_writers_and_idle_connections_hold_up_nobody(hub):
    with ExitStack() as stack:
        for number in range(300):
            connection = stack.enter_context(hub.connect())
            if number % 3 == 1:
                connection.sendall(b"POST /api/repos/create HTTP/1.1\r\nHost: h\r\nContent-Le")
            if number % 3 == 2:
                connection.sendall(head("POST", "/api/models/ada/open/commit/main", "hf_ada", 1000) + b"{")
        slow = stack.enter_context(hub.connect())
        request = head("GET", "/api/whoami-v2", "hf_ada", 0)
        slow.sendall(request[:-10])
        for byte in request[-10:]:
            start = time.monotonic()
            assert hub.is_well()
            assert time.monotonic() - start < WAIT_SECONDS / 2
            slow.sendall(bytes([byte]))
        assert parse(read_all(slow)).status == 200
