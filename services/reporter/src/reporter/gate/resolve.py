"""From what a user names as the model in use to that model's answers."""

import re
from typing import cast
from urllib.parse import urlparse

import yaml  # type: ignore[import-untyped]
from huggingface_hub import ModelCard, ModelCardData, parse_eval_result_entries
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

from reporter.gate.choose import choose_best, take_named
from reporter.gate.side import Side
from reporter.predictions import MODELS, load_predictions
from shared.errors import BadInput, UpstreamNotReady
from shared.hub import Hub
from shared.manifest import RunManifest
from shared.refs import RepoRef, split_revision
from shared.runs import ManifestStore

RUN_REPO = re.compile(r"medmcqa-(?P<run_id>.+)-(?P<kind>sft|grpo|predictions)")
RESULTS_FILE = ".eval_results/medmcqa.yaml"
FORMS = "Name a run id, or namespace/name@commit of a model or predictions repo: make runs lists the runs."


def resolve_run(hub: Hub, namespace: str, run_id: str, model: str | None = None) -> Side:
    """Return a run's best model, or the one that is named.

    Raises:
        BadInput: there is no such run or model.
        UpstreamNotReady: the run has not been evaluated.
    """
    ref = _find_predictions(ManifestStore(hub, namespace).read(run_id))
    return resolve_predictions(hub, ref, model)


def resolve_baseline(hub: Hub, namespace: str, named: str) -> Side:
    """Return the model in use.

    Args:
        hub: where to look.
        namespace: whose runs a run id is one of.
        named: a run id or predictions repo, either with `:model` behind it, or a model repo.

    Raises:
        BadInput: there is nothing of that name, or it leads to no answers.
        UpstreamNotReady: it is a run that has not been evaluated.
    """
    named, _, model = named.partition(":")
    if model and model not in MODELS:
        raise BadInput(f"{model} is no model of a run: {', '.join(MODELS)}.")
    if "/" not in named:
        return resolve_run(hub, namespace, named, model or None)
    ref = _find_repo(hub, *split_revision(named))
    if ref.repo_type == "dataset":
        return resolve_predictions(hub, ref, model or None)
    return _resolve_model(hub, ref)


def resolve_predictions(hub: Hub, ref: RepoRef, model: str | None = None) -> Side:
    """Return the best model of a predictions repo, or the one that is named."""
    paths = hub.list_files(ref)
    if not all(f"data/{name}.parquet" in paths for name in MODELS):
        raise BadInput(f"{ref} holds no predictions of this pipeline's evaluator. {FORMS}")
    predictions = load_predictions(paths, lambda path: hub.download(ref, path))
    return take_named(predictions, ref, model) if model else choose_best(predictions, ref)


def _find_repo(hub: Hub, repo_id: str, revision: str | None) -> RepoRef:
    """Look for a model repo, then for a dataset repo."""
    try:
        return hub.resolve(repo_id, "model", revision)
    except BadInput as error:
        if not isinstance(error.__cause__, RepositoryNotFoundError):
            raise
    try:
        return hub.resolve(repo_id, "dataset", revision)
    except BadInput as error:
        if isinstance(error.__cause__, RepositoryNotFoundError | RevisionNotFoundError):
            raise BadInput(f"There is no repo {repo_id} with such a commit. {FORMS}") from error
        raise


def _resolve_model(hub: Hub, ref: RepoRef) -> Side:
    """Follow a model repo to its answers: by its run's manifest, or by the results that it carries itself."""
    name = RUN_REPO.fullmatch(ref.repo_id.partition("/")[2])
    if name and name["kind"] in MODELS:
        namespace = ref.repo_id.partition("/")[0]
        manifest = _read_manifest(hub, namespace, name["run_id"])
        if manifest and str(ref) in map(str, _evaluated_commits(manifest, name["kind"])):
            return resolve_predictions(hub, _find_predictions(manifest), name["kind"])
    return _follow_results(hub, ref)


def _read_manifest(hub: Hub, namespace: str, run_id: str) -> RunManifest | None:
    store = ManifestStore(hub, namespace)
    return store.read(run_id) if run_id in store.list_run_ids() else None


def _evaluated_commits(manifest: RunManifest, model: str) -> list[RepoRef]:
    """Return the commits that hold what was evaluated: the weights as trained, and with the results on top."""
    evaluation = manifest.phases["eval"]
    found = [evaluation.inputs.get(model) or manifest.phases[model].outputs.get("model")]
    found.append(evaluation.outputs.get(f"{model}_results"))
    return [ref.model_copy(update={"path": None}) for ref in found if ref]


def _follow_results(hub: Hub, ref: RepoRef) -> Side:
    """Follow the link to the answers that the evaluator leaves in a model repo, wherever that was copied to."""
    try:
        entries = parse_eval_result_entries(yaml.safe_load(hub.read_bytes(ref, RESULTS_FILE)))
        card = cast(ModelCardData, ModelCard(hub.read_bytes(ref, "README.md").decode()).data)
    except BadInput as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            raise BadInput(
                f"{ref} was not evaluated by a run of this pipeline: no manifest names it, and it has no "
                f"{RESULTS_FILE}. Name the commit that was evaluated, or its run."
            ) from error
        raise
    model = RUN_REPO.fullmatch(card.model_name or "")
    if model is None or not entries or not entries[0].source_url:
        raise BadInput(f"{RESULTS_FILE} and the card of {ref} do not say whose answers they are of. {FORMS}")
    return resolve_predictions(hub, _parse_dataset_url(entries[0].source_url), model["kind"])


def _parse_dataset_url(url: str) -> RepoRef:
    path = urlparse(url).path
    found = re.fullmatch(r"/datasets/(?P<repo>[\w.-]+/[\w.-]+)/tree/(?P<commit>[0-9a-f]{40})", path)
    if found is None:
        raise BadInput(f"{url} is no link to a commit of a dataset repo. {FORMS}")
    return RepoRef(repo_id=found["repo"], repo_type="dataset", commit=found["commit"])


def _find_predictions(manifest: RunManifest) -> RepoRef:
    evaluation = manifest.phases["eval"]
    if evaluation.status != "succeeded":
        raise UpstreamNotReady(
            f"Run {manifest.run_id} has no answers: eval is {evaluation.status}. "
            f"Evaluate it: make eval RUN={manifest.run_id}."
        )
    return evaluation.outputs["predictions"]
