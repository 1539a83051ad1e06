"""Which model of a namespace is in production, and what the gate found of a run: small files in the runs repo."""

from typing import TypeVar

from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError
from pydantic import BaseModel, ValidationError

from shared.decision import GATE_FILE, GATE_PAGE, PRODUCTION_FILE, GateRecord, Production
from shared.errors import BadInput, UpstreamNotReady
from shared.hub import Operation
from shared.refs import RepoRef
from shared.runs import ManifestStore

R = TypeVar("R", bound=BaseModel)


def read_production(store: ManifestStore) -> Production | None:
    """Return what is in production, None where nothing is."""
    return _production(_read(store, PRODUCTION_FILE))


def write_production(store: ManifestStore, production: Production, seen: Production | None) -> None:
    """Record what is in production, in place of what was seen there.

    Raises:
        UpstreamNotReady: somebody else has put a model into production meanwhile.
    """

    def build(head: RepoRef) -> list[Operation]:
        there = _production(_read(store, PRODUCTION_FILE, head))
        if there not in (seen, production):
            raise UpstreamNotReady(
                f"{there and there.model} was put into production meanwhile. "
                f"Judge against it: make gate RUN={production.run_id}."
            )
        return [CommitOperationAdd(PRODUCTION_FILE, f"{production.model_dump_json(indent=2)}\n".encode())]

    store.hub.commit(store.repo_id, "dataset", build, f"Put {production.model.repo_id} into production")


def read_gate_record(store: ManifestStore, run_id: str) -> GateRecord | None:
    """Return what the gate found of a run the last time, None where it has not been judged."""
    path = _under_run(run_id, GATE_FILE)
    content = _read(store, path)
    return None if content is None else _parse(GateRecord, content, path)


def read_gate_page(store: ManifestStore, run_id: str) -> str:
    """Return the same for people, as Markdown; empty where the run has not been judged."""
    return (_read(store, _under_run(run_id, GATE_PAGE)) or b"").decode()


def _under_run(run_id: str, name: str) -> str:
    return f"runs/{run_id}/{name}"


def _production(content: bytes | None) -> Production | None:
    return None if content is None else _parse(Production, content, PRODUCTION_FILE)


def _read(store: ManifestStore, path: str, head: RepoRef | None = None) -> bytes | None:
    try:
        return store.hub.read_bytes(head or store.hub.resolve(store.repo_id, "dataset"), path)
    except BadInput as error:
        if isinstance(error.__cause__, RepositoryNotFoundError | EntryNotFoundError):
            return None
        raise


def _parse(kind: type[R], content: bytes, path: str) -> R:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise BadInput(f"{path} in the runs repo is damaged: {where}: {problem['msg']}.") from error
