"""A run on a real hub whose questions are split, on a tiny base model. Import it as `training_run`."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from warm_start import JOBS

from shared.hub import Hub
from shared.manifest import Phase, RunManifest, Source
from shared.question import COLUMNS
from shared.refs import RepoRef
from shared.runs import ManifestStore

QUESTIONS = 8
# Settings of SFT by which a tiny model learns to answer the questions in JSON.
TEACHING = (
    "--max-steps=70",
    "--learning-rate=0.01",
    "--batch-size=8",
    "--micro-batch-size=8",
    "--gradient-checkpointing=off",
    "--lora.rank=32",
    "--lora.alpha=64",
    "--lora.dropout=0",
    "--lora.target-modules=q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj",
)


@dataclass(frozen=True)
class Run:
    """A run, and how to start a phase of it as a process of its own."""

    run_id: str
    store: ManifestStore
    environment: dict[str, str]

    @property
    def hub(self):
        return self.store.hub

    def phase(self, name):
        return self.store.read(self.run_id).phases[name]

    def start(self, package, *arguments, **environment):
        return JOBS.run(package, self._options(arguments), self.environment | environment)

    def spawn(self, package, *arguments):
        """Starts a phase and leaves it running; its output is for `communicate`."""
        return JOBS.spawn(package, self._options(arguments), self.environment)

    def _options(self, arguments):
        return ["--run-id", self.run_id, "--namespace", "local", *arguments]


def make_run(server, base_folder: Path, workdir: Path) -> Run:
    """Make a run on a base model in a folder, with questions that are split already."""
    hub = Hub(server.url, server.token)
    store = ManifestStore(hub, "local")
    run_id = f"run-{time.time_ns()}"
    base = hub.push_folder(f"starter/base-{run_id}", "model", base_folder, "Add a base model")
    data = _push_questions(hub, f"local/medmcqa-{run_id}-data", workdir)
    manifest = RunManifest(
        run_id=run_id,
        profile="test",
        seed=0,
        code="unknown",
        created_at=datetime.now(UTC),
        source=Source(dataset=data, base_model=base),
    )
    manifest.phases["split"] = Phase(status="succeeded", outputs={"data": data})
    store.create(manifest)
    # A model this small is slower on more threads, and on a busy machine by far.
    return Run(run_id, store, dict(server.env) | {"OMP_NUM_THREADS": "1"})


def _push_questions(hub, repo_id, folder) -> RepoRef:
    # It brings torch, which whoever only collects these tests can do without.
    from models import make_question

    (folder / "data").mkdir()
    questions = [make_question(number).model_dump() for number in range(QUESTIONS)]
    rows = [{column: question.get(column) for column in COLUMNS} for question in questions]
    for split in ("sft", "grpo", "eval"):
        pq.write_table(pa.Table.from_pylist(rows), folder / "data" / f"{split}-00000-of-00001.parquet")
    return hub.push_folder(repo_id, "dataset", folder, "Add questions")
