"""The sentence of a refusal as the status line's reason: of an answer's words the Xet client shows no others."""

import asyncio
import re
from typing import Any

_USUAL_REASON = re.compile(rb"(?<=^HTTP/1\.1 \d{3} )[^\r]*")
_SENTENCE = re.compile(rb"\r\nx-error-message: ([^\r]+)")


class ReasonTransport:
    """The transport of a connection, for one answer: a refusal says there what its `X-Error-Message` does."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_head = True

    def write(self, data: bytes) -> None:
        """Sends a part of the answer, of which the head comes whole."""
        if self._is_head:
            self._is_head = data.startswith(b"HTTP/1.1 100 ")
            if sentence := _SENTENCE.search(data):
                data = _USUAL_REASON.sub(lambda _: sentence[1], data, count=1)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
