"""The verification of a run, from the cheapest check to the dearest."""

from evaluator.verify.answers import check_answers
from evaluator.verify.checklist import Checklist, Finding
from evaluator.verify.data import check_splits
from evaluator.verify.models import check_models
from evaluator.verify.repos import check_inputs, check_repos
from shared.hub import Hub
from shared.manifest import PHASES, Phase, RunManifest


def verify(checklist: Checklist, hub: Hub, manifest: RunManifest) -> None:
    """Check everything that the run has so far, and say what it does not have."""
    for name in PHASES:
        phase = manifest.phases[name]
        if phase.status != "succeeded":
            checklist.add(Finding(name, "status", "unknown", _describe(phase)))
    check_repos(checklist, hub, manifest)
    check_inputs(checklist, manifest)
    check_splits(checklist, hub, manifest)
    check_answers(checklist, hub, manifest)
    check_models(checklist, hub, manifest)


def _describe(phase: Phase) -> str:
    at = f" at step {phase.progress.step} of {phase.progress.total}" if phase.progress else ""
    return f"{phase.status}{at}: it has made nothing yet that could be checked"
