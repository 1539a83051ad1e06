"""The report's tables as plain values: what ran, with which settings, on which data, from which commits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import ExitCode
from shared.manifest import Attempt, Phase, RunManifest
from shared.refs import RepoRef


@dataclass(frozen=True)
class ExecutionRow:
    """One attempt at one phase. `minutes` and `cost_usd` are None where they are not known."""

    phase: str
    job_id: str
    hardware: str
    minutes: float | None
    cost_usd: float | None
    status: str


@dataclass(frozen=True)
class ProvenanceRow:
    """One thing the run read or made."""

    role: str
    ref: RepoRef


def execution_rows(manifest: RunManifest) -> list[ExecutionRow]:
    """Return one row for each attempt, and one for each phase that has none."""
    return [row for name, phase in manifest.phases.items() for row in _phase_rows(name, phase)]


def total_minutes(rows: list[ExecutionRow]) -> float | None:
    """Return the minutes of all attempts, or None where none is known."""
    return _total([row.minutes for row in rows])


def total_cost_usd(rows: list[ExecutionRow]) -> float | None:
    """Return the cost of all attempts, or None where none is known."""
    return _total([row.cost_usd for row in rows])


def configuration_rows(manifest: RunManifest) -> dict[str, list[tuple[str, str]]]:
    """Return every phase's resolved settings (dotted name, value)."""
    return {
        name: [(key, format_value(value)) for key, value in flatten(phase.config)]
        for name, phase in manifest.phases.items()
        if phase.config
    }


def data_rows(manifest: RunManifest) -> list[tuple[str, str]]:
    """Return what the splitter counted (dotted name, value)."""
    return [(key, format_value(value)) for key, value in flatten(manifest.phases["split"].metrics)]


def redo_commands(manifest: RunManifest) -> str:
    """Return the shell lines that repeat the run from its own code."""
    return f"git checkout {manifest.code}\nmake all PROFILE={manifest.profile} SEED={manifest.seed}"


def provenance_rows(manifest: RunManifest) -> list[ProvenanceRow]:
    """Return all pinned references of the run, in the order in which they came to be."""
    sources = [
        ProvenanceRow("source dataset", manifest.source.dataset),
        ProvenanceRow("base model", manifest.source.base_model),
    ]
    made = [
        ProvenanceRow(f"{phase}: {name}", ref)
        for phase, record in manifest.phases.items()
        for name, ref in record.outputs.items()
    ]
    return sources + made


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of nested mappings under its dotted name."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def format_value(value: Any) -> str:
    """Return a setting or a metric as a person writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "—"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value)) or "—"
    return str(value) if value != {} else "—"


def _phase_rows(name: str, phase: Phase) -> Iterator[ExecutionRow]:
    if not phase.attempts:
        yield ExecutionRow(name, "—", "—", None, None, phase.status)
    for attempt in phase.attempts:
        status = phase.status if attempt is phase.attempts[-1] else _past_status(attempt)
        yield ExecutionRow(
            name, attempt.job_id, attempt.flavor or "—", _minutes(attempt), attempt.cost_usd, status
        )


def _past_status(attempt: Attempt) -> str:
    outcomes = {ExitCode.OK: "succeeded", ExitCode.INTERRUPTED: "interrupted"}
    return "unknown" if attempt.exit_code is None else outcomes.get(attempt.exit_code, "failed")  # type: ignore[call-overload]


def _minutes(attempt: Attempt) -> float | None:
    if attempt.started_at is None or attempt.finished_at is None:
        return None
    return (attempt.finished_at - attempt.started_at).total_seconds() / 60


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
