"""A proxy before a Hub that spoils the files it passes on. Import it as `spoiling_proxy`."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BLOCK_BYTES = 64 * 1024
PASSED_ON = ("range", "authorization")
ANSWERED = (
    "content-type",
    "content-length",
    "content-range",
    "etag",
    "link",
    "x-repo-commit",
    "x-error-code",
)
ANSWERED += ("x-error-message",)


@dataclass
class SpoilingProxy:
    """What happens to files on their way.

    Attributes:
        url: where it listens.
        cut_after: close the connection after so many bytes of the next file, once.
        pause_seconds: wait before each block of a file.
        spoil: change one byte of each answer with a file.
        redirects_to: send whoever asks for a file to the same path there.
        requests: method, path and range of each request.
        tokens: the authorization header of each request.
    """

    url: str = ""
    cut_after: int | None = None
    pause_seconds: float = 0.0
    spoil: bool = False
    redirects_to: str | None = None
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    def asked(self, part: str) -> list[str | None]:
        """Return the ranges of the requests whose path holds that part."""
        return [asked for _, path, asked in self.requests if part in path]


@contextmanager
def spoiling_proxy(hub: str) -> Iterator[SpoilingProxy]:
    """Serve a proxy before a hub."""
    proxy = SpoilingProxy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            proxy.requests.append((self.command, self.path, self.headers.get("range")))
            proxy.tokens.append(self.headers.get("authorization"))
            if proxy.redirects_to and "/resolve/" in self.path:
                self.send_response_only(302)
                self.send_header("location", proxy.redirects_to + self.path)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            connection = http.client.HTTPConnection(urlsplit(hub).netloc)
            headers = {name: value for name in PASSED_ON if (value := self.headers.get(name))}
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            self.send_response_only(answer.status)
            for name in ANSWERED:
                if value := answer.headers.get(name):
                    self.send_header(name, value)
            self.send_header("connection", "close")
            self.end_headers()
            is_file = "/resolve/" in self.path and answer.status < 300
            with suppress(ConnectionError):
                (_send_spoilt if is_file else _send)(proxy, answer, self.wfile)
            connection.close()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _send(_, answer, file):
    file.write(answer.read())


def _send_spoilt(proxy, answer, file):
    left, proxy.cut_after = proxy.cut_after, None
    is_first = True
    while block := answer.read(BLOCK_BYTES):
        time.sleep(proxy.pause_seconds)
        if proxy.spoil and is_first:
            block, is_first = bytes([block[0] ^ 1]) + block[1:], False
        file.write(block if left is None else block[:left])
        if left is not None:
            left -= len(block)
            if left <= 0:
                return
