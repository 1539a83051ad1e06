"""The rows of every split hash as the splitter recorded."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evaluator.verify.checklist import Checklist, NotRecorded
from shared.content import combine_hashes, hash_content, hash_rows, render_row_ids, split_path
from shared.errors import GuardTripped
from shared.hub import Hub
from shared.manifest import Phase, RunManifest
from shared.refs import RepoRef

RECORD = "content_hash"


def check_splits(checklist: Checklist, hub: Hub, manifest: RunManifest) -> None:
    """Hash each split as it is on the Hub, and the hashes together."""
    phase = manifest.phases["split"]
    if phase.status != "succeeded":
        return
    data, splits = phase.outputs["data"], list(phase.metrics.get(RECORD) or ("sft", "grpo", "eval"))
    for split in splits:
        checklist.check(
            f"{split} split",
            "rows",
            partial(_compare_rows, hub, data, phase, split),
            on=name_split(data, split),
            needs=[data],
        )
    checklist.check("splits", "fingerprint", partial(_compare_fingerprint, data, phase))
    # Runs of earlier versions have them in the manifest, where nothing is made of them.
    if row_ids := phase.outputs.get("row_ids"):
        prove = partial(_compare_row_ids, hub, row_ids, splits)
        checklist.check("splits", "row ids", prove, needs=[name_split(data, split) for split in splits])


def name_split(data: RepoRef, split: str) -> str:
    """Return what a check on a split's rows is founded on."""
    return f"{data} split {split}"


def _compare_rows(hub: Hub, data: RepoRef, phase: Phase, split: str) -> str:
    recorded = phase.metrics.get(RECORD, {}).get(split)
    if recorded is None:
        raise NotRecorded(f"the split phase left no {RECORD}")
    rows = _read_rows(hub, data, split)
    found = hash_rows(rows)
    if found != recorded:
        raise GuardTripped(
            f"{len(rows)} rows in {split_path(split)} of {data} hash to {found}, not to {recorded}."
        )
    return f"{len(rows)} rows, {found}"


def _read_rows(hub: Hub, data: RepoRef, split: str) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = pq.read_table(hub.download(data, split_path(split))).to_pylist()
    except pa.ArrowInvalid as error:
        raise GuardTripped(f"{split_path(split)} of {data} is no parquet file that can be read.") from error
    return rows


def _compare_row_ids(hub: Hub, row_ids: RepoRef, splits: Sequence[str]) -> str:
    found = hash_content(render_row_ids({split: _read_rows(hub, row_ids, split) for split in splits}))
    kept = hash_content(hub.read_bytes(row_ids, str(row_ids.path)))
    if not found == kept == row_ids.fingerprint:
        raise GuardTripped(
            f"{row_ids} hashes to {kept}, and the ids of the rows to {found}, not to {row_ids.fingerprint}."
        )
    return found


def _compare_fingerprint(data: RepoRef, phase: Phase) -> str:
    hashes = phase.metrics.get(RECORD)
    if data.fingerprint is None or hashes is None:
        raise NotRecorded("the split phase left no fingerprint of its data")
    # In the order in which the splits were drawn, which a manifest's keys keep.
    found = combine_hashes(hashes)
    if found != data.fingerprint:
        raise GuardTripped(f"The splits' hashes combine to {found}, not to {data.fingerprint} of {data}.")
    return found
