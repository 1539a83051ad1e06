"""`make cost`: what a run, or a profile before any run, will cost and has cost."""

from launcher.budget import list_prices
from launcher.cost import PhaseCost, collect_costs, expect_phases
from launcher.cost_text import costs_as_json, show_costs
from launcher.current import Wanted, find_run
from launcher.open_run import OpenRun
from launcher.phases import DEFAULT_PROFILE
from launcher.plan import plan_profile
from launcher.profiles import Profile, load_profile
from launcher.terminal import say
from shared.errors import PipelineError
from shared.manifest import RunManifest
from shared.runs import ManifestStore


def show_cost(
    store: ManifestStore, namespace: str, wanted: Wanted, budget_usd: float | None, as_json: bool
) -> None:
    """Print the costs of the run that is wanted, or of a profile where there is none yet.

    Raises:
        BadInput: there is no such run or profile.
    """
    profile = load_profile(wanted.profile) if wanted.profile else None
    manifest = find_run(store, wanted)
    profile = profile or load_profile(manifest.profile if manifest else DEFAULT_PROFILE)
    costs = _collect(store, namespace, profile, manifest, wanted)
    if as_json:
        print(costs_as_json(manifest.run_id if manifest else None, profile.name, costs, budget_usd))
        return
    what = f"run {manifest.run_id}" if manifest else f"profile {profile.name}, of which there is no run yet"
    show_costs(f"Cost of {what}", costs, budget_usd)


def _collect(
    store: ManifestStore, namespace: str, profile: Profile, manifest: RunManifest | None, wanted: Wanted
) -> list[PhaseCost]:
    model = wanted.base_model or profile.run.base_model
    dataset = wanted.source_dataset or profile.run.source_dataset
    jobs = []
    if manifest is not None:
        base = manifest.source.base_model
        model, dataset = f"{base.repo_id}@{base.commit}", manifest.source.dataset.repo_id
        jobs = OpenRun(store, namespace, manifest.run_id).list_jobs()
    prices = list_prices(store.hub)
    try:
        expected = expect_phases(profile, plan_profile(profile, model, dataset))
    except PipelineError as error:
        say(f"warning: there is no estimate. {error}")
        expected = {}
    return collect_costs(profile, expected, prices, manifest, {job.id: job for job in jobs})
