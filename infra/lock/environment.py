"""Fills the virtual environment whose Python runs this: `infra/lock/environment.py 'shared[lm]' infra/starter`.

Every file that comes from elsewhere is checked against the hashes of constraints.txt; our own folders are installed
editable. Standard library only, as this runs in an environment that has nothing else.
"""

import argparse
import re
import subprocess
import sys
import sysconfig
import tempfile

from lock import LOCK, find_entry
from requirements import ROOT, projects, third_party

DEVELOPMENT = ROOT / "requirements-dev.txt"


def main() -> None:
    """Install pip, torch, everything else that is not ours, and ours, in that order; compile all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", nargs="+", help="folders of projects of ours, with extras")
    parser.add_argument(
        "--torch-index", default="", help="take torch from here, e.g. …/whl/cpu (default: from PyPI)"
    )
    options = parser.parse_args()
    # pip takes hashes from a file of constraints since 26.1; Python comes with an older one.
    _install(locked("pip"))
    if options.torch_index:
        _install_torch(options.torch_index)
    needed = "\n".join(third_party(options.projects, projects()))
    _install(needed, "--constraint", str(LOCK), "--requirement", str(DEVELOPMENT))
    editable = [f"--editable={ROOT / project}" for project in options.projects]
    _pip("--quiet", "--no-deps", "--no-build-isolation", *editable)
    _compile()


def locked(name: str) -> str:
    """The lock's entry of a package, with its hashes."""
    entry = find_entry(name, LOCK.read_text())
    if entry is None:
        sys.exit(f"constraints.txt has no {name}: make it anew with `make lock`")
    return entry[0]


def _install_torch(index: str) -> None:
    """Install the build of torch that an index is named for, by itself: nothing else may come from there."""
    build = index.rstrip("/").rpartition("/")[2]
    requirement = re.sub(r"^(torch==[^\s;]+)", rf"\1+{build}", locked("torch"))
    try:
        _install(requirement, "--no-deps", "--retries", "1", "--extra-index-url", index)
    except subprocess.CalledProcessError:
        print(
            f"{index} has no torch that the lock knows, or cannot be reached: PyPI's is taken.",
            file=sys.stderr,
        )


def _install(requirements: str, *options: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        _pip("--require-hashes", "--requirement", file.name, *options)


def _pip(*options: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*command, *options], check=True)


def _compile() -> None:
    """Compile what is installed, but for its own tests, on every core; pip uses one, for half of the set-up's time."""
    options = ["-qq", "-j", "0", "-x", r"site-packages/.*/tests?/", sysconfig.get_path("purelib")]
    # It fails for templates of code, which some packages bring.
    subprocess.run([sys.executable, "-m", "compileall", *options], check=False)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        print(
            "error: the packages could not all be installed; pip says why above. Run it again once that is mended "
            "(a proxy or mirror: PIP_PROXY, PIP_INDEX_URL), or see docs/offline.md.",
            file=sys.stderr,
        )
        sys.exit(error.returncode)
