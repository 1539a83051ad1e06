"""The splits of a run: load, draw, compare, publish."""

import datasets

from data_splitter.dataset import (
    describe_near_duplicates,
    describe_replaced,
    measure,
    render_card,
    write_dataset,
)
from data_splitter.draw import Draw, draw_splits
from data_splitter.near_duplicates import Lookalikes, NearDuplicate, find_near_duplicates
from data_splitter.settings import SplitSettings
from data_splitter.source import iterate_rows, load_source
from shared.content import ROW_IDS, combine_hashes, hash_content
from shared.job import Job, Outcome


def split_questions(job: Job) -> Outcome:
    """Split the source's questions and publish them as one dataset repo."""
    datasets.disable_progress_bars()
    settings: SplitSettings = job.settings
    seed = job.seed if settings.shuffle_seed == "run" else settings.shuffle_seed
    source = load_source(job.hub, job.inputs["source"], cache=job.workdir / "cache")
    job.log(f"{len(source):,} rows in {job.inputs['source']}, shuffled with seed {seed}.")
    replacing = settings.near_duplicates == "replace"
    draw = draw_splits(
        iterate_rows(source, seed), settings.counts(), _make_lookalikes(job) if replacing else None
    )
    job.log(f"Of the rows in the splits' ranges, {describe_replaced(draw.replaced)}.")
    near_duplicates = _compare_splits(job, draw)
    metrics = measure(draw, near_duplicates, settings.near_duplicate_similarity)
    if near_duplicates is not None:
        job.log(describe_near_duplicates(metrics["near_duplicates"]))
    repo_id, folder = job.repo("data"), job.workdir / "dataset"
    card = render_card(repo_id, job.run_id, job.inputs["source"], seed, metrics)
    write_dataset(folder, draw, near_duplicates, card)
    ref = job.hub.push_folder(repo_id, "dataset", folder, f"Add the splits of run {job.run_id}")
    return Outcome(
        {
            "data": ref.model_copy(update={"fingerprint": combine_hashes(metrics["content_hash"])}),
            "row_ids": ref.model_copy(
                update={"path": ROW_IDS, "fingerprint": hash_content((folder / ROW_IDS).read_bytes())}
            ),
        },
        metrics,
    )


def _compare_splits(job: Job, draw: Draw) -> list[NearDuplicate] | None:
    """Return the pairs of rows that resemble each other across splits, or None where nobody wants to know."""
    if job.settings.near_duplicates == "off":
        return None
    if job.settings.near_duplicates == "replace":
        return []  # The draw has let none in.
    return find_near_duplicates(draw.rows, _make_lookalikes(job))


def _make_lookalikes(job: Job) -> Lookalikes:
    total = sum(job.settings.counts().values())
    return Lookalikes(
        job.settings.near_duplicate_similarity, report=lambda read: job.progress(min(read, total), total)
    )
