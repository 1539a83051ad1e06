"""The client's own tests: fetched as the client's authors distribute them, completed by what they leave out."""

import re
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

CLIENT = "huggingface_hub"
CONFTEST = Path(__file__).parent / "client_conftest.py"
LOCK = Path(__file__).parents[2] / "constraints.txt"
# Where its tests call a Hub. Left out are the command line of discussions, Inference, Buckets, OAuth and kernels,
# which are services of their own, and files that judge the client alone.
TESTS = (
    "test_cache_layout.py",
    "test_cli.py::TestJsonShorthand",
    "test_cli.py::TestRepoListCommand",
    "test_cli.py::TestRepoTypePrefix",
    "test_commit_scheduler.py",
    "test_file_download.py",
    "test_hf_api.py",
    "test_hf_file_system.py",
    "test_hub_mixin.py",
    "test_hub_mixin_pytorch.py",
    "test_repocard.py",
    "test_snapshot_download.py",
    "test_utils_http.py::TestUniqueRequestId",
    "test_utils_http.py::test_flag_as_download_call_decorator",
    "test_xet_upload.py",
)
# The longest of the others, which call no Hub.
LEFT_OUT = (
    "test_file_download.py::TestHttpGet",
    "test_hf_file_system.py::test_find_deeply_nested_repo_is_split_recursively",
    "test_hub_mixin.py::TestHubMixin::test_autocomplete_works_as_expected",
)
# `production` tests read what only huggingface.co holds.
MARKS = "not production"


class NoSuite(Exception):
    """The client's tests cannot be had; the message says why and what to do."""


def fetch_suite(folder: Path) -> Path:
    """The folder in which to run the client's tests, of the version that is installed; downloaded once."""
    name = f"{CLIENT}-{version(CLIENT)}"
    archive = folder / f"{name}.tar.gz"
    if not archive.exists():
        _download(name, folder)
    suite = folder / name
    shutil.rmtree(suite, ignore_errors=True)
    with tarfile.open(archive) as packed:
        members = [member for member in packed if member.name.startswith(f"{name}/tests/")]
        packed.extractall(folder, members, filter="data")
    for file in {test.partition("::")[0] for test in TESTS}:
        if not (suite / "tests" / file).exists():
            raise NoSuite(f"{name} has no tests/{file}; bring TESTS in {__file__} up to date.")
    (suite / "tests" / "__init__.py").touch()
    shutil.copyfile(CONFTEST, suite / "tests" / "conftest.py")
    return suite


def _download(name: str, folder: Path) -> None:
    """Downloads the source distribution that the lock names by its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = re.search(
        rf"^{CLIENT.replace('_', '[-_]')}==.*(\n    --hash=.*)*", LOCK.read_text("utf-8"), re.MULTILINE
    )
    if entry is None or version(CLIENT) not in entry[0].splitlines()[0]:
        raise NoSuite(
            f"{name} is installed, but not locked in {LOCK}. Set the environment up again: make setup"
        )
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{entry[0]}\n", "utf-8")
    options = ["--require-hashes", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--quiet"]
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", *options]
    if subprocess.run([*pip, "--dest", str(folder), "--requirement", str(requirement)]).returncode:
        raise NoSuite(f"Cannot download the source of {name} (see above). Is there a network?")
