"""The rows of every split hash as the splitter recorded."""

from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from evaluator.verify.checklist import Checklist, NotRecorded
from shared.content import combine_hashes, hash_rows
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
    data = phase.outputs["data"]
    for split in phase.metrics.get(RECORD) or ("sft", "grpo", "eval"):
        checklist.check(
            f"{split} split",
            "rows",
            partial(_compare_rows, hub, data, phase, split),
            on=name_split(data, split),
            needs=[data],
        )
    checklist.check("splits", "fingerprint", partial(_compare_fingerprint, data, phase))


def name_split(data: RepoRef, split: str) -> str:
    """Return what a check on a split's rows is founded on."""
    return f"{data} split {split}"


def _compare_rows(hub: Hub, data: RepoRef, phase: Phase, split: str) -> str:
    recorded = phase.metrics.get(RECORD, {}).get(split)
    if recorded is None:
        raise NotRecorded(f"the split phase left no {RECORD}")
    path = f"data/{split}-00000-of-00001.parquet"
    try:
        rows = pq.read_table(hub.download(data, path)).to_pylist()
    except pa.ArrowInvalid as error:
        raise GuardTripped(f"{path} of {data} is no parquet file that can be read.") from error
    found = hash_rows(rows)
    if found != recorded:
        raise GuardTripped(f"{len(rows)} rows in {path} of {data} hash to {found}, not to {recorded}.")
    return f"{len(rows)} rows, {found}"


def _compare_fingerprint(data: RepoRef, phase: Phase) -> str:
    hashes = phase.metrics.get(RECORD)
    if data.fingerprint is None or hashes is None:
        raise NotRecorded("the split phase left no fingerprint of its data")
    # In the order in which the splits were drawn, which a manifest's keys keep.
    found = combine_hashes(hashes)
    if found != data.fingerprint:
        raise GuardTripped(f"The splits' hashes combine to {found}, not to {data.fingerprint} of {data}.")
    return found
