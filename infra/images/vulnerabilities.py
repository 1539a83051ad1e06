"""Known vulnerabilities of packages, as the locked pip-audit finds them, and which of them are accepted."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from accepted import Acceptance

PIP_AUDIT = ("-m", "pip_audit", "--strict", "--disable-pip", "--progress-spinner", "off")
# All that is known, also what is accepted: else nobody would learn that an acceptance is needed no more.
AS_JSON = ("--format", "json", "--aliases", "on", "--desc", "off")


class LookupFailed(Exception):
    """A package could not be looked up; pip-audit has said which, and why."""


@dataclass(frozen=True)
class Vulnerability:
    """What is known about a version of a package.

    Attributes:
        package: name and version, as `torch 2.9.0`.
        ids: its names in the databases.
        fixed_in: versions without it, or none.
    """

    package: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        """Describe it in a line."""
        remedy = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no version without it is known"
        return f"{self.package}: {', '.join(self.ids)}; {remedy}"


def find_vulnerabilities(requirements: Path, options: Sequence[str]) -> list[Vulnerability]:
    """Return what is known about the pinned versions of a requirements file.

    Args:
        requirements: the file.
        options: more for pip-audit, which writes its complaints to standard error.

    Raises:
        LookupFailed: Not every package could be looked up.
    """
    command = [sys.executable, *PIP_AUDIT, *AS_JSON, *options, "--requirement", str(requirements)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        packages = json.loads(answer.stdout)["dependencies"]
    except ValueError:
        raise LookupFailed("not every package could be looked up; pip-audit says why above") from None
    return [
        Vulnerability(
            f"{package['name']} {package['version']}",
            (known["id"], *sorted(known["aliases"])),
            tuple(known["fix_versions"]),
        )
        for package in packages
        for known in package["vulns"]
    ]


def acceptance_of(known: Vulnerability, accepted: Iterable[Acceptance]) -> Acceptance | None:
    """Return what accepts a vulnerability, by whichever of its names."""
    return next((each for each in accepted if each.id in known.ids), None)


def unneeded(found: Iterable[Vulnerability], accepted: Iterable[Acceptance]) -> list[Acceptance]:
    """Return what is accepted and was not found."""
    names = {name for known in found for name in known.ids}
    return [each for each in accepted if each.id not in names]
