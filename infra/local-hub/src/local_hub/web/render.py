"""Pages from templates, every value escaped, with headers by which a page can do nothing but show."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from local_hub.caller import asking_user
from local_hub.errors import ApiError
from local_hub.web import addresses

if TYPE_CHECKING:
    from jinja2 import Environment

COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Same-origin and not none: without a referrer a form's Origin would be null.
    "Referrer-Policy": "same-origin",
}
PAGE_HEADERS = COMMON_HEADERS | {
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def html(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page."""
    upstream = request.app.state.upstream
    common = {
        "user": asking_user(request),
        "upstream": upstream.url if upstream else None,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
    }
    text = _templates().get_template(template).render(**common, **values)
    # JSON can name halves of a UTF-16 pair, which no page can hold.
    content = text.encode(errors="replace")
    return HTMLResponse(content, status, PAGE_HEADERS | {"Content-Security-Policy": _policy(request)})


def error_page(request: Request, error: ApiError) -> Response:
    """A refusal as a page. What is private looks to visitors as if it were not there."""
    is_hidden = error.status == 401 and error.code == "RepoNotFound"
    status = 404 if is_hidden else error.status
    return html(request, "error.html", {"message": error.message, "status": status}, status)


def _policy(request: Request) -> str:
    """Nothing loads but this hub's own files; script and style only from where no repo's content is served."""
    own = f"{request.url.scheme}://{request.url.netloc}{addresses.STATIC}/"
    return (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@cache
def _templates() -> "Environment":
    """Made for the first page: a hub that only programs talk to does without."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from local_hub.web import words

    environment = Environment(
        loader=PackageLoader("local_hub.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "size": words.size,
        "duration": words.duration,
        "when": words.when,
        "exactly": words.exactly,
        "number": "{:,}".format,
    }
    environment.globals |= {
        "static": addresses.STATIC,
        "repo_url": addresses.repo_url,
        "file_url": addresses.file_url,
        "job_url": addresses.job_url,
        "run_url": addresses.run_url,
        "scheduled_url": addresses.scheduled_url,
    }
    return environment
