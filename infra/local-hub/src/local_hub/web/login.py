"""Logging a browser in: by the link that `local-hub web` prints, or by a token that the user pastes."""

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from local_hub.accounts import Accounts
from local_hub.body import read_form
from local_hub.caller import signed_in
from local_hub.web.render import html
from local_hub.web.sessions import SESSION_SECONDS
from local_hub.web.visitor import cookie_name, page, session_secret, sessions_of

USED_UP = "This link was used already, or is older than five minutes. Ask for another: local-hub web"
FOLLOWED_LINK = "A page led here. Paste the link that local-hub web prints into the address bar instead."
UNKNOWN_TOKEN = "Nobody has this token. The machine's own is in the file token in the hub's folder."  # noqa: S105


@page
def login_page(request: Request) -> Response:
    """`GET /login`: a form, or a session where the link holds a code."""
    code, target = request.query_params.get("code"), _local(request.query_params.get("next", "/"))
    if code is None:
        return _form(request, target)
    # A visitor must not be logged in as someone else by a link that they follow, not even by one in a README here.
    if request.headers.get("sec-fetch-site", "none") != "none":
        return _form(request, target, FOLLOWED_LINK, 403)
    secret = sessions_of(request).redeem(code) if request.method == "GET" else None
    return _form(request, target, USED_UP, 403) if secret is None else _welcome(request, secret, target)


@page
async def log_in(request: Request) -> Response:
    """`POST /login`: begins a session for whoever has the token."""
    form = await read_form(request)
    token, target = form.get("token", [""])[0].strip(), _local(form.get("next", ["/"])[0])
    accounts: Accounts = request.app.state.accounts
    user = await run_in_threadpool(accounts.find_by_token, token)
    if user is None:
        return await run_in_threadpool(_form, request, target, UNKNOWN_TOKEN, 403)
    return _welcome(request, sessions_of(request).begin(user), target)


@page
def log_out(request: Request) -> Response:
    """`POST /logout`: ends the session."""
    secret = session_secret(request)
    if secret:
        sessions_of(request).end(secret)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(cookie_name(request), httponly=True, samesite="strict")
    return answer


async def make_login_code(request: Request) -> Response:
    """`POST /login-code` with a token in the header, as in the API: what `local-hub web` asks for."""
    code = sessions_of(request).make_code(signed_in(request))
    return JSONResponse({"code": code}, headers={"Cache-Control": "no-store"})


def _form(request: Request, target: str, problem: str | None = None, status: int = 200) -> Response:
    return html(request, "login.html", {"problem": problem, "target": target}, status)


def _welcome(request: Request, secret: str, target: str) -> Response:
    answer = RedirectResponse(target, 303, {"Cache-Control": "no-store"})
    answer.set_cookie(
        cookie_name(request), secret, int(SESSION_SECONDS), path="/", httponly=True, samesite="strict"
    )
    return answer


def _local(target: str) -> str:
    """An address of this hub to go on to; the root instead of any other."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    is_local = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if is_local and target.isascii() and target.isprintable() else "/"
