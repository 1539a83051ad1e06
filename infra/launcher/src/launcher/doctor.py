"""`make doctor`: whether a first launch would work, said before it costs anything, a line for each thing it needs."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx2
from huggingface_hub import get_session, set_client_factory
from rich.console import Console
from rich.table import Table
from rich.text import Text

from launcher import doctor_checks as checks
from launcher import doctor_run as run
from launcher import doctor_sources as sources
from launcher.doctor_access import Finding
from launcher.doctor_checks import Site
from shared.errors import ExitCode, PipelineError

ANSWER_SECONDS = 10.0
UNMET = {
    "hub": "the Hub does not answer",
    "reads": "HF_TOKEN is not valid",
    "token": "there is no valid token",
    "model": "the model cannot be read",
    "dataset": "the dataset cannot be read",
}
COLOURS = {"ok": "green", "note": "yellow", "problem": "red", "skipped": "bright_black"}


@dataclass(frozen=True)
class Check:
    """One thing that a launch needs, and what must have answered before it can be looked at."""

    examine: Callable[[Site], Finding]
    needs: tuple[str, ...] = ()


CHECKS = {
    "python": Check(checks.check_python),
    "settings": Check(checks.check_settings),
    "disk": Check(checks.check_disk),
    "endpoint": Check(checks.check_endpoint),
    "token": Check(checks.check_token, needs=("hub",)),
    "namespace": Check(checks.check_namespace, needs=("token",)),
    "jobs": Check(checks.check_jobs, needs=("token",)),
    "model": Check(sources.check_model, needs=("reads",)),
    "dataset": Check(sources.check_dataset, needs=("reads",)),
    "hardware": Check(run.check_hardware, needs=("reads",)),
    "image": Check(run.check_images, needs=("token", "model", "dataset")),
    "cost": Check(run.check_cost, needs=("reads",)),
}


def examine(site: Site) -> int:
    """Print what each check finds as it is found; return the exit code, OK where nothing stops a launch."""
    _answer_soon()
    problems = 0
    for name, finding in run_checks(site, CHECKS):
        _print(name, finding)
        problems += finding.level == "problem"
    if problems:
        print(f"\nNot ready to launch: {problems} problem{'s' if problems > 1 else ''}.")
        return ExitCode.BAD_INPUT
    print("\nNothing stops a launch: make all, with the same variables.")
    return ExitCode.OK


def run_checks(site: Site, checks: Mapping[str, Check]) -> Iterator[tuple[str, Finding]]:
    """Yield what each check finds; one whose needs are not met is not made."""
    for name, check in checks.items():
        unmet = [need for need in check.needs if need not in site.met]
        why_not = UNMET["hub" if "hub" not in site.met else unmet[0]] if unmet else ""
        finding = Finding("skipped", f"Not checked: {why_not}.") if unmet else _run(site, check)
        if finding.level in ("ok", "note"):
            site.met.add(name)
        yield name, finding


def _run(site: Site, check: Check) -> Finding:
    try:
        return check.examine(site)
    except PipelineError as error:
        return Finding("problem", str(error))


def _print(name: str, finding: Finding) -> None:
    text = f"{finding.text} → {finding.fix}" if finding.fix else finding.text
    if not sys.stdout.isatty():
        print(f"{finding.level:<8}{name:<10}{text}", flush=True)
        return
    row = Table.grid(padding=(0, 1))
    row.add_column(width=7)
    row.add_column(width=9)
    row.add_column(overflow="fold")
    row.add_row(Text(finding.level, COLOURS[finding.level]), name, Text(text))
    Console(highlight=False).print(row)


def _answer_soon() -> None:
    """Let no request of this process wait longer than a person who looks at it."""
    hooks = get_session().event_hooks["request"]

    def bound(request: httpx2.Request) -> None:
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), ANSWER_SECONDS)

    set_client_factory(
        lambda: httpx2.Client(event_hooks={"request": [*hooks, bound]}, follow_redirects=True, timeout=None)
    )
