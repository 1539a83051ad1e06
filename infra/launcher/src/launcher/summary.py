"""A run on one page of Markdown, for the summary of a CI job: how it stands, what the gate found, and the report."""

import os
import re
from collections.abc import Iterator

from launcher.production import read_gate_page, read_gate_record, read_production
from launcher.terminal import say
from shared.decision import GateRecord
from shared.errors import ExitCode
from shared.manifest import Phase, RunManifest
from shared.runs import ManifestStore

MAX_BYTES = 1_000_000
"""GitHub refuses a job summary of more than 1 MiB (docs.github.com, "Workflow commands", job summaries)."""
# A summary cannot show files that lie beside it; the report's tables carry the same numbers.
PICTURE = re.compile(r"^!\[[^\n]*\]\([^)\n]*\)\n*", re.MULTILINE)
CUT = "\n\n*Cut off here: the whole report is in the artifact and on the Hub.*\n"
ENDS = {
    ExitCode.BAD_INPUT: "was given bad input or settings",
    ExitCode.UPSTREAM_NOT_READY: "found what it needs not ready",
    ExitCode.GUARD_TRIPPED: "stopped itself: a guard tripped",
}


def show_summary(store: ManifestStore, manifest: RunManifest) -> None:
    """Print the page, and tell GitHub, where that runs this, what went wrong."""
    record = read_gate_record(store, manifest.run_id)
    production = read_production(store)
    is_in_production = production is not None and production.run_id == manifest.run_id
    headline, problem = describe(manifest, record, is_in_production)
    if problem and os.environ.get("GITHUB_ACTIONS") == "true":
        say(f"::error title={escape_command(headline, ':,')}::{escape_command(problem)}")
    page = "\n".join(
        (
            f"# {headline}",
            "",
            *([problem, ""] if problem else []),
            *_phase_table(manifest),
            "",
            nest_page(read_gate_page(store, manifest.run_id)),
            nest_page(_read_report(store, manifest)),
        )
    )
    print(clip_page(page))


def describe(manifest: RunManifest, record: GateRecord | None, is_in_production: bool) -> tuple[str, str]:
    """Return a headline on a run, and what went wrong with it, empty where nothing did."""
    for name, phase in manifest.phases.items():
        if phase.status in ("failed", "interrupted"):
            return _describe_failure(manifest, name, phase)
    if unfinished := [name for name, phase in manifest.phases.items() if phase.status != "succeeded"]:
        return f"Run {manifest.run_id} has not got to {unfinished[0]} yet", ""
    if is_in_production:
        return f"Run {manifest.run_id} is in production", ""
    if record is None:
        return f"Run {manifest.run_id} is finished and not judged", ""
    if record.may_replace:
        return f"Run {manifest.run_id} passed the gate", ""
    failed = ", ".join(record.failed)
    return (
        f"Run {manifest.run_id} did not pass the gate",
        f"{record.this_run} may not replace {record.in_use}: {failed}. What is in production stays there.",
    )


def _describe_failure(manifest: RunManifest, name: str, phase: Phase) -> tuple[str, str]:
    code = phase.attempts[-1].exit_code if phase.attempts else None
    if phase.status == "interrupted":
        what, then = f"{name} was interrupted", " The next retraining goes on from there."
    else:
        what, then = f"{name} {ENDS.get(ExitCode(code or 1), 'failed')}", ""
    return f"Run {manifest.run_id}: {what}", f"{phase.error or 'See its log.'}{then}"


def _phase_table(manifest: RunManifest) -> Iterator[str]:
    yield from ("| phase | status | jobs | minutes | USD |", "|---|---|---:|---:|---:|")
    for name, phase in manifest.phases.items():
        costs = [attempt.cost_usd for attempt in phase.attempts if attempt.cost_usd is not None]
        cost = f"{sum(costs):.4g}" if costs else "–"
        yield f"| {name} | {phase.status} | {len(phase.attempts)} | {_minutes(phase):.1f} | {cost} |"


def _minutes(phase: Phase) -> float:
    spans = (
        attempt.finished_at - attempt.started_at
        for attempt in phase.attempts
        if attempt.started_at and attempt.finished_at
    )
    return sum(span.total_seconds() for span in spans) / 60


def _read_report(store: ManifestStore, manifest: RunManifest) -> str:
    ref = manifest.phases["report"].outputs.get("report")
    return "" if ref is None else store.hub.read_bytes(ref, f"{ref.path}/report.md").decode()


def nest_page(markdown: str) -> str:
    """Return a page as a part of another one: its headings a level deeper, its pictures left out."""
    return re.sub(r"^(#{1,5} )", r"#\1", PICTURE.sub("", markdown), flags=re.MULTILINE)


def clip_page(page: str) -> str:
    """Return a page of a length that GitHub takes, cut off between lines where it has to be."""
    encoded = page.encode()
    if len(encoded) <= MAX_BYTES:
        return page
    kept = encoded[: MAX_BYTES - len(CUT.encode())].decode(errors="ignore")
    # Half a row of a table would not be one.
    return kept.rpartition("\n")[0] + CUT


def escape_command(text: str, also: str = "") -> str:
    """Return a text as GitHub's workflow commands take it (docs.github.com, "Workflow commands")."""
    return "".join(f"%{ord(letter):02X}" if letter in f"%\r\n{also}" else letter for letter in text)
