"""What was asked of runs that is not the same in all of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reporter.tables import flatten, format_value
from shared.manifest import PHASES, Phase, RunManifest

SHORT_FINGERPRINT = 19
"""Characters: sha256: and twelve more."""


@dataclass(frozen=True)
class DifferingSetting:
    """A setting and its value in each run, in their order, as a person writes it."""

    name: str
    values: tuple[str, ...]


def differing_settings(manifests: Sequence[RunManifest]) -> list[DifferingSetting]:
    """Return what differs, from what a run begins with to the settings and the code of its evaluation."""
    described = [_describe(manifest) for manifest in manifests]
    names = dict.fromkeys(name for settings in described for name in settings)
    rows = {name: [settings.get(name) for settings in described] for name in names}
    return [
        DifferingSetting(name, tuple(map(format_value, values)))
        for name, values in rows.items()
        if len({json.dumps(value, sort_keys=True) for value in values}) > 1
    ]


def _describe(manifest: RunManifest) -> dict[str, Any]:
    begun = {
        "profile": manifest.profile,
        "seed": manifest.seed,
        "source dataset": str(manifest.source.dataset),
        "base model": str(manifest.source.base_model),
        "git commit": manifest.code,
    }
    # How much a report shows decides nothing that is compared.
    phases = {name: manifest.phases[name] for name in PHASES if name != "report"}
    return begun | {f"{name}.{key}": value for name, phase in phases.items() for key, value in _asked(phase)}


def _asked(phase: Phase) -> list[tuple[str, Any]]:
    code = [("code", phase.code[:SHORT_FINGERPRINT])] if phase.code else []
    return [*flatten(phase.config), *code]
