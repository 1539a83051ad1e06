"""The pipeline as it ran: which rows and which model went into which phase, with repos and commits."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from reporter.charts.theme import Theme, new_figure
from reporter.summary import Summary
from shared.manifest import RunManifest
from shared.refs import RepoRef

BOX_WIDTH, BOX_HEIGHT = 1.72, 0.86
COLUMN = {"source": 0.95, "sft": 3.1, "grpo": 5.25, "eval": 7.4, "report": 9.55}
DATA_Y, PHASE_Y, ARTIFACT_Y, BUS_Y = 4.1, 2.55, 1.0, 0.28
MAX_NAME = 24
PHASE_TITLES = {"sft": "SFT", "grpo": "GRPO", "eval": "Evaluate", "report": "Report"}


@dataclass(frozen=True)
class Box:
    """A box: title, up to two lines under it, centre, and whether it stands for work."""

    title: str
    lines: tuple[str, ...]
    x: float
    y: float
    is_phase: bool = False


def draw_pipeline(summary: Summary, theme: Theme) -> Figure | None:
    """Draw data above, phases in the middle, what they made below."""
    figure = new_figure(10.5, 4.9)
    axes = figure.subplots()
    axes.set(xlim=(0, 10.5), ylim=(-0.25, 4.95), aspect="equal")
    axes.axis("off")
    _draw_split_frame(axes, summary.run.manifest, theme)
    for box in _boxes(summary.run.manifest):
        _draw_box(axes, box, theme)
    _draw_arrows(axes, theme)
    axes.text(
        0.09,
        -0.2,
        f"“…” stands for {_run_prefix(summary.run.manifest)}",
        color=theme.muted,
        fontsize=8,
        va="bottom",
    )
    return figure


def _boxes(manifest: RunManifest) -> list[Box]:
    source, split = manifest.source, manifest.phases["split"]
    rows = split_rows(manifest)
    boxes = [
        Box("Questions", _repo_lines(source.dataset, manifest), COLUMN["source"], DATA_Y),
        Box("Base model", _repo_lines(source.base_model, manifest), COLUMN["source"], ARTIFACT_Y),
    ]
    for name in ("sft", "grpo", "eval"):
        text = f"{rows[name]:,} rows" if name in rows else f"split {split.status}"
        boxes.append(Box(f"{name} split", (text,), COLUMN[name], DATA_Y))
    for name, title in PHASE_TITLES.items():
        boxes.append(Box(title, (_phase_line(manifest, name),), COLUMN[name], PHASE_Y, is_phase=True))
    for phase, output, title in (("sft", "model", "SFT model"), ("grpo", "model", "GRPO model"),
                                 ("eval", "predictions", "Predictions")):  # fmt: skip
        ref = manifest.phases[phase].outputs.get(output)
        lines = _repo_lines(ref, manifest) if ref else ("not made",)
        boxes.append(Box(title, lines, COLUMN[phase], ARTIFACT_Y))
    return boxes


def split_rows(manifest: RunManifest) -> dict[str, int]:
    """Return the number of rows of each split, as far as the splitter recorded them."""
    rows = manifest.phases["split"].metrics.get("rows") or {}
    return (
        {name: count for name, count in rows.items() if isinstance(count, int)}
        if isinstance(rows, dict)
        else {}
    )


def _phase_line(manifest: RunManifest, name: str) -> str:
    phase = manifest.phases[name]
    if name == "report":
        return "this report"
    spent = [
        (attempt.finished_at - attempt.started_at).total_seconds() / 60
        for attempt in phase.attempts
        if attempt.started_at and attempt.finished_at
    ]
    return f"{phase.status}, {sum(spent):.1f} min" if spent else phase.status


def _repo_lines(ref: RepoRef, manifest: RunManifest) -> tuple[str, ...]:
    short = ref.repo_id.replace(_run_prefix(manifest), "…", 1)
    return (*(_clip(part) for part in short.split("/", 1)), f"@{ref.commit[:7]}")


def _clip(text: str) -> str:
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 10]}…{text[-9:]}"


def _run_prefix(manifest: RunManifest) -> str:
    data = manifest.phases["split"].outputs.get("data")
    return data.repo_id.removesuffix("-data") if data else manifest.run_id


def _draw_box(axes: Axes, box: Box, theme: Theme) -> None:
    colour = theme.models.get(_model_of(box), theme.ink) if box.is_phase else theme.panel
    axes.add_patch(
        FancyBboxPatch(
            (box.x - BOX_WIDTH / 2, box.y - BOX_HEIGHT / 2), BOX_WIDTH, BOX_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.1", linewidth=1, zorder=3,
            facecolor=colour, edgecolor=colour if box.is_phase else theme.grid,
        )
    )  # fmt: skip
    ink = theme.paper if box.is_phase else theme.ink
    gap = 0.21 if len(box.lines) > 1 else 0.25
    top = box.y + gap * len(box.lines) / 2
    axes.text(
        box.x, top, box.title, ha="center", va="center", weight="bold", fontsize=9.5, color=ink, zorder=4
    )
    for index, line in enumerate(box.lines, 1):
        muted = ink if box.is_phase else theme.muted
        axes.text(
            box.x, top - gap * index, line, ha="center", va="center", fontsize=7.4, color=muted, zorder=4
        )


def _model_of(box: Box) -> str:
    return box.title.lower()


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
