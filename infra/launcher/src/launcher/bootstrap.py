"""IMAGE=auto: a public Python image, and a script in it that installs the code of one commit and becomes the job."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from launcher.checkout import PublishedCode, find_published
from launcher.requests import service_of

# With git, which the slim ones lack.
PYTHON_IMAGE = "docker.io/library/python:3.12-bookworm"
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# What decides which versions of others' packages are installed.
LOCK_PATHS = ("constraints.txt", "infra/lock")


def projects_of(phase: str) -> tuple[str, str]:
    """Return the folders of our own projects that a phase's job runs."""
    return "shared", f"services/{service_of(phase)}"


@cache
def find_code(phase: str) -> PublishedCode:
    """Return the checkout's commit, checked to be what a job of the phase will run.

    Raises:
        BadInput: the code differs from its commit, or nobody else can fetch that.
    """
    return find_published((*projects_of(phase), *LOCK_PATHS))


def bootstrap_command(command: Sequence[str]) -> list[str]:
    """Return the command that installs the code first; `$0` is what a shell's own errors begin with."""
    script = files("launcher").joinpath("bootstrap.sh").read_text("utf-8")
    return ["sh", "-c", script, "bootstrap", *command]


def bootstrap_environment(phase: str, code: PublishedCode, on_gpu: bool) -> dict[str, str]:
    """Return what the script is told; a CPU is spared the gigabytes of CUDA libraries of PyPI's torch for Linux."""
    told = {
        "CODE_REPOSITORY": code.repository,
        "CODE_COMMIT": code.commit,
        "CODE_PROJECTS": " ".join(projects_of(phase)),
    }
    return told if on_gpu else told | {"PIP_EXTRA_INDEX_URL": CPU_TORCH_INDEX}


def installed_code(environment: Mapping[str, str]) -> str | None:
    """Return what a job of this environment installs, as `repository@commit`; None where its image holds the code."""
    if "CODE_COMMIT" not in environment:
        return None
    return str(PublishedCode(environment["CODE_REPOSITORY"], environment["CODE_COMMIT"]))
