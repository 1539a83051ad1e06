"""A comparison as pages and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from reporter.compare.differing import DifferingSetting, differing_settings
from reporter.compare.figures import Figure, measure
from reporter.compare.page import (
    count_silent,
    format_change,
    format_change_range,
    format_figure,
    plain_table,
    render_pages,
)
from reporter.compare.paired import RunDifference, compare_runs, shared_questions
from reporter.compare.runs import EvaluatedRun
from reporter.findings import METRIC_WORDS, Tone, format_p
from reporter.predictions import MODELS
from reporter.scores import ACCURACY, MODEL_LABELS
from shared.statistics.intervals import Interval


@dataclass(frozen=True)
class RunComparison:
    """Everything that is said of several runs.

    Attributes:
        figures: model → a row for each figure, with one value a run.
        shared: run → how many of its questions the first run was asked too.
    """

    runs: Sequence[EvaluatedRun]
    figures: dict[str, list[tuple[Figure, ...]]]
    differences: list[RunDifference]
    settings: list[DifferingSetting]
    shared: dict[str, int]

    @property
    def findings(self) -> list[tuple[Tone, str]]:
        """What was shown, in sentences with their tone: first what differs."""
        said = [_say(each) for each in self.differences if each.is_clear]
        silent = [each for each in self.differences if not each.is_clear]
        accuracy = [_say(each) for each in silent if each.figure == ACCURACY.name]
        return [
            *said,
            *accuracy,
            *count_silent(len(silent) - len(accuracy)),
            *(("neutral", text) for text in self.unpaired),
        ]

    @property
    def accuracy_rows(self) -> list[tuple[str, str, float, Interval | None, tuple[float, ...]]]:
        """The rows of the chart: label, colour, value, interval, no single values."""
        return [
            (f"{MODEL_LABELS[model]} · {run.run_id}", model, figure.value, figure.interval, ())
            for model, rows in self.figures.items()
            for run, figure in zip(self.runs, rows[0], strict=True)
            if figure.value is not None
        ]

    @property
    def baselines(self) -> dict[str, list[float | None]]:
        """What stands beside the models: name → accuracy in each run."""
        names = dict.fromkeys(name for run in self.runs for name in run.baselines)
        return {name: [run.baselines.get(name) for run in self.runs] for name in names}

    @property
    def command(self) -> str:
        """What makes the comparison again."""
        return f'make compare RUNS="{" ".join(run.run_id for run in self.runs)}"'

    @property
    def unpaired(self) -> list[str]:
        """Which runs cannot be tested against the first."""
        first = self.runs[0].run_id
        return [
            f"{run_id} shares no question with {first}: their figures stand side by side, and nothing is tested."
            for run_id, count in self.shared.items()
            if not count
        ]


def summarise(runs: Sequence[EvaluatedRun]) -> RunComparison:
    """Compare runs; the first one is what the others are compared with."""
    measured = {model: [measure(run.answers[model]) for run in runs] for model in MODELS}
    return RunComparison(
        runs,
        {model: list(zip(*columns, strict=True)) for model, columns in measured.items()},
        compare_runs(runs),
        differing_settings([run.manifest for run in runs]),
        {run.run_id: len(shared_questions(runs[0], run)) for run in runs[1:]},
    )


def render(comparison: RunComparison) -> dict[str, str]:
    """Return compare.html and compare.md."""
    return render_pages("compare", comparison=comparison)


def show(comparison: RunComparison, console: Console) -> None:
    """Print the figures side by side, the differences, and the settings that differ."""
    names = [run.run_id for run in comparison.runs]
    figures = plain_table("Figures, with 95% intervals", "model", "figure", *names)
    for model, rows in comparison.figures.items():
        for row in rows:
            figures.add_row(MODEL_LABELS[model], row[0].label, *map(format_figure, row))
    console.print(figures, markup=False)
    if comparison.differences:
        console.print(_difference_table(comparison), markup=False)
    settings = plain_table("Settings that differ", "setting", *names)
    for setting in comparison.settings:
        settings.add_row(setting.name, *setting.values)
    console.print(settings, markup=False)
    for finding in comparison.unpaired:
        console.print(finding, markup=False)


def _difference_table(comparison: RunComparison) -> Table:
    columns = ("run", "model", "figure", "difference", "95% interval", "p", "corrected p", "rows", "verdict")
    table = plain_table(f"Differences from {comparison.runs[0].run_id}, on the shared questions", *columns)
    for each in comparison.differences:
        kind = each.kind
        table.add_row(
            each.second, MODEL_LABELS[each.model], each.label, format_change(each.difference, kind),
            format_change_range(each.interval, kind), format_p(each.p_value), format_p(each.adjusted_p),
            f"{each.rows:,}", each.verdict,
        )  # fmt: skip
    return table


def _say(difference: RunDifference) -> tuple[Tone, str]:
    kind, verdict = difference.kind, difference.verdict
    what = f"{MODEL_LABELS[difference.model]}, {METRIC_WORDS.get(difference.figure, difference.label)}"
    change = f"{format_change(difference.difference, kind)}{' points' if kind == 'rate' else ''}"
    evidence = (
        f"{change}, 95% interval {format_change_range(difference.interval, kind)}, "
        f"corrected p {format_p(difference.adjusted_p)}, {difference.rows:,} shared questions"
    )
    if verdict == "no difference shown":
        return (
            "neutral",
            f"{what}: no difference shown between {difference.second} and {difference.first} ({evidence}).",
        )
    tone: Tone = "good" if verdict == "better" else "bad"
    return tone, f"{what}: {difference.second} is {verdict} than {difference.first} ({evidence})."
