"""Installs what an image needs from the lock, into a folder that is then laid over the image's root.

    python infra/images/install.py /new services/evaluator   # what this project of ours needs of others
    python infra/images/install.py /new --torch cpu          # torch alone, without CUDA (or: cuda)

Run while an image is built, from the repository's root, by the image's own Python. What the image's base has already is
left out. Every file is checked against the hashes of constraints.txt, and nothing is compiled but bytecode.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path("constraints.txt")
LOCK_ENTRY = r"^{name}==(?P<version>[\w.]+)(?:.*\\\n)*.*"
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# Tests, and what only compilers and type checkers read: no image has one. In these packages nothing else is called so.
SLIMMED = ("matplotlib", "networkx", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "sympy", "torch")
UNUSED_FOLDERS = {"include", "test", "tests"}
UNUSED_SUFFIXES = {".a", ".pxd", ".pxi", ".pyi", ".pyx"}
UNUSED_FILES = (
    "numpy/_core/_simd.*",  # For numpy's tests of its own vector instructions.
    "pyarrow/*flight*",  # Servers for tables. pyarrow is also distributed without them.
    "pyarrow/_s3fs.*",  # Amazon's storage, which pyarrow has where these two are there; data comes from the Hub.
    "pyarrow/libarrow_s3.*",
    "pyarrow/_pyarrow_cpp_tests.*",
    "pyarrow/libarrow_python*.so",  # Copies of one library under the names that linkers want.
    "pyarrow/libarrow_python*.so.*.*",
    "torch/bin/protoc*",
    "torch/bin/test_*",
    "torch/lib/lib*_test.so",
)
LIST_LOADED = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*{str(getattr(module, "__file__", "")) for module in [*sys.modules.values()]}, sep="\\n")
"""


def main() -> None:
    """Install what the command line names."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("root", type=Path, help="folder to install into")
    parser.add_argument("projects", nargs="*", help="folders of ours, with extras: shared[lm]")
    parser.add_argument("--torch", choices=["cpu", "cuda"], help="install torch alone, in this variant")
    parser.add_argument("--bytecode-of", nargs="*", default=[], help="only of what importing these loads")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as tools:
        pip = _locked_pip(Path(tools))
        if options.torch:
            _install_torch(pip, options.root, options.torch)
        else:
            _install(pip, options.root, _requirements(options.projects))
    for site in options.root.glob("**/site-packages"):
        _slim(site)
        _compile(options.root, site, options.bytecode_of)


def _locked_pip(folder: Path) -> list[str]:
    """Return the command of the lock's pip: those before 26.1 take no hashes from a constraints file."""
    requirement = folder / "pip.txt"
    requirement.write_text(_lock_entry("pip")[0])
    # The environment has no pip, so that no image has one there; the Python below it does.
    # No other build finds what pip would cache in this one's layer: gigabytes, for torch with CUDA.
    os.environ["PIP_NO_CACHE_DIR"] = "1"
    pip = [f"{sys.base_prefix}/bin/python3", "-m", "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "--target", str(folder), "--requirement", str(requirement)], check=True)
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); from pip import main; sys.exit(main())"
    return [sys.executable, "-c", code]


def _lock_entry(name: str) -> re.Match[str]:
    entry = re.search(LOCK_ENTRY.format(name=name), LOCK.read_text(), re.MULTILINE)
    if entry is None:
        sys.exit(f"error: constraints.txt has no {name}. Make it anew: make lock.")
    return entry


def _requirements(projects: list[str]) -> str:
    command = [sys.executable, "infra/lock/requirements.py", *projects]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _install_torch(pip: list[str], root: Path, variant: str) -> None:
    version = _lock_entry("torch")["version"]
    if variant == "cpu":
        _install(pip, root, f"torch=={version}+cpu", "--no-deps", "--extra-index-url", CPU_TORCH_INDEX)
    else:
        # The third sign leaves out the other variants of the version.
        _install(pip, root, f"torch==={version}", "--no-deps")


def _install(pip: list[str], root: Path, requirements: str, *options: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        locked = ["--only-binary", ":all:", "--require-hashes", "--constraint", str(LOCK)]
        into = ["--root", str(root), "--no-compile", "--no-warn-script-location", "--progress-bar", "off"]
        subprocess.run([*pip, "install", *locked, *into, *options, "--requirement", file.name], check=True)


def _slim(site: Path) -> None:
    for package in SLIMMED:
        for path in [*site.glob(f"{package}/**/*")]:
            if path.is_dir() and path.name in UNUSED_FOLDERS:
                shutil.rmtree(path)
            elif path.suffix in UNUSED_SUFFIXES:
                path.unlink(missing_ok=True)
    for path in {file for pattern in UNUSED_FILES for file in site.glob(pattern)}:
        path.unlink()


def _compile(root: Path, site: Path, modules: list[str]) -> None:
    """Compile to bytecode that is never compared with its source, as nothing in an image changes."""
    options = ["-qq", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    files = _loaded(site, modules) if modules else None
    what = ["-i", "-"] if modules else [str(site)]
    # Packages carry templates and tests of syntax that do not compile, and need not: no `check`.
    subprocess.run([sys.executable, "-m", "compileall", *options, *what], input=files, text=True, check=False)


def _loaded(site: Path, modules: list[str]) -> str:
    """Return the files in the folder that importing the modules loads, one a line."""
    command = [sys.executable, "-c", LIST_LOADED, *modules]
    found = os.environ | {"PYTHONPATH": str(site)}
    loaded = subprocess.run(command, env=found, stdout=subprocess.PIPE, text=True, check=True).stdout
    return "\n".join(file for file in loaded.split() if file.startswith(str(site)) and file.endswith(".py"))


if __name__ == "__main__":
    main()
