"""A tag's digest is what its registry says, asked as the distribution specification has it, of a server."""

import hashlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from launcher.images import parse_reference
from launcher.registry import find_digest
from shared.errors import BadInput, PipelineError

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


class Registry(BaseHTTPRequestHandler):
    """Holds `public:v1`, behind a token for anybody, and `bare:v1`, which comes without its digest in a header."""

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        path = urlsplit(self.path)
        if path.path != "/token":
            self._answer()
        elif parse_qs(path.query)["scope"] == ["repository:secret:pull"]:
            self._send(403, b"{}")
        else:
            self._send(200, json.dumps({"token": parse_qs(path.query)["scope"][0]}).encode())

    def _answer(self):
        _, _, repository, _, tag = self.path.split("/")
        scope = f"repository:{repository}:pull"
        if "vnd.oci.image.index" not in self.headers["Accept"]:
            self._send(406, b"")
        elif repository == "broken":
            self._send(503, b"")
        elif repository != "bare" and self.headers["Authorization"] != f"Bearer {scope}":
            realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="here",scope="{scope}"'
            self._send(401, b"", {"WWW-Authenticate": realm})
        elif tag != "v1":
            self._send(404, b"")
        else:
            self._send(200, MANIFEST, {} if repository == "bare" else {"Docker-Content-Digest": DIGEST})

    def _send(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def digest(image):
    return find_digest(parse_reference(image))


def test_the_digest_comes_behind_a_token_that_anybody_gets(registry):
    assert digest(f"{registry}/public:v1") == DIGEST


def test_a_registry_that_does_not_name_the_digest_is_asked_for_the_manifest(registry):
    assert digest(f"{registry}/bare:v1") == DIGEST


def test_a_tag_that_is_not_there_is_refused_with_the_way_out(registry):
    with pytest.raises(
        BadInput, match=r"There is no image .*/public:v2 in its registry\. Push it, or use IMAGE=auto"
    ):
        digest(f"{registry}/public:v2")


def test_an_image_that_is_not_for_everybody_is_refused_as_hf_jobs_could_not_pull_it(registry):
    with pytest.raises(BadInput, match=r"is not there, or not public, and HF Jobs pulls without a password"):
        digest(f"{registry}/secret:v1")


def test_a_registry_in_trouble_is_no_mistake_of_the_user(registry):
    with pytest.raises(PipelineError, match=r"answered 503\. Run it again later") as caught:
        digest(f"{registry}/broken:v1")
    assert not isinstance(caught.value, BadInput)
    with pytest.raises(PipelineError, match=r"The registry of 127\.0\.0\.1:9/x:latest did not answer"):
        digest("127.0.0.1:9/x")


@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed")
def test_a_real_registry_answers_the_same_way(tmp_path):
    port = _free_port()
    config = tmp_path / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path}\nhttp:\n  addr: 127.0.0.1:{port}\n"
    )
    with subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL) as server:
        try:
            pushed = _push_empty_image(f"http://127.0.0.1:{port}/v2/medmcqa")
            assert digest(f"127.0.0.1:{port}/medmcqa:v1") == pushed
            with pytest.raises(BadInput, match="There is no image"):
                digest(f"127.0.0.1:{port}/medmcqa:v2")
        finally:
            server.terminate()


def _free_port():
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        return server.server_port


def _push_empty_image(url):
    """Push an image without layers by the registry's own API, and return its digest."""
    _wait_for(url)
    content = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    ).encode()
    blob = f"sha256:{hashlib.sha256(content).hexdigest()}"
    place = httpx2.post(f"{url}/blobs/uploads/").headers["Location"]
    assert (
        httpx2.put(place, params={**parse_query(place), "digest": blob}, content=content).status_code == 201
    )
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    config = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": len(content),
        "digest": blob,
    }
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})
    answer = httpx2.put(f"{url}/manifests/v1", content=manifest, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
    return answer.headers["Docker-Content-Digest"]


def parse_query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _wait_for(url):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            httpx2.get(f"{url}/tags/list")
            return
        except httpx2.TransportError:
            time.sleep(0.1)
    pytest.fail("docker-registry did not start")
