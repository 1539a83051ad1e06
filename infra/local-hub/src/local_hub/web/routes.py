"""The table of pages. Those of repos are at the addresses that the Hub has for them."""

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from local_hub.web import assets, buckets, commits, files, jobs, lists, login, raw, runs, scheduled

# First parts of other addresses, where no namespace can be meant.
RESERVED = (
    "api|v1|-|datasets|models|spaces|buckets|jobs|scheduled-jobs|runs|login|login-code|logout|lfs-upload|healthz|collections|"
    "settings|organizations"
)


class NamespaceConvertor(Convertor[str]):
    """The first part of a page's address."""

    regex = rf"(?!(?:{RESERVED})(?:/|$))[A-Za-z0-9_][^/]*"

    def convert(self, value: str) -> str:
        """The text itself."""
        return value

    def to_string(self, value: str) -> str:
        """The text itself."""
        return value


register_url_convertor("pages", NamespaceConvertor())

_OF_REPO = (
    ("", files.folder_page),
    ("/tree/{revision}", files.folder_page),
    ("/tree/{revision}/{path:path}", files.folder_page),
    ("/blob/{revision}/{path:path}", files.file_page),
    ("/raw/{revision}/{path:path}", raw.raw_file),
    ("/page/{revision}/{path:path}", raw.framed_page),
    ("/commits/{revision}", commits.commits_page),
    ("/commit/{revision}", commits.commit_page),
    ("/discussions", commits.proposals_page),
    ("/discussions/{number}", commits.proposal_page),
)

web_routes: list[Route] = [
    Route("/", lists.root_page),
    Route("/{type:repotype}", lists.repos_page),
    Route("/login", login.login_page),
    Route("/login", login.log_in, methods=["POST"]),
    Route("/login-code", login.make_login_code, methods=["POST"]),
    Route("/logout", login.log_out, methods=["POST"]),
    Route("/-/web/{asset}", assets.send_asset),
    Route("/jobs", jobs.jobs_page),
    Route("/jobs/{namespace}", jobs.jobs_page),
    Route("/jobs/{namespace}/{job_id}", jobs.job_page),
    Route("/jobs/{namespace}/{job_id}/log", jobs.follow_log),
    Route("/jobs/{namespace}/{job_id}/log.txt", jobs.whole_log),
    Route("/jobs/{namespace}/{job_id}/cancel", jobs.cancel_job, methods=["POST"]),
    Route("/scheduled-jobs", scheduled.scheduled_jobs_page),
    Route("/scheduled-jobs/{namespace}", scheduled.scheduled_jobs_page),
    Route("/scheduled-jobs/{namespace}/{job_id}", scheduled.scheduled_job_page),
    Route("/scheduled-jobs/{namespace}/{job_id}/{action}", scheduled.act_on_scheduled_job, methods=["POST"]),
    Route("/buckets/{namespace}/{name}", buckets.bucket_page),
    Route("/buckets/{namespace}/{name}/tree/{path:path}", buckets.bucket_page),
    Route("/buckets/{namespace}/{name}/raw/{path:path}", buckets.bucket_file),
    Route("/runs", runs.runs_page),
    Route("/runs/{namespace}/{name}/{run}", runs.run_page),
    *(Route(f"/{{type:dataset}}/{{namespace}}/{{name}}{view}", page) for view, page in _OF_REPO),
    *(Route(f"/{{namespace:pages}}/{{name}}{view}", page) for view, page in _OF_REPO),
    Route("/{namespace:pages}", lists.namespace_page),
]
