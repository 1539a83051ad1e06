"""The ways a hub says no: `HubError` to the person who starts it, `ApiError` and `CutOffError` to a client."""

from collections.abc import Mapping


class HubError(Exception):
    """The hub cannot start or go on; the message says what is wrong and what to do, in one line."""


class ApiError(Exception):
    """A refusal that becomes an HTTP answer `{"error": message}` with the Hub's error headers.

    `code` is the Hub's `X-Error-Code` (such as `RepoNotFound`), by which clients classify the error.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})
        self.body = dict(body or {})


class DamagedStoreError(Exception):
    """What was put into the store is missing, or not what it was; the message says which thing."""


class CutOffError(Exception):
    """An answer that has begun cannot be finished: its connection closes, by which the client knows."""
