"""The splits of a run: load, draw, publish."""

import datasets

from data_splitter.dataset import describe_replaced, measure, render_card, write_dataset
from data_splitter.draw import draw_splits
from data_splitter.settings import SplitSettings
from data_splitter.source import iterate_rows, load_source
from shared.content import combine_hashes
from shared.job import Job, Outcome


def split_questions(job: Job) -> Outcome:
    """Split the source's questions and publish them as one dataset repo."""
    datasets.disable_progress_bars()
    settings: SplitSettings = job.settings
    seed = job.seed if settings.shuffle_seed == "run" else settings.shuffle_seed
    source = load_source(job.hub, job.inputs["source"], cache=job.workdir / "cache")
    job.log(f"{len(source):,} rows in {job.inputs['source']}, shuffled with seed {seed}.")
    draw = draw_splits(iterate_rows(source, seed), settings.counts())
    metrics = measure(draw)
    job.log(f"Of the rows in the splits' ranges, {describe_replaced(draw.replaced)}.")
    repo_id, folder = job.repo("data"), job.workdir / "dataset"
    write_dataset(folder, draw, render_card(repo_id, job.run_id, job.inputs["source"], seed, metrics))
    ref = job.hub.push_folder(repo_id, "dataset", folder, f"Add the splits of run {job.run_id}")
    return Outcome(
        {"data": ref.model_copy(update={"fingerprint": combine_hashes(metrics["content_hash"])})}, metrics
    )
