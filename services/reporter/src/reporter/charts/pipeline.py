"""The pipeline as it ran: which rows and which model went into which phase, with repos and commits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from reporter.charts.theme import Theme, new_figure
from reporter.summary import Summary
from reporter.tables import attempt_minutes, split_rows
from shared.manifest import RunManifest
from shared.refs import RepoRef

BOX_WIDTH, BOX_HEIGHT = 1.76, 0.92
COLUMN = {"source": 0.95, "sft": 3.1, "grpo": 5.25, "eval": 7.4, "report": 9.55}
DATA_Y, PHASE_Y, ARTIFACT_Y, BUS_Y = 4.1, 2.55, 1.0, 0.26
LINE_GAP = 0.22
MAX_NAME = 23
ARTIFACTS = (
    ("sft", "model", "SFT model"),
    ("grpo", "model", "GRPO model"),
    ("eval", "predictions", "Predictions"),
)
PHASE_TITLES = {"sft": "SFT", "grpo": "GRPO", "eval": "Evaluate", "report": "Report"}


@dataclass(frozen=True)
class Box:
    """A box: title, up to three lines under it, centre.

    `colour` is what a phase that is done is filled with; without one it is an artifact or a phase yet to be done.
    """

    title: str
    lines: tuple[str, ...]
    x: float
    y: float
    colour: str | None = None
    is_missing: bool = False


def draw_pipeline(summary: Summary, theme: Theme) -> Figure | None:
    """Draw data above, phases in the middle, what they made below."""
    figure = new_figure(10.5, 4.9)
    axes = figure.subplots()
    axes.set(xlim=(0, 10.5), ylim=(-0.2, 4.9), aspect="equal")
    axes.axis("off")
    _draw_split_frame(axes, summary.run.manifest, theme)
    for box in _boxes(summary.run.manifest, theme):
        _draw_box(axes, box, theme)
    _draw_arrows(axes, theme)
    if "data" in summary.run.manifest.phases["split"].outputs:
        note = f"“…” stands for {_run_prefix(summary.run.manifest)}"
        axes.text(COLUMN["source"] - BOX_WIDTH / 2, -0.15, note, color=theme.muted, fontsize=8, va="bottom")
    return figure


def _boxes(manifest: RunManifest, theme: Theme) -> Iterator[Box]:
    source, rows = manifest.source, {row.split: row.rows for row in split_rows(manifest)}
    yield Box("Questions", _repo_lines(source.dataset, manifest), COLUMN["source"], DATA_Y)
    yield Box("Base model", _repo_lines(source.base_model, manifest), COLUMN["source"], ARTIFACT_Y)
    for name in ("sft", "grpo", "eval"):
        text = f"{rows[name]:,} rows" if name in rows else "not made"
        yield Box(f"{name} split", (text,), COLUMN[name], DATA_Y, is_missing=name not in rows)
    for name, title in PHASE_TITLES.items():
        done = name == "report" or manifest.phases[name].status == "succeeded"
        colour = theme.models.get(name, theme.ink) if done else None
        yield Box(title, (_phase_line(manifest, name),), COLUMN[name], PHASE_Y, colour, is_missing=not done)
    for phase, output, title in ARTIFACTS:
        ref = manifest.phases[phase].outputs.get(output)
        lines = _repo_lines(ref, manifest) if ref else ("not made",)
        yield Box(title, lines, COLUMN[phase], ARTIFACT_Y, is_missing=ref is None)


def _phase_line(manifest: RunManifest, name: str) -> str:
    if name == "report":
        return "this report"
    phase = manifest.phases[name]
    if phase.progress and phase.status in ("running", "interrupted", "failed"):
        return f"{phase.status}, {phase.progress.step} of {phase.progress.total}"
    spent = [minutes for attempt in phase.attempts if (minutes := attempt_minutes(attempt)) is not None]
    return f"{phase.status}, {sum(spent):.1f} min" if spent else phase.status


def _repo_lines(ref: RepoRef, manifest: RunManifest) -> tuple[str, ...]:
    short = ref.repo_id.replace(_run_prefix(manifest), "…", 1)
    parts = (short,) if len(short) <= MAX_NAME else short.split("/", 1)
    return (*map(_clip, parts), f"@{ref.commit[:7]}")


def _clip(text: str) -> str:
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 10]}…{text[-9:]}"


def _run_prefix(manifest: RunManifest) -> str:
    data = manifest.phases["split"].outputs.get("data")
    return data.repo_id.removesuffix("-data") if data else manifest.run_id


def _draw_box(axes: Axes, box: Box, theme: Theme) -> None:
    edge = theme.muted if box.is_missing else box.colour or theme.grid
    axes.add_patch(
        FancyBboxPatch(
            (box.x - BOX_WIDTH / 2, box.y - BOX_HEIGHT / 2), BOX_WIDTH, BOX_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.1", linewidth=1, zorder=3,
            facecolor=theme.paper if box.is_missing else box.colour or theme.panel,
            edgecolor=edge, linestyle=(0, (3, 2)) if box.is_missing else "-",
        )
    )  # fmt: skip
    top = box.y + LINE_GAP * len(box.lines) / 2
    style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4}
    axes.text(
        box.x,
        top,
        box.title,
        weight="bold",
        fontsize=9.5,
        color=theme.paper if box.colour else theme.ink,
        **style,
    )
    for index, line in enumerate(box.lines, 1):
        ink = theme.paper if box.colour else theme.muted
        axes.text(box.x, top - LINE_GAP * index - 0.02, line, fontsize=7.4, color=ink, **style)


def _draw_split_frame(axes: Axes, manifest: RunManifest, theme: Theme) -> None:
    left, right = COLUMN["sft"] - BOX_WIDTH / 2 - 0.13, COLUMN["eval"] + BOX_WIDTH / 2 + 0.13
    axes.add_patch(
        FancyBboxPatch(
            (left, DATA_Y - BOX_HEIGHT / 2 - 0.13), right - left, BOX_HEIGHT + 0.26,
            boxstyle="round,pad=0,rounding_size=0.14", facecolor="none", edgecolor=theme.muted,
            linewidth=1, linestyle=(0, (3, 2)),
        )
    )  # fmt: skip
    data = manifest.phases["split"].outputs.get("data")
    name = "  ".join(_repo_lines(data, manifest)) if data else "not made"
    axes.text(
        right, DATA_Y + BOX_HEIGHT / 2 + 0.2, f"Split: {name}", ha="right", fontsize=8, color=theme.muted
    )


def _draw_arrows(axes: Axes, theme: Theme) -> None:
    half_w, half_h = BOX_WIDTH / 2, BOX_HEIGHT / 2
    for name in ("sft", "grpo", "eval"):
        _arrow(axes, [(COLUMN[name], DATA_Y - half_h), (COLUMN[name], PHASE_Y + half_h)], theme)
        _arrow(axes, [(COLUMN[name], PHASE_Y - half_h), (COLUMN[name], ARTIFACT_Y + half_h)], theme)
    _arrow(axes, [(COLUMN["source"] + half_w, DATA_Y), (COLUMN["sft"] - half_w - 0.13, DATA_Y)], theme)
    for origin, target in (("source", "sft"), ("sft", "grpo")):
        _elbow(axes, (COLUMN[origin] + half_w, ARTIFACT_Y), (COLUMN[target] - half_w, PHASE_Y), theme)
    _elbow(axes, (COLUMN["eval"] + half_w, ARTIFACT_Y), (COLUMN["report"] - half_w, PHASE_Y), theme)
    _draw_evaluation_bus(axes, theme)


def _draw_evaluation_bus(axes: Axes, theme: Theme) -> None:
    """Evaluation reads all three models: one line under them, up to its left side."""
    riser = (COLUMN["grpo"] + COLUMN["eval"]) / 2
    for name in ("source", "sft", "grpo"):
        axes.plot([COLUMN[name]] * 2, [ARTIFACT_Y - BOX_HEIGHT / 2, BUS_Y], color=theme.muted, linewidth=1.2)
    left_side = COLUMN["eval"] - BOX_WIDTH / 2
    _arrow(axes, [(COLUMN["source"], BUS_Y), (riser, BUS_Y), (riser, PHASE_Y), (left_side, PHASE_Y)], theme)
    axes.text(riser - 0.1, BUS_Y + 0.06, "all three models", ha="right", fontsize=7.4, color=theme.muted)


def _elbow(axes: Axes, start: tuple[float, float], end: tuple[float, float], theme: Theme) -> None:
    middle = (start[0] + end[0]) / 2
    _arrow(axes, [start, (middle, start[1]), (middle, end[1]), end], theme)


def _arrow(axes: Axes, points: list[tuple[float, float]], theme: Theme) -> None:
    xs, ys = zip(*points, strict=True)
    axes.plot(xs[:-1], ys[:-1], color=theme.muted, linewidth=1.2, solid_joinstyle="round")
    axes.annotate(
        "", points[-1], points[-2],
        arrowprops={"arrowstyle": "-|>", "color": theme.muted, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
