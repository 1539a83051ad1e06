"""What a run will take, said before it begins: no GPU, no job, and no network for the models known by name."""

import sys

from rich.console import Console
from rich.table import Table

from launcher.plan_phases import PlannedPhase, plan_phases
from launcher.plan_settings import find_shape, resolve_settings
from launcher.plan_text import explain_phase, format_bytes, format_count, format_dollars, format_minutes
from launcher.profiles import Profile
from shared.estimate.lengths import assume_lengths
from shared.estimate.model import count_parameters

WIDE = 200
COLUMNS = (
    "phase",
    "flavor",
    "trained",
    "steps",
    "tokens",
    "sampled",
    "memory",
    "minutes",
    "at most",
    "timeout",
    "$",
)


def show_plan(profile: Profile, base_model: str | None = None, source_dataset: str | None = None) -> None:
    """Print what every phase of a profile will take, how that was found, and what speaks against launching it.

    Args:
        profile: with its settings and flavors.
        base_model: to plan with instead of the profile's.
        source_dataset: whose texts to assume instead of those of the profile's.

    Raises:
        BadInput: a setting is wrong, or nothing is known of a flavor or of the model.
    """
    model, dataset = base_model or profile.run.base_model, source_dataset or profile.run.source_dataset
    settings, shape, lengths = resolve_settings(profile), find_shape(model), assume_lengths(dataset)
    phases = plan_phases(profile, settings, shape, lengths)
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, soft_wrap=True)
    console.print(_table(profile, phases))
    console.print(f"\n{model}: {count_parameters(shape):,} parameters.", markup=False)
    console.print(
        f"Assumed lengths: prompts {lengths.prompt:g} tokens, answers {lengths.answer:g} (means {lengths.source}).",
        markup=False,
    )
    console.print(
        "split and report run no model: a minute each. $ are Hugging Face's; a local hub charges nothing."
    )
    for phase in phases:
        console.print("", *explain_phase(phase), sep="\n", markup=False)
    warnings = [f"warning: {phase.name} {warning}" for phase in phases for warning in phase.warnings()]
    console.print("", *(warnings or ["Every phase fits its card and its timeout."]), sep="\n", markup=False)


def plan_profile(profile: Profile, base_model: str, source_dataset: str) -> list[PlannedPhase]:
    """Return what each phase that runs a model will take.

    Raises:
        PipelineError: a setting is wrong, or nothing is known of a flavor or of the model.
    """
    settings, shape = resolve_settings(profile), find_shape(base_model)
    return plan_phases(profile, settings, shape, assume_lengths(source_dataset))


def _table(profile: Profile, phases: list[PlannedPhase]) -> Table:
    table = Table(*COLUMNS, title=f"Plan of profile {profile.name}", title_justify="left", box=None)
    for phase in phases:
        table.add_row(*_cells(phase))
    likely, most = [phase.estimate for phase in phases], [phase.at_most for phase in phases]
    table.add_row(
        "all",
        *[""] * 6,
        *(format_minutes(sum(each.seconds for each in column)) for column in (likely, most)),
        "",
        format_dollars(*(sum(each.dollars for each in column) for column in (likely, most))),
    )
    return table


def _cells(phase: PlannedPhase) -> list[str]:
    estimate, device = phase.estimate, phase.computation.device
    training = estimate.work.training
    needed = phase.at_most.memory
    return [
        phase.name,
        phase.flavor,
        f"{phase.trainable:,}" if phase.trainable else "–",
        str(training.steps) if training else "–",
        format_count(training.steps * training.tokens_per_step) if training else "–",
        format_count(estimate.work.generated_tokens),
        f"{format_bytes(needed.on_gpu)} of {format_bytes(device.memory_bytes)}"
        if device.memory_bytes
        else format_bytes(needed.total),
        format_minutes(estimate.seconds),
        format_minutes(phase.at_most.seconds),
        format_minutes(phase.timeout_seconds),
        format_dollars(estimate.dollars, phase.at_most.dollars),
    ]
