"""What is answered to bytes that are no HTTP request: JSON with a sentence, as everywhere else."""

import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LARGEST_HEAD_BYTES = 64 * 1024


class SentenceProtocol(H11Protocol):
    """Uvicorn's, except for how it refuses."""

    def send_400_response(self, msg: str) -> None:
        """Says what is wrong and closes the connection."""
        # What h11 has not consumed is the unfinished head; anything else is not HTTP.
        too_long = len(self.conn.trailing_data[0]) > LARGEST_HEAD_BYTES
        status, text = (
            (431, f"The request's headers are longer than {LARGEST_HEAD_BYTES} bytes")
            if too_long
            else (400, msg)
        )
        body = json.dumps({"error": text}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
