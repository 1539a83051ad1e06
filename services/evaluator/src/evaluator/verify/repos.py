"""Every repo@commit that the manifest names is there, and each phase was made of what the run holds now."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from evaluator.verify.checklist import Checklist
from shared.errors import GuardTripped
from shared.hub import Hub
from shared.manifest import PHASES, RunManifest, resolve_inputs
from shared.refs import RepoRef


def check_repos(checklist: Checklist, hub: Hub, manifest: RunManifest) -> None:
    """Look up every reference once."""
    places: dict[str, list[str]] = defaultdict(list)
    refs: dict[str, RepoRef] = {}
    for place, ref in list_references(manifest):
        refs[str(ref)] = ref
        places[str(ref)].append(place)
    for name, ref in refs.items():
        checklist.check(places[name][0], "exists", partial(_find, hub, ref), on=ref)


def check_inputs(checklist: Checklist, manifest: RunManifest) -> None:
    """Compare what each finished phase was made of with what the phases before it hold now."""
    for name in PHASES:
        if manifest.phases[name].status == "succeeded":
            checklist.check(name, "inputs", partial(_compare_inputs, manifest, name))


def list_references(manifest: RunManifest) -> Iterator[tuple[str, RepoRef]]:
    """Yield every reference of the manifest with what it is."""
    yield "source dataset", manifest.source.dataset
    yield "base model", manifest.source.base_model
    for name, phase in manifest.phases.items():
        for output, ref in phase.outputs.items():
            yield f"{name} {output}", ref
    for name, phase in manifest.phases.items():
        for given, ref in phase.inputs.items():
            yield f"{given}, read by {name}", ref


def _find(hub: Hub, ref: RepoRef) -> str:
    hub.resolve(ref.repo_id, ref.repo_type, ref.commit)
    if ref.path is not None:
        folder = PurePosixPath(ref.path).parent.as_posix()
        files = hub.list_files(ref, "" if folder == "." else folder)
        if not any(file == ref.path or file.startswith(f"{ref.path}/") for file in files):
            raise GuardTripped(f"{ref.repo_id}@{ref.commit} has no {ref.path}.")
    return str(ref)


def _compare_inputs(manifest: RunManifest, name: str) -> str:
    given = manifest.phases[name].inputs
    for source, ref in resolve_inputs(manifest, name).items():
        if source in given and given[source] != ref:
            raise GuardTripped(
                f"{name} was made from {given[source]}, but the run's {source} is {ref} now. "
                f"Make it again: make {name}."
            )
    return f"{len(given)} as the run holds them"
