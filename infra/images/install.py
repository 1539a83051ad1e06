"""Installs what an image needs from the lock, into a folder that is then laid over the image's root.

    python infra/images/install.py /new services/evaluator   # what this project of ours needs of others
    python infra/images/install.py /new --torch cpu          # torch alone, without CUDA (or: cuda)

Run while an image is built, from the repository's root, by the image's own Python. What the image's base has already is
left out. Every file is checked against the hashes of constraints.txt, and nothing is compiled but bytecode.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path("constraints.txt")
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# Tests, and what only a compiler reads: no image has one. Slimmed are the packages in which nothing else goes by
# these names.
UNUSED_FOLDERS = {"include", "test", "tests"}
UNUSED_SUFFIXES = {".a", ".pxd", ".pxi", ".pyx"}
SLIMMED = {"matplotlib", "networkx", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "sympy", "torch"}


def main() -> None:
    """Install what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="folder to install into")
    parser.add_argument("projects", nargs="*", help="folders of ours, with extras: shared[lm]")
    parser.add_argument("--torch", choices=["cpu", "cuda"], help="install torch alone, in this variant")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as tools:
        pip = _locked_pip(tools)
        if options.torch:
            _install(
                pip, options.root, _torch(options.torch), "--no-deps", "--extra-index-url", CPU_TORCH_INDEX
            )
        else:
            command = [sys.executable, "infra/lock/requirements.py", *options.projects]
            needed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            _install(pip, options.root, needed)
    for package in options.root.glob("**/site-packages/*"):
        if package.name in SLIMMED:
            _slim(package)
    _compile(options.root)


def _locked_pip(folder: str) -> list[str]:
    """Return the command of the lock's pip: those before 26.1 take no hashes from a constraints file."""
    lines = re.search(r"^pip==(.*\\\n)*.*", LOCK.read_text(), re.MULTILINE)
    if lines is None:
        sys.exit("constraints.txt has no pip. Make it anew: make lock.")
    requirement = Path(folder, "pip.txt")
    requirement.write_text(lines[0])
    # The environment has no pip, so that no image has one there; the Python below it does.
    pip = [f"{sys.base_prefix}/bin/python3", "-m", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "--target", folder, "--requirement", str(requirement)], check=True)
    return [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {folder!r}); from pip import main; sys.exit(main())",
    ]


def _torch(variant: str) -> str:
    """Return the requirement that only this variant of the locked version meets."""
    lines = re.search(r"^torch==([\w.]+)", LOCK.read_text(), re.MULTILINE)
    if lines is None:
        sys.exit("constraints.txt has no torch. Make it anew: make lock.")
    return f"torch=={lines[1]}+cpu" if variant == "cpu" else f"torch==={lines[1]}"


def _install(pip: list[str], root: Path, requirements: str, *options: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        locked = [
            "--require-hashes",
            "--constraint",
            str(LOCK),
            "--only-binary",
            ":all:",
            "--requirement",
            file.name,
        ]
        into = ["--root", str(root), "--no-compile", "--no-warn-script-location", "--progress-bar", "off"]
        subprocess.run([*pip, "install", *locked, *into, *options], check=True)


def _slim(package: Path) -> None:
    for folder in [path for path in package.rglob("*") if path.name in UNUSED_FOLDERS and path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=True)
    for file in [path for path in package.rglob("*") if path.suffix in UNUSED_SUFFIXES]:
        file.unlink()
    for program in [*package.glob("bin/test_*"), *package.glob("bin/protoc*")]:
        program.unlink()


def _compile(root: Path) -> None:
    """Compile to bytecode that is never compared with its source, as nothing in an image changes."""
    options = ["-qq", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    # Packages carry templates and tests of syntax that do not compile, and need not.
    subprocess.run([sys.executable, "-m", "compileall", *options, str(root)], check=False)


if __name__ == "__main__":
    main()
