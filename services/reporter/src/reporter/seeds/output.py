"""Pooled seeds as pages and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from reporter.compare.differing import DifferingSetting, differing_settings
from reporter.compare.page import (
    MISSING,
    count_silent,
    format_change,
    format_change_range,
    format_range,
    format_value,
    plain_table,
    render_pages,
)
from reporter.compare.runs import EvaluatedRun
from reporter.findings import METRIC_WORDS, Tone, format_p
from reporter.scores import ACCURACY, MODEL_LABELS
from reporter.seeds.pool import (
    PooledDifference,
    PooledFigure,
    asks_the_same,
    pool_baselines,
    pool_differences,
    pool_figures,
    require_seeds,
)
from shared.statistics.clusters import smallest_p
from shared.statistics.intervals import Interval

EXPECTED = ("seed",)
"""Settings that are meant to differ between seeds."""


@dataclass(frozen=True)
class SeedPool:
    """Everything that is said of several seeds."""

    runs: Sequence[EvaluatedRun]
    figures: dict[str, list[PooledFigure]]
    baselines: dict[str, PooledFigure]
    differences: list[PooledDifference]
    settings: list[DifferingSetting]
    same_questions: bool
    missing: Sequence[int] = ()

    @property
    def profile(self) -> str:
        """The profile of all runs."""
        return self.runs[0].manifest.profile

    @property
    def seeds(self) -> list[int]:
        """The seeds, in the order of the runs."""
        return [run.manifest.seed for run in self.runs]

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that so few clusters can give."""
        return smallest_p(len(self.runs))

    @property
    def findings(self) -> list[tuple[Tone, str]]:
        """What was shown, in sentences with their tone: first what is missing, then what differs."""
        said = [_say(each) for each in self.differences if each.is_clear]
        silent = [each for each in self.differences if not each.is_clear]
        accuracy = [_say(each) for each in silent if each.metric == ACCURACY.name]
        rest = count_silent(len(silent) - len(accuracy))
        return [*map(_say_missing, self.missing), *said, *accuracy, *rest]

    @property
    def accuracy_rows(self) -> list[tuple[str, str, float, Interval | None, tuple[float, ...]]]:
        """The rows of the chart: label, colour, mean, its interval, and each seed's value."""
        return [
            (MODEL_LABELS[model], model, rows[0].spread.mean, rows[0].spread.interval, tuple(rows[0].known))
            for model, rows in self.figures.items()
            if rows[0].spread is not None
        ]

    @property
    def command(self) -> str:
        """What makes the page again."""
        seeds = " ".join(map(str, sorted([*self.seeds, *self.missing])))
        return f'make seeds SEEDS="{seeds}" PROFILE={self.profile}'


def summarise(runs: Sequence[EvaluatedRun], missing: Sequence[int] = ()) -> SeedPool:
    """Pool runs; `missing` are the seeds that were asked for and have no result.

    Raises:
        BadInput: the runs are not seeds of one profile.
    """
    require_seeds(runs)
    settings = differing_settings([run.manifest for run in runs])
    return SeedPool(
        runs,
        pool_figures(runs),
        pool_baselines(runs),
        pool_differences(runs),
        [setting for setting in settings if setting.name not in EXPECTED],
        asks_the_same(runs),
        missing,
    )


def render(pool: SeedPool) -> dict[str, str]:
    """Return seeds.html and seeds.md."""
    return render_pages("seeds", pool=pool, extent=format_extent)


def show(pool: SeedPool, console: Console) -> None:
    """Print the figures over the seeds and the models' differences."""
    console.print(_figure_table(pool), markup=False)
    console.print(_difference_table(pool), markup=False)
    if pool.settings:
        settings = plain_table("More than the seed differs", "setting", *map(str, pool.seeds))
        for setting in pool.settings:
            settings.add_row(setting.name, *setting.values)
        console.print(settings, markup=False)


def format_extent(pooled: PooledFigure) -> str:
    """Return the smallest and the largest value."""
    known, kind = pooled.known, pooled.figure.kind
    return format_range(Interval(min(known), max(known)), kind) if known else MISSING


def _figure_table(pool: SeedPool) -> Table:
    columns = (
        "model",
        "figure",
        "mean",
        "95% interval",
        "SD",
        "min–max",
        *(f"seed {seed}" for seed in pool.seeds),
    )
    table = plain_table(f"Profile {pool.profile}, {len(pool.seeds)} seeds", *columns)
    for model, rows in pool.figures.items():
        for row in rows:
            table.add_row(MODEL_LABELS[model], row.figure.label, *_cells(row))
    for name, row in pool.baselines.items():
        table.add_row("", name, *_cells(row))
    return table


def _cells(row: PooledFigure) -> list[str]:
    kind, known = row.figure.kind, row.spread
    values = [format_value(value, kind) for value in row.values]
    if known is None:
        return [MISSING] * 4 + values
    interval = format_range(known.interval, kind) if known.interval else MISSING
    return [
        format_value(known.mean, kind),
        interval,
        format_value(known.deviation, kind),
        format_extent(row),
        *values,
    ]


def _difference_table(pool: SeedPool) -> Table:
    columns = ("models", "metric", "difference", "95% interval", "by resampling", "corrected p", "verdict")
    table = plain_table("Differences, with the seeds as clusters", *columns)
    for each in pool.differences:
        table.add_row(
            f"{MODEL_LABELS[each.first]} → {MODEL_LABELS[each.second]}", each.label,
            format_change(each.spread.mean, "rate"), format_change_range(each.spread.interval, "rate"),
            format_change_range(each.resampled, "rate"), format_p(each.adjusted_p), each.verdict,
        )  # fmt: skip
    return table


def _say(difference: PooledDifference) -> tuple[Tone, str]:
    first, second = MODEL_LABELS[difference.first], MODEL_LABELS[difference.second]
    metric, seeds = METRIC_WORDS[difference.metric], len(difference.differences)
    low, high = min(difference.differences), max(difference.differences)
    evidence = (
        f"{format_change(difference.spread.mean, 'rate')} points in the mean of {seeds} seeds, "
        f"{format_change(low, 'rate')} to {format_change(high, 'rate')} in single ones; "
        f"95% interval {format_change_range(difference.spread.interval, 'rate')}, "
        f"corrected p {format_p(difference.adjusted_p)}"
    )
    if not difference.is_clear:
        return "neutral", f"No difference shown between {first} and {second} in {metric}: {evidence}."
    tone: Tone = "good" if difference.verdict == "better" else "bad"
    return tone, f"{second} is {difference.verdict} than {first} in {metric}: {evidence}."


def _say_missing(seed: int) -> tuple[Tone, str]:
    return "bad", f"Seed {seed} failed and is not in here: what is pooled are the seeds that did not."
