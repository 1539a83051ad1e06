"""What the jobs of a first launch need: one function a check. Nothing here launches a job."""

from collections.abc import Sequence

from launcher.budget import list_prices
from launcher.cost import PhaseCost, collect_costs, expect_phases
from launcher.cost_text import format_usd
from launcher.doctor_access import Finding
from launcher.doctor_checks import Site
from launcher.flavors import find_hardware
from launcher.requests import PACKAGES, build_request

# What `make images` builds.
BUILT_HERE = "medmcqa-"


def check_hardware(site: Site) -> Finding:
    """Every flavor is offered, and what the plan needs fits it."""
    flavors = list(dict.fromkeys(target.flavor for target in site.profile.launch.values()))
    for flavor in flavors:
        find_hardware(site.hub, flavor)
    warnings = [f"{phase.name} {warning}" for phase in site.plan for warning in phase.warnings()]
    if warnings:
        return Finding("note", " ".join(warnings), "See make plan")
    return Finding("ok", f"{', '.join(flavors)}: every phase fits, and ends before its timeout")


def check_images(site: Site) -> Finding:
    """Every phase's image can be pulled, or the code of this checkout can be fetched."""
    placed = [
        site.placement.place(build_request(site.profile, phase, "examined", site.namespace, force=False))
        for phase in PACKAGES
    ]
    images = list(dict.fromkeys(request.target.image for request in placed))
    if missing := site.find_missing(images):
        built_here = all(image.startswith(BUILT_HERE) for image in missing)
        return Finding(
            "problem",
            f"Not on this machine: {', '.join(missing)}.",
            "make images" if built_here else f"Build it, or: docker pull {missing[0]}",
        )
    code = {str(request.code) for request in placed if request.code}
    return Finding("ok", f"{', '.join(images)}{' with the code of ' if code else ''}{', '.join(code)}")


def check_cost(site: Site) -> Finding:
    """What a run will cost, and whether BUDGET_USD lets it be launched."""
    costs = collect_costs(
        site.profile, expect_phases(site.profile, site.plan), list_prices(site.hub), manifest=None, jobs={}
    )
    if all(cost.usd_per_minute == 0 for cost in costs):
        return Finding("ok", "nothing")
    ranges = [cost.usd_anew for cost in costs]
    unpriced = [cost.flavor for cost in costs if cost.usd_per_minute is None]
    if unpriced:
        return Finding(
            "note", f"{', '.join(dict.fromkeys(unpriced))}: no price by the minute.", "See hf jobs hardware"
        )
    likely, most = (sum(each[end] for each in ranges if each) for end in (0, 1))
    dearest = max(costs, key=lambda cost: cost.usd_at_timeout or 0)
    text = f"${format_usd(likely)} to ${format_usd(most)} for all phases, about; see make cost"
    limit = site.budget_usd
    if limit is not None and (dearest.usd_at_timeout or 0) > limit:
        return Finding(
            "problem",
            f"BUDGET_USD is {limit:g}; {dearest.phase} may cost {format_usd(dearest.usd_at_timeout)}, its timeout.",
            "Raise BUDGET_USD, or shorten the timeout in [launch]",
        )
    if limit is not None and (late := _first_refused(costs, limit)):
        return Finding(
            "note", f"{text}; BUDGET_USD={limit:g} may be too little to launch {late}.", "Raise it"
        )
    return Finding("ok", text)


def _first_refused(costs: Sequence[PhaseCost], limit: float) -> str | None:
    """Return the first phase that may not be launched within the limit, should all before it take as long as may be."""
    spent = 0.0
    for cost in costs:
        if spent + (cost.usd_at_timeout or 0.0) > limit:
            return cost.phase
        spent += cost.usd_anew[1] if cost.usd_anew else 0.0
    return None
