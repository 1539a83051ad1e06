"""Looks packages up in PyPI's database of known vulnerabilities: `python infra/images/audit.py`.

    evaluator reporter   those in these built images (default: all images)
    --lists a.txt …      what infra/images/contents.py printed of images that are elsewhere
    --lock FILE          what the lock names
    --docker PROGRAM     what runs the images (default: docker)
    --osv-url URL        ask this database, which speaks OSV's protocol, instead of PyPI's

The locked pip-audit looks them up, so this needs the virtual environment. What osv-scanner.toml accepts is shown and
passes. Ends with 1 where another vulnerability is known, a package could not be looked up, or the lock no longer has
what is accepted; with 2 where that list, which an expired entry makes wrong, or another file cannot be used.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from accepted import LIST, Acceptance, BadList, read_accepted
from build import images
from contents import NoContents, list_installed
from vulnerabilities import LookupFailed, Vulnerability, acceptance_of, find_vulnerabilities, unneeded

# `torch==2.9.0+cpu` is on no index of PyPI's, and is the same source as `torch==2.9.0`.
LOCAL_VERSION = re.compile(r"(==[^+\s]+)\+\S+")


def main() -> int:
    """Look up what the command line names."""
    options = _parser().parse_args()
    more = ["--dry-run"] if options.dry_run else []
    more += ["--vulnerability-service", "osv", "--osv-url", options.osv_url] if options.osv_url else []
    try:
        accepted = read_accepted(options.accepted)
        if options.lock:
            return audit_lock(options.lock, accepted, more)
        contents = _read(options.lists) or {
            name: list_installed(name, options.docker) for name in options.images or images()
        }
        # All of them, so that one run shows everything that is known.
        return max([audit(name, packages, accepted, more) for name, packages in contents.items()])
    except (BadList, NoContents, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def audit(name: str, packages: str, accepted: Sequence[Acceptance], options: Sequence[str]) -> int:
    """Look up packages, a `name==version` a line, and return 0 where nothing is known that is not accepted."""
    count = len(packages.split())
    if not count:
        print(f"error: {name} lists no package; was it written by infra/images/contents.py?", file=sys.stderr)
        return 2
    print(f"{name}: {count} packages", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(released(packages))
        try:
            return _report(find_vulnerabilities(requirements, ["--no-deps", *options]), accepted)
        except LookupFailed as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            return 1


def audit_lock(lock: Path, accepted: Sequence[Acceptance], options: Sequence[str]) -> int:
    """Look up what the lock names. It names what is in every image, so here it shows what need not be accepted."""
    try:
        found = find_vulnerabilities(lock, ["--require-hashes", *options])
    except LookupFailed as error:
        print(f"error: {lock}: {error}", file=sys.stderr)
        return 1
    code = _report(found, accepted)
    for each in unneeded(found, accepted):
        print(
            f"error: {LIST.name} accepts {each.id}, which no locked version has. Remove the entry",
            file=sys.stderr,
        )
        code = 1
    return code


def released(packages: str) -> str:
    """Return the packages by the versions under which their vulnerabilities are known.

    >>> released("torch==2.9.0+cpu")
    'torch==2.9.0'
    """
    return LOCAL_VERSION.sub(r"\1", packages)


def _report(found: Sequence[Vulnerability], accepted: Sequence[Acceptance]) -> int:
    judged = [(known, acceptance_of(known, accepted)) for known in found]
    for known, acceptance in judged:
        print(
            known
            if acceptance is None
            else f"{known}; accepted until {acceptance.until}: {acceptance.reason}"
        )
    if count := sum(acceptance is None for _, acceptance in judged):
        what = "1 known vulnerability" if count == 1 else f"{count} known vulnerabilities"
        print(
            f"error: {what} that {LIST.name} does not accept. Move to a version without it (make lock UPGRADE=1), "
            "or accept it there for a while, with the reason (SECURITY.md)",
            file=sys.stderr,
        )
    return int(count > 0)


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("images", nargs="*", metavar="image", help=f"of {', '.join(images())}")
    parser.add_argument("--lists", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument("--lock", type=Path, metavar="FILE")
    parser.add_argument("--docker", default="docker", help="the program (default: %(default)s)")
    parser.add_argument("--osv-url", default="", metavar="URL")
    parser.add_argument(
        "--accepted", type=Path, default=LIST, metavar="FILE", help="default: osv-scanner.toml"
    )
    parser.add_argument("--dry-run", action="store_true", help="read the packages, and look none up")
    return parser


def _read(lists: list[Path]) -> dict[str, str]:
    return {file.stem: file.read_text() for file in lists}


if __name__ == "__main__":
    sys.exit(main())
