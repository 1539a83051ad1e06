"""What is answered to bytes that are no HTTP request, or whose head is too long: JSON with a sentence, as always."""

import asyncio
import json
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from local_hub.middleware import SIGNED_PREFIX
from local_hub.status_line import ReasonTransport

LARGEST_HEAD_BYTES = 64 * 1024
# Whoever has connected, or has begun a head, is to complete it within so long: connections are not without number.
HEAD_SECONDS = 60.0
# Whoever is answered is to take something of it within so long: what has filled the socket, a few megabytes at most.
UNREAD_SECONDS = 300.0


class SentenceProtocol(HttpToolsProtocol):
    """Uvicorn's, except that heads have an end and patience too, and for how it refuses."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        # What the parser has taken without telling of anything: half a header, for example.
        self._silent_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begins to wait for a client that does not take what it asked for."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Goes on with the answer."""
        self._stop_waiting_for_reader()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Takes what has come, as far as the parser does not have to keep too much of it."""
        self._silent_bytes += len(data)
        super().data_received(data)
        if self._silent_bytes > LARGEST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.timeout_keep_alive_task is None:  # which ends with the first byte
            self._await_head()

    def on_message_begin(self) -> None:
        """Begins a request."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Takes a part of the address."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header, or a trailer."""
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begins to answer."""
        self._stop_waiting()
        self._silent_bytes = 0
        super().on_headers_complete()
        if self.url.startswith(SIGNED_PREFIX.encode()) and self.cycle is not None:
            self.cycle.transport = cast("asyncio.Transport", ReasonTransport(self.cycle.transport))

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body."""
        self._silent_bytes = 0
        if self.cycle is not None and not self.cycle.body:
            # Uvicorn appends it to what waits and copies both; where nothing waits, it is passed on as it is.
            self.cycle.body, body = cast("bytearray", body), b""
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends the request."""
        self._silent_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Says what is wrong and closes the connection."""
        if self._head_bytes > LARGEST_HEAD_BYTES:
            self._refuse_head()
        else:
            self._refuse(400, msg)

    def _count_head(self, size: int) -> None:
        self._silent_bytes = 0
        self._head_bytes += size
        if self._head_bytes > LARGEST_HEAD_BYTES:
            # The parser stops at this, and `send_400_response` is called.
            raise ValueError("the head is too long")

    def _await_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_waiting_for_reader(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _give_up(self) -> None:
        self._refuse(408, f"No whole head of a request came within {HEAD_SECONDS:g} seconds")

    def _refuse_head(self) -> None:
        self._refuse(431, f"The request's headers are longer than {LARGEST_HEAD_BYTES} bytes")

    def _refuse(self, status: int, text: str) -> None:
        body = json.dumps({"error": text}).encode()
        headers = (
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + headers.encode() + body)
        self.transport.close()
