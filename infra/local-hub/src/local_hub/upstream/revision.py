"""A revision of a repo as a client names it."""

from dataclasses import dataclass

from local_hub.repos.names import RepoType, quoted

# The header `Warning` of what is kept where upstream did not answer (RFC 7234, 5.5.2).
STALE = '111 - "Revalidation Failed"'


@dataclass(frozen=True)
class RevisionName:
    """Which repo, and which branch, tag or commit of it; the namespace is empty where the client names none."""

    type: RepoType
    namespace: str
    name: str
    revision: str

    @property
    def repo_path(self) -> str:
        """The repo's place in a Hub's API."""
        return api_path(self.type, self.namespace, self.name)


def api_path(repo_type: RepoType, namespace: str, name: str) -> str:
    """A repo's place in a Hub's API."""
    names = (namespace, name) if namespace else (name,)
    return f"/api/{repo_type}s/{'/'.join(map(quoted, names))}"
