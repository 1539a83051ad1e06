"""Makes constraints.txt: one version of everything that a project of ours or a developer needs, with its hashes.

    python infra/lock/lock.py             # keep today's versions; add what is missing, drop what is needed no more
    python infra/lock/lock.py --upgrade   # move everything to its newest version

uv resolves for all Pythons and machines at once. PyPI's torch for Linux has CUDA; the hashes of the same version
without it, from an index of its own, are put beside PyPI's, so that one file serves both.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from requirements import ROOT, projects, third_party

LOCK = ROOT / "constraints.txt"
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
UV_OPTIONS = [
    "--quiet",
    "--universal",
    "--python-version",
    "3.11",
    "--fork-strategy",
    "fewest",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
]
HEADER = """\
# One version of everything, for the virtual environment, the images and CI alike, with the hashes of its files.
# Made by `make lock` from the pyproject.toml of each project and requirements-dev.txt: change those, not this.
"""
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<rest>.*(?:\n    --hash=.*)*)", re.MULTILINE)
HASH = re.compile(r"--hash=\S+")


def main() -> None:
    """Resolve, add the hashes of torch without CUDA, and replace the lock."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upgrade", action="store_true", help="move versions, instead of keeping today's")
    parser.add_argument(
        "--torch-index", default=CPU_TORCH_INDEX, help="of torch without CUDA (default: %(default)s)"
    )
    options = parser.parse_args()
    before = LOCK.read_text()
    after = compiled(wanted(), before, ["--upgrade"] if options.upgrade else [])
    LOCK.write_text(HEADER + with_cpu_torch(after, before, options.torch_index))


def wanted() -> str:
    """All third-party requirements: of every project with every extra, and of a developer."""
    known = projects()
    everything = [f"{folder}[{','.join(known[folder].get('optional-dependencies', {}))}]" for folder in known]
    return "\n".join([*third_party(everything, known), (ROOT / "requirements-dev.txt").read_text()])


def compiled(requirements: str, before: str, options: list[str]) -> str:
    """The requirements resolved by uv, keeping the versions and hashes of `before` where they still fit."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder, "lock.txt")
        lock.write_text(before)
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        command = [uv, "pip", "compile", "-", *UV_OPTIONS, *options, "--output-file", str(lock)]
        answer = subprocess.run(command, input=requirements, text=True, cwd=ROOT, check=False)
        if answer.returncode:
            sys.exit(
                "constraints.txt stays as it was: uv could not resolve the requirements; what it lacks is above."
            )
        return "".join(f"{match[0]}\n" for match in ENTRY.finditer(lock.read_text()))


def with_cpu_torch(lock: str, before: str, index: str) -> str:
    """The lock with the hashes of torch without CUDA beside PyPI's; uv keeps them while the version stays."""
    old, new = find_entry("torch", before), find_entry("torch", lock)
    if new is None or (old is not None and old["version"] == new["version"]):
        return lock
    cpu = find_entry(
        "torch", compiled(f"torch=={new['version']}+cpu", "", ["--no-deps", "--default-index", index])
    )
    hashes = sorted({*HASH.findall(new[0]), *HASH.findall(cpu[0] if cpu else "")})
    return lock.replace(new["rest"], " \\\n    ".join(["", *hashes]).rstrip(), 1)


def find_entry(package: str, lock: str) -> re.Match[str] | None:
    """The entry of a package in the text of a lock: its `name`, its `version`, and the `rest` with the hashes."""
    return next((match for match in ENTRY.finditer(lock) if match["name"] == package), None)


if __name__ == "__main__":
    main()
