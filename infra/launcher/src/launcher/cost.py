"""What each phase of a run will cost and has cost: minutes times the price that the Jobs API asks for its hardware."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from huggingface_hub import JobInfo

from launcher.budget import cost_at, running_minutes
from launcher.plan_phases import PlannedPhase, choose_device
from launcher.profiles import AUTO, LaunchTarget, Profile
from launcher.time_limits import limit_for
from shared.manifest import PHASES, Attempt, Phase, RunManifest

# Split and report run no model, and take hardly longer than the job around their work.
LIGHT_MINUTES = 1.0


@dataclass(frozen=True)
class Expectation:
    """How long a phase takes, in minutes: as is likely, if every answer runs into its limit, and at its timeout."""

    likely: float
    at_most: float
    timeout: float


@dataclass(frozen=True)
class PhaseCost:
    """A phase, what is still to come of it, and what its jobs have cost so far.

    Attributes:
        usd_per_minute: the price of its flavor; None where the Jobs API names none.
        minutes_to_come: likely and at most; both 0 where the phase has succeeded, None where nothing is known.
        minutes_anew: the same for the whole phase, as in a new run.
        timeout_minutes: where one of its jobs is ended; None where the plan was to say it and could not.
        jobs: how many worked on it.
        minutes: how long they ran.
        usd: what they cost at list price.
    """

    phase: str
    status: str
    flavor: str
    usd_per_minute: float | None
    minutes_to_come: tuple[float, float] | None
    minutes_anew: tuple[float, float] | None
    timeout_minutes: float | None
    jobs: int
    minutes: float
    usd: float

    @property
    def usd_to_come(self) -> tuple[float, float] | None:
        """What is still to be paid for it: likely and at most; None where something is not known."""
        return _priced(self.minutes_to_come, self.usd_per_minute)

    @property
    def usd_anew(self) -> tuple[float, float] | None:
        """What the whole phase costs in a new run."""
        return _priced(self.minutes_anew, self.usd_per_minute)

    @property
    def usd_at_timeout(self) -> float | None:
        """What one job of it costs that runs until it is ended."""
        if self.usd_per_minute is None or self.timeout_minutes is None:
            return None
        return self.timeout_minutes * self.usd_per_minute


def expect_phases(profile: Profile, planned: Sequence[PlannedPhase]) -> dict[str, Expectation]:
    """Return how long each phase of a profile takes, those included that run no model and so are not in the plan."""
    heavy = {
        each.name: Expectation(
            each.estimate.seconds / 60, each.at_most.seconds / 60, each.timeout_seconds / 60
        )
        for each in planned
    }
    light = {phase: _expect_light(profile.launch[phase]) for phase in PHASES if phase not in heavy}
    return {phase: (heavy | light)[phase] for phase in PHASES}


def collect_costs(
    profile: Profile,
    expected: Mapping[str, Expectation],
    prices: Mapping[str, float],
    manifest: RunManifest | None,
    jobs: Mapping[str, JobInfo],
) -> list[PhaseCost]:
    """Return what each phase costs, in order.

    Args:
        profile: with the flavors.
        expected: how long each phase takes; empty where there is no estimate.
        prices: USD a minute of each flavor.
        manifest: the run, None before there is one.
        jobs: those of the run that the Jobs API knows of, by id.
    """
    records = manifest.phases if manifest else {phase: Phase() for phase in PHASES}
    return [
        _phase_cost(phase, records[phase], profile.launch[phase], expected.get(phase), prices, jobs)
        for phase in PHASES
    ]


def share_to_come(record: Phase) -> float:
    """Return how much of a phase is still to be done: a job that is started again goes on from its checkpoint."""
    if record.status == "succeeded":
        return 0.0
    if record.progress is None or not record.progress.total:
        return 1.0
    done = record.progress.step if record.status == "running" else record.progress.saved or 0
    return 1.0 - done / record.progress.total


def _expect_light(target: LaunchTarget) -> Expectation:
    around = choose_device(target.flavor).job_seconds / 60
    return Expectation(around, around + LIGHT_MINUTES, limit_for(target, 0.0).timeout_minutes)


def _phase_cost(
    phase: str,
    record: Phase,
    target: LaunchTarget,
    expected: Expectation | None,
    prices: Mapping[str, float],
    jobs: Mapping[str, JobInfo],
) -> PhaseCost:
    recorded = {attempt.job_id: attempt for attempt in record.attempts}
    unrecorded = [
        job_id
        for job_id, job in jobs.items()
        if job_id not in recorded and (job.labels or {}).get("phase") == phase
    ]
    known = [(recorded.get(job_id), jobs.get(job_id)) for job_id in [*recorded, *unrecorded]]
    share, named = share_to_come(record), None if target.timeout == AUTO else target.timeout_minutes
    return PhaseCost(
        phase=phase,
        status=record.status,
        flavor=target.flavor,
        usd_per_minute=prices.get(target.flavor),
        minutes_to_come=(share * expected.likely, share * expected.at_most) if expected else None,
        minutes_anew=(expected.likely, expected.at_most) if expected else None,
        timeout_minutes=expected.timeout if expected else named,
        jobs=len(known),
        minutes=sum(_minutes(attempt, job) for attempt, job in known),
        usd=sum(_usd(attempt, job, prices) for attempt, job in known),
    )


def _minutes(attempt: Attempt | None, job: JobInfo | None) -> float:
    if job is not None:
        return running_minutes(job) or 0.0
    if attempt is None or attempt.started_at is None or attempt.finished_at is None:
        return 0.0
    return (attempt.finished_at - attempt.started_at).total_seconds() / 60


def _usd(attempt: Attempt | None, job: JobInfo | None, prices: Mapping[str, float]) -> float:
    if attempt is not None and attempt.cost_usd is not None:
        return attempt.cost_usd
    return (cost_at(prices, job) if job else None) or 0.0


def _priced(minutes: tuple[float, float] | None, price: float | None) -> tuple[float, float] | None:
    return None if minutes is None or price is None else (minutes[0] * price, minutes[1] * price)
