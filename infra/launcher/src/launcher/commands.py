"""Every command of the launcher, by its name."""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from launcher.budget import Limits
from launcher.container import run_container
from launcher.cost_of_run import show_cost
from launcher.current import Wanted, require_run
from launcher.doctor import examine
from launcher.doctor_checks import Site
from launcher.dry_run import show_requests
from launcher.gate import judge_run
from launcher.jobs import cancel_job, cancel_run, find_job, print_log, show_jobs
from launcher.open_run import OpenRun
from launcher.phases import DEFAULT_PROFILE, RunPhases
from launcher.plan import show_plan
from launcher.profiles import load_profile
from launcher.promote import promote_run
from launcher.resume import resume_or_begin
from launcher.scripts import write_scripts
from launcher.several import compare_runs, parse_seeds, run_seeds
from launcher.show import newest_job, show_manifest, show_results, show_runs
from launcher.summary import show_summary
from launcher.verify import verify_run
from shared.errors import BadInput, ExitCode
from shared.hub import Hub
from shared.manifest import PHASES, RunManifest
from shared.retry import Patience
from shared.runs import ManifestStore


@dataclass(frozen=True)
class Session:
    """One command as it was given. The Hub is asked who the user is when that is first needed."""

    arguments: argparse.Namespace

    @cached_property
    def hub(self) -> Hub:
        """The Hub that holds the runs."""
        return Hub()

    @cached_property
    def namespace(self) -> str:
        """Who owns the runs."""
        return self.arguments.namespace or self.hub.whoami()

    @cached_property
    def store(self) -> ManifestStore:
        """The manifests of the namespace."""
        return ManifestStore(self.hub, self.namespace)

    @property
    def wanted(self) -> Wanted:
        """Which run is meant."""
        given = self.arguments
        return Wanted(given.run, given.profile, given.seed, given.source_dataset, given.base_model)

    @property
    def phases(self) -> RunPhases:
        """How phases are run."""
        limits = Limits(self.arguments.max_attempts, self.arguments.budget_usd)
        return RunPhases(self.store, self.namespace, limits, self.arguments.force)

    def require_run(self) -> RunManifest:
        """Return the manifest of the run that is meant."""
        return require_run(self.store, self.wanted)


def _run_phase(session: Session) -> None:
    if session.arguments.dry_run:
        show_requests(session.phases, session.arguments.command, session.wanted)
    else:
        session.phases.run(session.arguments.command, session.wanted)


def _container(session: Session) -> int:
    options = os.environ.get("DOCKER_RUN_OPTIONS", "")
    return run_container(session.phases, session.arguments.phase, session.wanted, options)


def _scripts(session: Session) -> None:
    write_scripts(session.phases, session.wanted, session.arguments.folder)


def _seeds(session: Session) -> int:
    given = session.arguments
    return run_seeds(session.phases, session.wanted, parse_seeds(given.seeds), given.keep_going)


def _compare(session: Session) -> int:
    return compare_runs(session.arguments.runs.split(), session.namespace)


def _resume(session: Session) -> None:
    profile = load_profile(session.arguments.profile or DEFAULT_PROFILE)
    print(resume_or_begin(session.store, session.namespace, profile, session.wanted).run_id)


def _plan(session: Session) -> None:
    # Needs no network, so that nothing here may ask the Hub.
    given = session.arguments
    show_plan(load_profile(given.profile or DEFAULT_PROFILE), given.base_model, given.source_dataset)


def _cost(session: Session) -> None:
    given = session.arguments
    show_cost(session.store, session.namespace, session.wanted, given.budget_usd, given.format == "json")


def _doctor(session: Session) -> int:
    given = session.arguments
    hub = Hub(patience=Patience(tries=1, first_tries=1))
    profile = load_profile(given.profile or DEFAULT_PROFILE)
    return examine(Site(hub, profile, session.wanted, given.namespace, given.budget_usd))


def _jobs(session: Session) -> None:
    show_jobs(session.hub, session.namespace, finished_too=session.arguments.all)


def _logs(session: Session) -> None:
    given = session.arguments
    if given.job:
        job_id = find_job(session.hub, session.namespace, given.job).id
    else:
        job_id = newest_job(session.require_run(), given.phase)
    print_log(session.hub, session.namespace, job_id, given.follow)


def _cancel(session: Session) -> None:
    given = session.arguments
    if given.job:
        cancel_job(session.store, session.namespace, given.job)
    else:
        run_id = session.require_run().run_id
        cancel_run(OpenRun(session.store, session.namespace, run_id), given.phase)


def _manifest(session: Session) -> None:
    show_manifest(session.require_run())


def _results(session: Session) -> None:
    show_results(session.require_run(), as_json=session.arguments.format == "json")


def _runs(session: Session) -> None:
    show_runs(session.store)


def _summary(session: Session) -> None:
    show_summary(session.store, session.require_run())


def _verify(session: Session) -> int:
    return verify_run(session.require_run().run_id, session.namespace)


def _gate(session: Session) -> int:
    manifest, given = session.require_run(), session.arguments
    profile = load_profile(given.profile or manifest.profile)
    return judge_run(session.store, session.namespace, manifest.run_id, profile, given.baseline)


def _promote(session: Session) -> None:
    promote_run(session.store, session.require_run(), session.arguments.force)


COMMANDS: dict[str, Callable[[Session], int | None]] = {
    **dict.fromkeys(PHASES, _run_phase),
    "container": _container,
    "scripts": _scripts,
    "seeds": _seeds,
    "compare": _compare,
    "resume": _resume,
    "plan": _plan,
    "cost": _cost,
    "doctor": _doctor,
    "jobs": _jobs,
    "logs": _logs,
    "cancel": _cancel,
    "runs": _runs,
    "manifest": _manifest,
    "results": _results,
    "summary": _summary,
    "verify": _verify,
    "gate": _gate,
    "promote": _promote,
}
# These launch or change something that no dry run shows.
NOT_DRY = ("container", "seeds", "resume", "promote", "cancel")


def run_command(arguments: argparse.Namespace) -> int:
    """Run one command and return its exit code."""
    if arguments.dry_run and arguments.command in NOT_DRY:
        raise BadInput(
            f"DRY_RUN=1 shows what a phase would launch, as in make sft DRY_RUN=1; make {arguments.command} has none."
        )
    return COMMANDS[arguments.command](Session(arguments)) or ExitCode.OK
