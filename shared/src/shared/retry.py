"""When the Hub fails: asking it again where the reason may pass, and saying in one line what it was otherwise.

The client itself asks again for uploads of large files and for listings; `Patience` is for all the rest.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import httpx2
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

from shared.errors import BadInput, PipelineError

T = TypeVar("T")
PASSING_STATUSES = (408, 429, 500, 502, 503, 504)
LONGEST_PAUSE_SECONDS = 30.0
# Whatever the client raises where the Hub failed it. It wraps what went wrong with a large file in a RuntimeError;
# a ConnectionError comes from its Xet part.
CLIENT_FAILURES = (
    ConnectionError,
    httpx2.TransportError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    CachedRepoTreeNotFoundError,
    json.JSONDecodeError,
    RuntimeError,
)


@dataclass
class Patience:
    """How often and how long the Hub is asked again.

    An address that has never answered may well be a wrong one, so it is not tried for long.

    Attributes:
        tries: how often it is asked at most.
        first_tries: the same, as long as it has not answered at all.
        first_pause: seconds; each pause is about twice the one before it.
        seconds: after that long no new try begins, even where the Hub asks for a longer pause.
    """

    tries: int = 8
    first_tries: int = 4
    first_pause: float = 0.5
    seconds: float = 600.0
    _answered: bool = field(default=False, init=False)

    def call(self, doing: str, request: Callable[[], T]) -> T:
        """Return what `request` returns; it must do no harm where it is made twice."""
        deadline = time.monotonic() + self.seconds
        for number in count(1):
            try:
                answer = request()
            except CLIENT_FAILURES as error:
                pause = self._pause(number, error)
                if pause is None or time.monotonic() + pause > deadline:
                    raise
                print(self._notice(doing, error, pause, number), file=sys.stderr, flush=True)
                time.sleep(pause)
            else:
                self._answered = True
                return answer
        raise AssertionError("unreachable")

    def _pause(self, number: int, error: Exception) -> float | None:
        """Return the seconds to wait after a try that failed, None where another would be in vain."""
        failure = innermost(error)
        self._answered |= isinstance(failure, HfHubHTTPError)
        if not is_passing(failure) or number >= self._most_tries():
            return None
        wished = _wished_pause(failure.response) if isinstance(failure, HfHubHTTPError) else 0.0
        # With jitter, so that clients which failed together do not come back together.
        own = min(LONGEST_PAUSE_SECONDS, self.first_pause * 2.0 ** (number - 1)) * random.uniform(0.5, 1.0)
        return max(own, wished)

    def _most_tries(self) -> int:
        return self.tries if self._answered else self.first_tries

    def _notice(self, doing: str, error: Exception, pause: float, number: int) -> str:
        what = describe(innermost(error))
        return f"The Hub {what} while {doing}; trying again in {pause:.1f} s ({number + 1} of {self._most_tries()})."


def innermost(error: Exception) -> Exception:
    """Return what the client's wrapping errors are about."""
    while isinstance(error, RuntimeError | LocalEntryNotFoundError) and isinstance(
        error.__cause__, Exception
    ):
        error = error.__cause__
    return error


def is_passing(failure: Exception) -> bool:
    """Tell whether the same request may well succeed a little later."""
    if isinstance(failure, HfHubHTTPError):
        return failure.response.status_code in PASSING_STATUSES
    if isinstance(failure, httpx2.TransportError):
        return isinstance(failure, httpx2.TimeoutException | httpx2.NetworkError | httpx2.RemoteProtocolError)
    if type(failure) is ConnectionError:
        return True
    # A proxy in between excuses itself in HTML; and the client goes on with what it has where a listing failed.
    return isinstance(failure, json.JSONDecodeError | CachedRepoTreeNotFoundError)


def describe(failure: Exception) -> str:
    """Return what the Hub did, as the rest of a sentence that begins with "The Hub"."""
    if isinstance(failure, HfHubHTTPError):
        return f"answered {failure.response.status_code}"
    if isinstance(failure, json.JSONDecodeError):
        return "answered something that is not JSON"
    if isinstance(failure, CachedRepoTreeNotFoundError):
        return "did not list the files"
    return f"did not answer ({str(failure) or type(failure).__name__})"


def _wished_pause(response: httpx2.Response) -> float:
    """Return the seconds that the Hub asks its clients to wait, 0 where it does not say."""
    limit = parse_ratelimit_headers(response.headers)
    if response.status_code == 429 and limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds + 1)
    value = response.headers.get("retry-after", "").strip()
    return float(value) if value.isdigit() else 0.0


@contextmanager
def hub_errors(doing: str) -> Iterator[None]:
    """Turn the client's exceptions into one line with a next step; what the caller handles itself passes."""
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise BadInput(
            f"No Hub token was found while {doing}. Set HF_TOKEN to one with write access."
        ) from error
    except HFValidationError as error:
        raise BadInput(f"No repo can be named so, while {doing}: {error}") from error
    except CLIENT_FAILURES as error:
        failure = innermost(error)
        explained = _explain(failure, doing)
        if explained is None:
            raise
        raise explained from failure


def _explain(failure: Exception, doing: str) -> PipelineError | None:
    match failure:
        case OfflineModeIsEnabled():
            return BadInput(
                f"The Hub client is in offline mode while {doing}. Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE."
            )
        case GatedRepoError():
            return BadInput(
                f"Access denied while {doing}: the repo is gated. Accept its terms on the Hub first."
            )
        case RevisionNotFoundError():
            return BadInput(
                f"No such revision while {doing}. Check the part after '@', or leave it out for main."
            )
        case RepositoryNotFoundError():
            return BadInput(
                f"Not found while {doing}. Check the name, HF_ENDPOINT, and that HF_TOKEN may read it."
            )
        case EntryNotFoundError():
            return BadInput(f"No such file while {doing}.")
        case HfHubHTTPError():
            return _http_error(failure, doing)
    if is_passing(failure) or isinstance(failure, httpx2.TransportError):
        return PipelineError(
            f"The Hub {describe(failure)} while {doing}. Check HF_ENDPOINT, or start the local hub: make hub."
        )
    return None


def _http_error(error: HfHubHTTPError, doing: str) -> PipelineError:
    status = error.response.status_code
    detail = error.server_message or f"HTTP {status}"
    if status in (401, 403):
        return BadInput(f"Not allowed while {doing}: {detail}. Check that HF_TOKEN has write access there.")
    if status == 402:
        return BadInput(
            f"No credit for it while {doing}: {detail}. Add some at https://huggingface.co/settings/billing (an "
            "organisation pays for its own namespace), or take another one: NAMESPACE."
        )
    if status == 507:
        reason = detail.rstrip(".")
        return PipelineError(
            f"The Hub has no space left while {doing}: {reason}. Run it again once there is some."
        )
    return PipelineError(f"The Hub refused while {doing}: {detail} (HTTP {status}).")
