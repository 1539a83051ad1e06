"""What every handler asks of a request: its path's parameters, and who sent it."""

from urllib.parse import unquote

from starlette.requests import Request

from local_hub.accounts import User
from local_hub.errors import ApiError


def param(request: Request, name: str) -> str:
    """A path parameter as the client meant it, decoded."""
    return unquote(request.path_params[name])


def asking_user(request: Request) -> User | None:
    """Who sent the request; None if anonymous."""
    user: User | None = request.state.user
    return user


def signed_in(request: Request) -> User:
    """Who sent the request; raises 401 if anonymous."""
    user = asking_user(request)
    if user is None:
        raise ApiError(401, "Invalid username or password.")
    return user


def announced_bytes(request: Request) -> int:
    """The length of a request's body, as far as its header tells; 0 where it does not."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isdecimal() else 0
