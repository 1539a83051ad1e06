"""Run a phase of the run that is wanted, beginning one where there is none."""

from dataclasses import dataclass

from launcher.begin import begin_run
from launcher.budget import Limits
from launcher.current import Wanted, find_run, require_run
from launcher.open_run import OpenRun
from launcher.pipeline import Pipeline
from launcher.profiles import Profile, load_profile
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
        run, profile = self.open(phase, wanted)
        Pipeline(run, profile, self.limits).bring_up_to_date(phase, self.force)
        if phase == "report":
            fetch_report(self.store, run.read())
        return run.run_id

    def open(self, phase: str, wanted: Wanted, alone: bool = False) -> tuple[OpenRun, Profile]:
        """Return the run that a phase is to be run of, begun where it has to be, and the run's profile.

        Args:
            phase: the phase; `split` begins a new run unless one is named.
            wanted: what the user asked of the run.
            alone: the phases before this one are not run for it, so it takes a run that there is.
        """
        profile = load_profile(wanted.profile or DEFAULT_PROFILE)
        manifest = _choose_run(self.store, wanted, phase, alone)
        if manifest is None:
            manifest = begin_run(self.store, self.namespace, profile, wanted, join=phase != "split")
        elif manifest.profile != profile.name:
            profile = load_profile(manifest.profile)
        return OpenRun(self.store, self.namespace, manifest.run_id), profile


def _choose_run(store: ManifestStore, wanted: Wanted, phase: str, alone: bool) -> RunManifest | None:
    """Return the run to continue, None where one is to begin.

    `split` begins a new one unless a run is named; a report is of a run that there is.
    """
    if phase == "split" and not wanted.run_id:
        return None
    return require_run(store, wanted) if alone or phase == "report" else find_run(store, wanted)
