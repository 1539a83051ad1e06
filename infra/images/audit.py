"""Looks the packages of built images up in PyPI's database of known vulnerabilities: `python infra/images/audit.py`.

    evaluator reporter   these images (default: all)
    --lists a.txt …      what infra/images/contents.py printed of images that are elsewhere
    --docker PROGRAM     what runs the images (default: docker)

The locked pip-audit looks them up, so this needs the virtual environment. Ends with 1 where a vulnerability is known or
a package could not be looked up.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from build import images
from contents import NoContents, list_installed

# `torch==2.9.0+cpu` is on no index of PyPI's, and is the same source as `torch==2.9.0`.
LOCAL_VERSION = re.compile(r"(==[^+\s]+)\+\S+")
PIP_AUDIT = ("-m", "pip_audit", "--strict", "--disable-pip", "--no-deps", "--progress-spinner", "off")


def main() -> int:
    """Look up what the command line names."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("images", nargs="*", metavar="image", help=f"of {', '.join(images())}")
    parser.add_argument("--lists", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument("--docker", default="docker", help="the program (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="read the packages, and look none up")
    options = parser.parse_args()
    try:
        contents = _read(options.lists) or {
            name: list_installed(name, options.docker) for name in options.images or images()
        }
    except (NoContents, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    more = ["--dry-run"] if options.dry_run else []
    # All of them, so that one run shows everything that is known.
    return max(audit(name, packages, more) for name, packages in contents.items())


def audit(name: str, packages: str, options: list[str]) -> int:
    """Look up packages, a `name==version` a line, and return pip-audit's exit code, 0 where nothing is known."""
    count = len(packages.split())
    if not count:
        print(f"error: {name} lists no package; was it written by infra/images/contents.py?", file=sys.stderr)
        return 2
    print(f"{name}: {count} packages", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(released(packages))
        command = [sys.executable, *PIP_AUDIT, *options, "--requirement", str(requirements)]
        return subprocess.run(command, check=False).returncode


def released(packages: str) -> str:
    """Return the packages by the versions under which their vulnerabilities are known.

    >>> released("torch==2.9.0+cpu")
    'torch==2.9.0'
    """
    return LOCAL_VERSION.sub(r"\1", packages)


def _read(lists: list[Path]) -> dict[str, str]:
    return {file.stem: file.read_text() for file in lists}


if __name__ == "__main__":
    sys.exit(main())
