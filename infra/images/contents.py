"""Prints the Python packages of a built image, a `name==version` a line: `python infra/images/contents.py evaluator`.

    --docker PROGRAM     what runs the image (default: docker)

The image's own Python is asked, for there is no pip in it, without network and on a root that it cannot write to.
Standard library only, as this runs where an image has just been built and no virtual environment is.
"""

import argparse
import subprocess
import sys

from build import BASES, PREFIX, images

LIST_INSTALLED = """
from importlib.metadata import distributions
print(*sorted({f"{each.name}=={each.version}" for each in distributions()}, key=str.lower), sep="\\n")
"""
CONFINED = ("--rm", "--pull", "never", "--network", "none", "--read-only", "--entrypoint", "python")


class NoContents(Exception):
    """An image cannot be asked; the message says why and what to do."""


def main() -> int:
    """Print what the image that the command line names holds."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("image", help="as infra/images/build.py names it")
    parser.add_argument("--docker", default="docker", help="the program (default: %(default)s)")
    options = parser.parse_args()
    try:
        print(list_installed(options.image, options.docker), end="")
    except NoContents as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def list_installed(image: str, docker: str = "docker") -> str:
    """Return the packages that an image's Python finds, a `name==version` a line.

    Raises:
        NoContents: There is no such image, it is not here, or its Python does not run.
    """
    known = [*BASES, *images()]
    if image not in known:
        raise NoContents(f"there is no image {image}; there are: {', '.join(known)}")
    command = [docker, "run", *CONFINED, PREFIX + image, "-c", LIST_INSTALLED]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise NoContents(
            f"there is no program {docker}. Install Docker, or name another: DOCKER=podman"
        ) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise NoContents(
            f"{PREFIX}{image} cannot be asked what it holds ({said[0]}). Build it: make image-{image}"
        ) from error
    return answer.stdout


if __name__ == "__main__":
    sys.exit(main())
