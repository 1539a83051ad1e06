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
    """The models seen so far, each with the fingerprint of its weights."""

    links: dict[str, tuple[RepoRef, str]] = field(default_factory=dict)

    def add(self, name: str, ref: RepoRef, fingerprint: str) -> None:
        """Add the next model.

        Raises:
            GuardTripped: its weights are not those that were recorded, or are those of an earlier model.
        """
        if ref.fingerprint is not None and ref.fingerprint != fingerprint:
            raise GuardTripped(
                f"The chain is broken at {name}: the run recorded {_short(ref.fingerprint)} for {ref}, "
                f"but its weights are {_short(fingerprint)}. Train it again: make {name} FORCE=1."
            )
        for earlier, (other, weights) in self.links.items():
            if weights == fingerprint:
                raise GuardTripped(
                    f"The chain is broken at {name}: {ref} has the very weights of {earlier}, {other}. "
                    f"Its training changed nothing, or its result was not pushed. Look at it: make logs PHASE={name}."
                )
        self.links[name] = (ref, fingerprint)

    def describe(self, name: str) -> dict[str, str]:
        """Return what the manifest records about a model: its pinned repo and its fingerprint."""
        ref, fingerprint = self.links[name]
        return {"model": str(ref), "fingerprint": fingerprint}


def _short(fingerprint: str) -> str:
    return f"{fingerprint[:19]}…"
