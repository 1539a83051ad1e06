"""What clients ask a Hub besides repos: who they are, whether a card is valid, and idle questions."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.accounts import Accounts
from local_hub.body import read_object, text_field
from local_hub.caller import asking_user, signed_in
from local_hub.errors import ApiError
from local_hub.repos.access import repo_not_found
from local_hub.repos.cards import InvalidCard, parse_card
from local_hub.repos.registry import find_repo
from local_hub.repos.store import store_of


def whoami(request: Request) -> Response:
    """Describes the user whose token was sent."""
    user = signed_in(request)
    accounts: Accounts = request.app.state.accounts
    return JSONResponse(
        {
            "type": "user",
            "id": user.name,
            "name": user.name,
            "fullname": user.fullname,
            "email": None,
            "isPro": False,
            "orgs": [
                {"type": "org", "name": name, "fullname": accounts.fullname_of(name), "roleInOrg": "write"}
                for name in sorted(user.organizations)
            ],
            "auth": {"type": "access_token", "accessToken": {"displayName": "local-hub", "role": "write"}},
        }
    )


async def validate_yaml(request: Request) -> Response:
    """Says whether the metadata of a README can be read."""
    payload = await read_object(request)
    try:
        card = parse_card(text_field(payload, "content"))
    except InvalidCard as error:
        return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
    warnings = [] if card else [{"message": "empty or missing yaml metadata in repo card"}]
    return JSONResponse({"errors": [], "warnings": warnings})


async def accept_telemetry(request: Request) -> Response:
    """Takes a client's telemetry and forgets it."""
    return Response(status_code=204)


async def list_harnesses(request: Request) -> Response:
    """The registry of coding agents is not kept here; clients do without."""
    raise ApiError(404, "The local hub keeps no registry of agent harnesses")


async def refuse_space(request: Request) -> Response:
    """Says that there is no such Space, since there are none at all."""
    raise ApiError(404, "The local hub has no Spaces", "RepoNotFound")


async def list_spaces(request: Request) -> Response:
    """Lists the Spaces, of which there are none."""
    return JSONResponse([])


def refuse_repo_route(request: Request) -> Response:
    """Tells a call that is missing from the hub apart from a repo that is missing in it."""
    segments = request.path_params["rest"].split("/")
    repo_type = request.path_params.get("type", "model")
    with store_of(request).database.read() as db:
        repo = find_repo(db, repo_type, *segments[:2]) if len(segments) > 1 else None
    if repo is None or not repo.visible_to(asking_user(request)):
        raise repo_not_found(request)
    raise ApiError(501, f"Not implemented by the local hub: {request.method} {request.url.path}")
