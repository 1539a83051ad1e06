"""The addresses of pages; those of repos and jobs are the ones that the Hub's clients print."""

from urllib.parse import quote

from local_hub.repos.registry import Repo

STATIC = "/-/web"
SCHEDULED = "/scheduled-jobs"


def repo_url(repo: Repo, view: str = "", revision: str = "") -> str:
    """A page of a repo: `tree`, `commits`, `commit` or `discussions`, at a revision; the repo's own without a view."""
    parts = [f"/{repo.url_path}", view, quote(revision, safe="")]
    return "/".join(part for part in parts if part)


def file_url(repo: Repo, view: str, revision: str, path: str) -> str:
    """A page of a file or folder: `tree`, `blob`, `raw` or `page`."""
    return f"{repo_url(repo, view, revision)}/{quote(path)}" if path else repo_url(repo, view, revision)


def job_url(namespace: str, job_id: str, view: str = "") -> str:
    """A job's page, or `log`, `log.txt` or `cancel` below it."""
    parts = ["/jobs", quote(namespace, safe=""), quote(job_id, safe=""), view]
    return "/".join(part for part in parts if part)


def scheduled_url(namespace: str, job_id: str, action: str = "") -> str:
    """A scheduled job's page, or one of its buttons."""
    parts = [SCHEDULED, quote(namespace, safe=""), quote(job_id, safe=""), action]
    return "/".join(part for part in parts if part)


def run_url(repo: Repo, run_id: str) -> str:
    """The page of a pipeline's run."""
    return f"/runs/{repo.id}/{quote(run_id, safe='')}"
