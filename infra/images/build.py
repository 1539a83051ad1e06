"""Builds the container images: `python infra/images/build.py [sft-trainer …]`, without names all of them.

    --base-image REF     build on another Python image than the pinned public one
    --torch cuda         torch with CUDA, for the images that use it (default: cpu)
    --options "…"        more for `docker build`, e.g. "--network host"

Standard library only, so that images are built without a virtual environment. What is unchanged is not built again.
"""

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "medmcqa-"
BASES = ("python", "torch")
# The launcher records the same words in the manifest.
DESCRIBE = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]


def main() -> int:
    """Build what the command line names, and what it stands on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="*", metavar="image", help=f"of {', '.join([*BASES, *images()])}")
    parser.add_argument("--base-image", default="", metavar="REF")
    parser.add_argument("--torch", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--options", default="", help="more for `docker build`")
    parser.add_argument("--docker", default="docker", help="the program (default: %(default)s)")
    wanted = parser.parse_args()
    unknown = sorted({*wanted.images} - {*BASES, *images()})
    if unknown:
        return _fail(f"there is no image {unknown[0]}; there are: {', '.join([*BASES, *images()])}", 2)
    for name in in_order(wanted.images or list(images())):
        print(f"Building {PREFIX}{name}", flush=True)
        options = shlex.split(wanted.options) + arguments(name, wanted.base_image, wanted.torch)
        try:
            subprocess.run([wanted.docker, "build", *options], cwd=ROOT, check=True)
        except FileNotFoundError:
            return _fail(
                f"there is no program {wanted.docker}. Install Docker, or name another: DOCKER=podman"
            )
        except subprocess.CalledProcessError:
            return _fail(f"{PREFIX}{name} was not built; what failed is above.")
    return 0


def images() -> dict[str, Path]:
    """Return the images that are no base, by name, with their Dockerfile relative to the root."""
    files = [*ROOT.glob("services/*/Dockerfile"), *ROOT.glob("infra/*/Dockerfile")]
    return {file.parent.name: file.relative_to(ROOT) for file in sorted(files)}


def in_order(names: list[str]) -> list[str]:
    """Return the images to build, each after those that it stands on."""
    needed = {"python", *names}
    if "torch" in needed or any(_stands_on_torch(name) for name in names):
        needed.add("torch")
    return [*(base for base in BASES if base in needed), *sorted(needed - {*BASES})]


def arguments(name: str, base_image: str, torch: str) -> list[str]:
    """Return the arguments of `docker build` for one image."""
    below = {"python": {"BASE_IMAGE": base_image or pinned_base()}, "torch": {"TORCH": torch}}
    given = below.get(name) or labels()
    pairs = [f"{key}={value}" for key, value in given.items() if value]
    options = [word for pair in pairs for word in ("--build-arg", pair)]
    return ["--file", str(dockerfile(name)), "--tag", PREFIX + name, *options, "."]


def dockerfile(name: str) -> Path:
    """Return an image's Dockerfile, relative to the root."""
    return Path(f"infra/images/{name}.Dockerfile") if name in BASES else images()[name]


def pinned_base() -> str:
    """Return the public Python image below everything, by digest."""
    return (ROOT / "infra/images/base.Dockerfile").read_text().split("\nFROM ")[1].strip()


def labels() -> dict[str, str]:
    """Return what the images are told about where they come from."""
    project = (ROOT / "shared/pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"', project, re.MULTILINE)
    return {
        "SOURCE": public_address(_git("git", "config", "--get", "remote.origin.url")),
        "REVISION": _git(*DESCRIBE),
        "VERSION": version[1] if version else "",
    }


def public_address(remote: str) -> str:
    """Return the web address of a git remote without the user and password in it; "" for a folder of this machine.

    >>> public_address("git@github.com:me/pipeline.git"), public_address("https://me:secret@example.com/p")
    ('https://github.com/me/pipeline', 'https://example.com/p')
    """
    match = re.fullmatch(
        r"(?:(?:https?|ssh|git)://)?(?:[^@/]*@)?([\w.-]+\.\w+)(?::\d+)?[:/](.+?)(?:\.git)?/?", remote
    )
    return f"https://{match[1]}/{match[2]}" if match else ""


def _fail(message: str, code: int = 1) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _stands_on_torch(name: str) -> bool:
    return "medmcqa-torch" in (ROOT / dockerfile(name)).read_text()


def _git(*command: str) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
