"""The table of the Hub's routes. Path parameters arrive percent-encoded."""

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from local_hub.repos import (
    access_request_routes,
    commit_routes,
    file_routes,
    large_file_copies,
    large_file_routes,
    lfs_routes,
    like_routes,
    other_routes,
    pull_request_routes,
    ref_routes,
    registry_routes,
)


class RepoTypeConvertor(Convertor[str]):
    """`models` or `datasets` in a URL, as a repo type."""

    regex = "models|datasets"

    def convert(self, value: str) -> str:
        """The repo type."""
        return value.removesuffix("s")

    def to_string(self, value: str) -> str:
        """The word in the URL."""
        return f"{value}s"


class DatasetConvertor(RepoTypeConvertor):
    """The prefix `datasets` in the URLs of files, as a repo type."""

    regex = "datasets"


register_url_convertor("repotype", RepoTypeConvertor())
register_url_convertor("dataset", DatasetConvertor())

_ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_API = "/api/{type:repotype}/{namespace}/{name}"
_FILES = "/{namespace}/{name}"
_DATASET_FILES = "/{type:dataset}/{namespace}/{name}"

repo_routes: list[Route] = [
    Route("/api/whoami-v2", other_routes.whoami),
    Route("/api/validate-yaml", other_routes.validate_yaml, methods=["POST"]),
    Route("/api/agent-harnesses", other_routes.list_harnesses),
    Route("/api/telemetry/{topic:path}", other_routes.accept_telemetry),
    Route("/v1/telemetry", other_routes.accept_telemetry, methods=["POST"]),
    Route("/api/spaces", other_routes.list_spaces),
    Route("/api/spaces/{rest:path}", other_routes.refuse_space, methods=_ALL_METHODS),
    Route("/spaces/{rest:path}", other_routes.refuse_space, methods=_ALL_METHODS),
    Route("/api/repos/create", registry_routes.create_repo, methods=["POST"]),
    Route("/api/repos/delete", registry_routes.delete_repo, methods=["DELETE"]),
    Route("/api/repos/move", registry_routes.move_repo, methods=["POST"]),
    Route("/api/settings/repositories", registry_routes.list_own_repos),
    Route("/api/organizations/{namespace}/settings/repositories", registry_routes.list_own_repos),
    Route("/api/{type:repotype}", registry_routes.list_repos),
    Route(_API, registry_routes.repo_info),
    Route(f"{_API}/revision/{{revision}}", registry_routes.repo_info),
    Route(f"{_API}/settings", registry_routes.update_settings, methods=["PUT"]),
    Route(f"{_API}/auth-check", registry_routes.check_read),
    Route(f"{_API}/auth-check/write", registry_routes.check_write),
    Route(f"{_API}/tree/{{revision}}", file_routes.list_tree),
    Route(f"{_API}/tree/{{revision}}/{{path:path}}", file_routes.list_tree),
    Route(f"{_API}/paths-info/{{revision}}", file_routes.paths_info, methods=["POST"]),
    Route(f"{_API}/refs", ref_routes.list_refs),
    Route(f"{_API}/commits/{{revision}}", ref_routes.list_commits),
    Route(f"{_API}/branch/{{branch}}", ref_routes.create_branch, methods=["POST"]),
    Route(f"{_API}/branch/{{branch}}", ref_routes.delete_branch, methods=["DELETE"]),
    Route(f"{_API}/tag/{{revision}}", ref_routes.create_tag, methods=["POST"]),
    Route(f"{_API}/tag/{{revision}}", ref_routes.delete_tag, methods=["DELETE"]),
    Route(f"{_API}/super-squash/{{branch}}", ref_routes.super_squash, methods=["POST"]),
    Route(f"{_API}/preupload/{{revision}}", commit_routes.preupload, methods=["POST"]),
    Route(f"{_API}/commit/{{revision}}", commit_routes.commit, methods=["POST"]),
    Route(f"{_API}/discussions", pull_request_routes.list_proposals),
    Route(f"{_API}/discussions", pull_request_routes.create_proposal, methods=["POST"]),
    Route(f"{_API}/discussions/{{number}}", pull_request_routes.show_proposal),
    Route(f"{_API}/discussions/{{number}}/status", pull_request_routes.change_status, methods=["POST"]),
    Route(f"{_API}/discussions/{{number}}/merge", pull_request_routes.merge_proposal, methods=["POST"]),
    Route(f"{_API}/user-access-request/grant", access_request_routes.grant, methods=["POST"]),
    Route(f"{_API}/user-access-request/handle", access_request_routes.handle, methods=["POST"]),
    Route(f"{_API}/user-access-request/{{status}}", access_request_routes.list_requests),
    Route(f"{_API}/lfs-files", large_file_routes.list_files),
    Route(f"{_API}/lfs-files/batch", large_file_routes.delete_files, methods=["POST"]),
    Route(f"{_API}/lfs-files/duplicate", large_file_copies.duplicate_files, methods=["POST"]),
    Route(f"{_API}/like", like_routes.like, methods=["POST"]),
    Route(f"{_API}/like", like_routes.unlike, methods=["DELETE"]),
    Route(f"{_API}/likers", like_routes.list_likers),
    Route("/api/users/{user}/likes", like_routes.list_liked),
    Route("/lfs-upload/whole", lfs_routes.upload_whole, methods=["PUT"]),
    Route("/lfs-upload/part", lfs_routes.upload_part, methods=["PUT"]),
    Route("/lfs-upload/completion", lfs_routes.complete_upload, methods=["POST"]),
    Route(f"{_DATASET_FILES}.git/info/lfs/objects/batch", lfs_routes.batch, methods=["POST"]),
    Route(f"{_DATASET_FILES}.git/info/lfs/objects/verify", lfs_routes.verify, methods=["POST"]),
    Route(f"{_FILES}.git/info/lfs/objects/batch", lfs_routes.batch, methods=["POST"]),
    Route(f"{_FILES}.git/info/lfs/objects/verify", lfs_routes.verify, methods=["POST"]),
    Route(f"{_DATASET_FILES}/resolve/{{revision}}/{{path:path}}", file_routes.resolve_file),
    Route(f"{_FILES}/resolve/{{revision}}/{{path:path}}", file_routes.resolve_file),
    Route("/{rest}/resolve/{revision}/{path:path}", other_routes.refuse_repo_route),
    Route("/{rest}.git/info/lfs/objects/batch", other_routes.refuse_repo_route, methods=["POST"]),
    Route("/api/{type:repotype}/{rest:path}", other_routes.refuse_repo_route, methods=_ALL_METHODS),
]
