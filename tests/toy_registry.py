"""A container registry with one image, by the protocol that engines pull with."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@contextmanager
def serve_registry(name: str, hold: threading.Event | None = None) -> Iterator[str]:
    """Serves an image that holds one text file; yields its whole reference.

    With `hold`, its layer does not end before that is set.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("note.txt"))
    packed = gzip.compress(layer.getvalue())
    rootfs = {"type": "layers", "diff_ids": [_digest(layer.getvalue())]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _described(CONFIG, config),
        "layers": [_described(LAYER, packed)],
    }
    blobs = {_digest(blob): blob for blob in (packed, config, json.dumps(manifest).encode())}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            digest = list(blobs)[-1] if "/manifests/" in self.path else self.path.rpartition("/")[2]
            body = blobs.get(digest, b"{}")
            self.send_response(200)
            self.send_header("Content-Type", MANIFEST if "/manifests/" in self.path else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[:-1])
                if hold is not None and body is packed:
                    hold.wait()
                self.wfile.write(body[-1:])

        def do_HEAD(self):
            self.do_GET()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/{name}:v1"
        if hold is not None:
            hold.set()
        server.shutdown()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _described(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(blob), "digest": _digest(blob)}
