"""Run a phase of the run that is wanted, beginning one where there is none."""

from dataclasses import dataclass, replace

from launcher.begin import begin_run
from launcher.budget import Limits
from launcher.current import Wanted, find_run, require_run
from launcher.open_run import OpenRun
from launcher.pipeline import Pipeline
from launcher.profiles import load_profile
from launcher.show import fetch_report
from shared.manifest import RunManifest
from shared.runs import ManifestStore

DEFAULT_PROFILE = "demo"


@dataclass(frozen=True)
class RunPhases:
    """How phases are run: whose, within which limits, and whether what is up to date is redone."""

    store: ManifestStore
    namespace: str
    limits: Limits
    force: bool = False

    def run(self, phase: str, wanted: Wanted) -> str:
        """Bring a phase up to date, and those that it needs, and return the id of its run.

        Raises:
            PipelineError: a phase failed, or what is wanted cannot be.
        """
        profile = load_profile(wanted.profile or DEFAULT_PROFILE)
        wanted = replace(wanted, profile=profile.name)
        manifest = _choose_run(self.store, wanted, phase)
        if manifest is None:
            manifest = begin_run(self.store, self.namespace, profile, wanted, join=phase != "split")
        elif manifest.profile != profile.name:
            profile = load_profile(manifest.profile)
        run = OpenRun(self.store, self.namespace, manifest.run_id)
        Pipeline(run, profile, self.limits).bring_up_to_date(phase, self.force)
        if phase == "report":
            fetch_report(self.store, run.read())
        return manifest.run_id


def _choose_run(store: ManifestStore, wanted: Wanted, phase: str) -> RunManifest | None:
    """Return the run to continue, None where one is to begin.

    `split` begins a new one unless a run is named; a report is of a run that there is.
    """
    if phase == "split" and not wanted.run_id:
        return None
    return require_run(store, wanted) if phase == "report" else find_run(store, wanted)
