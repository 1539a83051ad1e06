"""Proof that each model is what the run says it is, and not one of those before it.

In the reference run the GRPO repo held an adapter that named the base model: what was evaluated as "grpo" was the base,
to the digit, and nothing noticed.
"""

from dataclasses import dataclass, field

from shared.errors import GuardTripped
from shared.refs import RepoRef

# The models of a run, each with the one that its training began with.
PARENTS: dict[str, str | None] = {"base": None, "sft": "base", "grpo": "sft"}


@dataclass
class Chain:
    """The models seen so far, each with the fingerprint of its weights, which the loader has compared to its record."""

    links: dict[str, tuple[RepoRef, str]] = field(default_factory=dict)

    def add(self, name: str, ref: RepoRef, fingerprint: str, trained_from: str | None = None) -> None:
        """Add the next model.

        Args:
            name: which it is.
            ref: where it lies.
            fingerprint: of its weights.
            trained_from: fingerprint of the weights that its training began with; runs of earlier versions have none.

        Raises:
            GuardTripped: its weights are those of an earlier model, or its training began with other weights than
                those of the model before it.
        """
        for earlier, (other, weights) in self.links.items():
            if weights == fingerprint:
                raise GuardTripped(
                    f"The chain is broken at {name}: {ref} has the very weights of {earlier}, {other}. "
                    f"Its training changed nothing, or its result was not pushed. Look at it: make logs PHASE={name}."
                )
        self._require_parent(name, ref, trained_from)
        self.links[name] = (ref, fingerprint)

    def _require_parent(self, name: str, ref: RepoRef, trained_from: str | None) -> None:
        parent = PARENTS[name]
        if parent is None or trained_from is None:
            return
        before, weights = self.links[parent]
        if weights != trained_from:
            raise GuardTripped(
                f"The chain is broken at {name}: the training of {ref} began with the weights "
                f"{_short(trained_from)}, but {parent}, {before}, has {_short(weights)}. "
                f"Train it again: make {name} FORCE=1."
            )

    def describe(self, name: str) -> dict[str, str]:
        """Return what the manifest records about a model: its pinned repo and its fingerprint."""
        ref, fingerprint = self.links[name]
        return {"model": str(ref), "fingerprint": fingerprint}


def _short(fingerprint: str) -> str:
    return f"{fingerprint[:19]}…"
