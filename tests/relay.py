"""A relay before a hub, which gives some of its answers another content. Import it as `relay`."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HARDWARE = "GET /api/jobs/hardware"
PASSED_ON = ("content-type", "etag", "x-repo-commit", "x-error-code", "x-error-message", "link", "date")


class Relay(BaseHTTPRequestHandler):
    """Passes requests on.

    Attributes:
        answers: by method and path: what makes another content of the hub's JSON, or a status, JSON and headers.
    """

    hub = ""
    answers: dict[str, Callable[[Any], Any] | tuple[int, Any] | tuple[int, Any, dict[str, str]]]

    def do_GET(self):
        path = urlsplit(self.path).path
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        instead = self.answers.get(f"{self.command} {path}")
        if isinstance(instead, tuple):
            status, body, *headers = instead
            headers = {"content-type": "application/json"} | dict(*headers)
            self._answer(status, headers, json.dumps(body).encode())
            return
        connection = http.client.HTTPConnection(urlsplit(self.hub).netloc)
        connection.request(self.command, self.path, content, dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        headers = {name: value for name in PASSED_ON if (value := answer.headers.get(name))}
        if instead:
            body = json.dumps(instead(json.loads(body))).encode()
        self._answer(answer.status, headers, body, answer.headers["content-length"])
        connection.close()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that the server looks for

    def _answer(self, status, headers, body, head_length=None):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", head_length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def relay_to(hub: str) -> Iterator[tuple[str, type[Relay]]]:
    """Serve a relay to a hub; gives its address, and its handler to change answers on."""
    handler = type("Handler", (Relay,), {"hub": hub, "answers": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def at_price(usd_per_minute: float) -> Callable[[Any], Any]:
    """Return what makes every flavor of a hardware list cost that much."""
    return lambda flavors: [item | {"unitCostUSD": usd_per_minute} for item in flavors]
