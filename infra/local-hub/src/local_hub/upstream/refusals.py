"""What a client of this hub is told where upstream says no, or nothing: whose fault it is and what to do."""

from local_hub.errors import ApiError
from local_hub.upstream.address import TOKEN_VARIABLE
from local_hub.upstream.client import (
    BusyError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
    UnusableError,
)

GATED = "GatedRepo"
# Clients ask again for half a minute where they read 502, 503 or 504; this they tell their user at once.
FAILED_DEPENDENCY = 424


def explain_unreachable(url: str, error: UnreachableError) -> ApiError:
    """Of what is not kept here, where upstream cannot be used."""
    if isinstance(error, RateLimitedError):
        seconds = error.seconds_left
        headers = {"Retry-After": str(seconds), "RateLimit": f'"{error.kind}";r=0;t={seconds}'}
        message = f"{url} takes no more requests for {seconds} s; try again then."
        return ApiError(429, message, headers=headers)
    if isinstance(error, BusyError):
        return ApiError(503, f"This is not kept here, and {url} cannot be used just now: {error}.")
    if isinstance(error, UnusableError):
        return ApiError(FAILED_DEPENDENCY, f"This is not kept here, and {url} cannot be used: {error}.")
    remedy = (
        "Check the network and the proxy's variables, or fill this hub where there is one: local-hub pull"
    )
    return ApiError(
        FAILED_DEPENDENCY, f"This is not kept here, and {url} cannot be reached: {error}. {remedy}."
    )


def explain_refusal(url: str, refusal: RefusedError) -> ApiError | None:
    """As upstream says no; None for a repo that is not there, of which this hub's own answer is the same."""
    if refusal.code == GATED:
        return gated(url, refusal)
    if refusal.code == "RevisionNotFound":
        return ApiError(404, str(refusal), refusal.code)
    if refusal.status in (401, 404):
        return None
    return ApiError(refusal.status, f"{url} says: {refusal}", refusal.code)


def explain_file_refusal(url: str, title: str, refusal: RefusedError) -> ApiError:
    """Of a file that upstream lists and does not give."""
    if refusal.code == GATED:
        return gated(url, refusal)
    return ApiError(refusal.status, f"{url} does not give {title}: {refusal}", refusal.code)


def gated(url: str, refusal: RefusedError) -> ApiError:
    """Logging in here, as upstream's own sentence says, would not help."""
    said = str(refusal).partition(". ")[0].rstrip(".")
    message = (
        f"{said}. Ask for access at {url}, and start this hub with the token of who has it: {TOKEN_VARIABLE}."
    )
    return ApiError(403, message, GATED)
