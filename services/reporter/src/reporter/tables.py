"""The report's tables as plain values: what ran, with which settings, on which data, from which commits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import ExitCode
from shared.manifest import Attempt, Phase, RunManifest
from shared.refs import RepoRef

HISTORY_METRICS = ("precision", "validation", "published_step", "published_because", "resumes")
EXPLAINED_METRICS = ("adapted_shapes", "objective")
"""The training metrics that have their own place: beside the attempts, and in the part on how it works."""
MAX_LISTED = 12
"""A longer list in a setting or a metric is only counted."""


@dataclass(frozen=True)
class ExecutionRow:
    """One attempt at one phase. `minutes` and `cost_usd` are None where they are not known.

    `error` is why the phase has not succeeded, on its last attempt.
    """

    phase: str
    job_id: str
    hardware: str
    minutes: float | None
    cost_usd: float | None
    status: str
    error: str | None = None


@dataclass(frozen=True)
class SplitRow:
    """One split: how many rows, how often each letter is right, and the hash of its content."""

    split: str
    rows: int
    letters: dict[str, int]
    content_hash: str | None


@dataclass(frozen=True)
class ProvenanceRow:
    """One thing the run read or made."""

    role: str
    ref: RepoRef


def execution_rows(manifest: RunManifest) -> list[ExecutionRow]:
    """Return one row for each attempt, and one for each phase that has none."""
    return [row for name, phase in manifest.phases.items() for row in _phase_rows(name, phase)]


def attempt_minutes(attempt: Attempt) -> float | None:
    """Return how long a job worked, or None where its start or its end is not known."""
    if attempt.started_at is None or attempt.finished_at is None:
        return None
    return (attempt.finished_at - attempt.started_at).total_seconds() / 60


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


def split_rows(manifest: RunManifest) -> list[SplitRow]:
    """Return one row for each split that the splitter recorded."""
    metrics = manifest.phases["split"].metrics
    letters, hashes = metrics.get("letters", {}), metrics.get("content_hash", {})
    return [
        SplitRow(split, count, letters.get(split, {}), hashes.get(split))
        for split, count in metrics.get("rows", {}).items()
    ]


def replaced_rows(manifest: RunManifest) -> list[tuple[str, str]]:
    """Return how many source rows were replaced (reason, count)."""
    replaced = manifest.phases["split"].metrics.get("replaced", {})
    return [(reason, format_value(count)) for reason, count in replaced.items()]


def training_rows(manifest: RunManifest) -> dict[str, list[tuple[str, str]]]:
    """Return what the training phases measured (dotted name, value), but for what `reporter.history` tells."""
    measured = {
        name: {
            key: value
            for key, value in manifest.phases[name].metrics.items()
            if key not in HISTORY_METRICS + EXPLAINED_METRICS
        }
        for name in ("sft", "grpo")
    }
    return {
        name: [(key, format_value(value)) for key, value in flatten(metrics)]
        for name, metrics in measured.items()
    }


def redo_commands(manifest: RunManifest) -> str:
    """Return the shell lines that repeat the run from its own code, data and base model."""
    commit = manifest.code.removesuffix("-dirty")
    note = "" if commit == manifest.code else "  # plus changes that were not committed"
    source = f"SOURCE_DATASET={manifest.source.dataset} BASE_MODEL={manifest.source.base_model}"
    make = f"make split all PROFILE={manifest.profile} SEED={manifest.seed} {source}"
    return make if commit == "unknown" else f"git checkout {commit}{note}\n{make}"


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
        if len(value) > MAX_LISTED:
            return f"{len(value):,} values"
        return ", ".join(map(format_value, value)) or "—"
    return str(value) if value != {} else "—"


def _phase_rows(name: str, phase: Phase) -> Iterator[ExecutionRow]:
    if not phase.attempts:
        yield ExecutionRow(name, "—", "—", None, None, phase.status)
    for attempt in phase.attempts:
        is_last = attempt is phase.attempts[-1]
        yield ExecutionRow(
            phase=name,
            job_id=attempt.job_id,
            hardware=attempt.flavor or "—",
            minutes=attempt_minutes(attempt),
            cost_usd=attempt.cost_usd,
            status=phase.status if is_last else _past_status(attempt),
            error=phase.error if is_last else None,
        )


def _past_status(attempt: Attempt) -> str:
    outcomes: dict[int, str] = {ExitCode.OK: "succeeded", ExitCode.INTERRUPTED: "interrupted"}
    return "unknown" if attempt.exit_code is None else outcomes.get(attempt.exit_code, "failed")


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
