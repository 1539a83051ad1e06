"""A library's own tests: fetched as its authors distribute them, completed by what they leave out."""

import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from lock import LOCK, find_entry

from conformance.suites import Suite

HERE = Path(__file__).parent


class NoSuite(Exception):
    """The tests cannot be had; the message says why and what to do."""


def fetch_suite(suite: Suite, folder: Path) -> Path:
    """The folder in which to run a library's tests, of the version that is installed; downloaded once."""
    name = f"{suite.library}-{version(suite.library)}"
    archive = folder / f"{name}.tar.gz"
    if not archive.exists():
        _download(suite.library, folder)
    root = folder / name
    shutil.rmtree(root, ignore_errors=True)
    with tarfile.open(archive) as packed:
        members = [member for member in packed if member.name.startswith(f"{name}/tests/")]
        packed.extractall(folder, members, filter="data")
    for file in {test.partition("::")[0] for test in suite.tests}:
        if not (root / "tests" / file).exists():
            raise NoSuite(f"{name} has no tests/{file}; bring {HERE / 'suites.py'} up to date.")
    (root / "tests" / "__init__.py").touch()
    for path, ours in suite.added.items():
        target = root / "tests" / path
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(HERE / ours, target)
    return root


def _download(library: str, folder: Path) -> None:
    """Downloads the source distribution that the lock names by its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{library}-{version(library)}"
    entry = find_entry(library.replace("_", "-"), LOCK.read_text("utf-8"))
    if entry is None or entry["version"] != version(library):
        raise NoSuite(
            f"{name} is installed, but not locked in {LOCK}. Set the environment up again: make setup"
        )
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{entry[0]}\n", "utf-8")
    options = ["--require-hashes", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--quiet"]
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", *options]
    if subprocess.run([*pip, "--dest", str(folder), "--requirement", str(requirement)]).returncode:
        raise NoSuite(f"Cannot download the source of {name} (see above). Is there a network?")
