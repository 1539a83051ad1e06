"""What is trained: a low-rank update beside frozen weights (Hu et al., 2021, arXiv:2106.09685)."""

from collections.abc import Mapping
from typing import Any

from reporter.how.document import Block, Explanation, Table, Text, equation
from reporter.how.formula import Formula, Fraction, Indexed, Sum, formula, row
from reporter.how.wording import decimal, integer
from reporter.inputs import RunData
from reporter.scores import MODEL_LABELS
from reporter.state import TRAINING
from shared.manifest import Phase

Shapes = Mapping[str, tuple[int, int, int]]
"""Module → outputs, inputs, layers that have it."""


def explain_lora(run: RunData) -> Explanation | None:
    """Explain the adapter by the shapes under it; two phases with the same adapter are told together."""
    adapters: dict[str, list[Block]] = {}
    for name in TRAINING:
        if blocks := _adapter(run.manifest.phases[name]):
            adapters[MODEL_LABELS[name]] = blocks
    if not adapters:
        return None
    intro = Text(
        "The weights W₀ of a layer stay as they are. Beside each chosen one two small matrices are "
        "trained, A with r rows and B with r columns; their product, scaled by α/r, is added. B begins as "
        "zeros, so training begins at the very model that it was given. For the merged model the sum is "
        "worked out once, and costs nothing afterwards."
    )
    return Explanation("lora", "LoRA: what is trained", [intro, *_by_phase(adapters)])


def _by_phase(adapters: Mapping[str, list[Block]]) -> list[Block]:
    labels, blocks = list(adapters), list(adapters.values())
    if len(blocks) == 2 and blocks[0] == blocks[1]:
        same = Text(
            f"{labels[0]} and {labels[1]} each train an adapter of this size, {labels[1]} on the merged "
            f"{labels[0]}."
        )
        return [same, *blocks[0]]
    return [block for label in labels for block in (Text(f"The adapter of {label}:"), *adapters[label])]


def _adapter(phase: Phase) -> list[Block]:
    lora, trained = phase.config.get("lora") or {}, phase.metrics.get("trainable_parameters")
    rank, alpha = lora.get("rank"), lora.get("alpha")
    if not (rank and alpha and trained):
        return []
    shapes = {name: tuple(shape) for name, shape in (phase.metrics.get("adapted_shapes") or {}).items()}
    return [
        equation(_update(rank, alpha)),
        *_account(shapes, rank),
        Text(f"{_total(phase.metrics, trained)}{_check(shapes, rank, trained)}"),
    ]


def _account(shapes: Shapes, rank: int) -> list[Block]:
    return [_shapes_table(shapes, rank), equation(_count(shapes, rank))] if shapes else []


def _update(rank: int, alpha: float) -> Formula:
    zero = Indexed("W", "0")
    scale = Fraction(integer(alpha), integer(rank))
    return formula(
        "W =",
        zero,
        "+",
        Fraction("α", "r"),
        "B A =",
        zero,
        "+",
        scale,
        "B A =",
        zero,
        "+",
        f"{decimal(alpha / rank)} B A",
    )


def _shapes_table(shapes: Shapes, rank: int) -> Table:
    head = ("Layer", "W₀, out × in", "B", "A", "layers", "trained: layers × r × (in + out)")
    rows = [
        (
            name,
            f"{integer(out)} × {integer(into)}",
            f"{integer(out)} × {rank}",
            f"{rank} × {integer(into)}",
            integer(layers),
            integer(_trained(shape, rank)),
        )
        for name, shape in shapes.items()
        for out, into, layers in [shape]
    ]
    return Table(head, rows)


def _count(shapes: Shapes, rank: int) -> Formula:
    wide = row(Indexed("d", "in"), "+", Indexed("d", "out"))
    terms = " + ".join(integer(_trained(shape, rank)) for shape in shapes.values())
    return formula("trained =", Sum("layers"), "r (", wide, ")", f"= {terms} = {integer(_sum(shapes, rank))}")


def _trained(shape: tuple[int, int, int], rank: int) -> int:
    out, into, layers = shape
    return layers * rank * (into + out)


def _sum(shapes: Shapes, rank: int) -> int:
    return sum(_trained(shape, rank) for shape in shapes.values())


def _total(metrics: Mapping[str, Any], trained: int) -> str:
    total = metrics.get("total_parameters")
    whole = f" of {integer(total)}, {trained / total:.2%}" if total else ""
    return f"The training counted {integer(trained)} trained parameters{whole}."


def _check(shapes: Shapes, rank: int, trained: int) -> str:
    if not shapes:
        return " Which shapes they have was not recorded by the version that made this run."
    if _sum(shapes, rank) == trained:
        return ""
    return f" The shapes above account for {integer(_sum(shapes, rank))}: layers of one name differ in shape."
