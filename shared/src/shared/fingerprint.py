"""A hash of the sources that run, so that a phase is redone when its code changed and not otherwise."""

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from shared.errors import BadInput


def code_fingerprint(packages: Iterable[str]) -> str:
    """Hash the files of top-level packages (path and bytes) without importing them.

    Raises:
        BadInput: a package is not installed.
    """
    digest = hashlib.sha256()
    for package in sorted(packages):
        folder = _package_folder(package)
        for path in _source_files(folder):
            digest.update(f"{package}/{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{digest.hexdigest()}"


def _source_files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if "__pycache__" not in path.parts)


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise BadInput(f"The package {package} is not installed. Install the project: make setup.")
    return Path(spec.origin).parent
