"""The work of the light job: a few steps, each recorded with a curve, and a repo in the end."""

import json
import time

from shared.job import Job, Outcome

STEPS = 6
STEP_SECONDS = 0.1


def work(job: Job) -> Outcome:
    """Go on from the step that an earlier attempt has reached on this machine, to the end."""
    # From this line on the attempt is known to be in the manifest.
    job.log("The attempt is recorded.")
    reached = job.state / "step"
    first = int(reached.read_text()) if reached.exists() else 0
    if first:
        job.resume(first, STEPS)
    for step in range(first + 1, STEPS + 1):
        time.sleep(STEP_SECONDS)
        job.record_files(step, STEPS, step, {"curves.jsonl": make_curve(step)})
        draft = reached.with_suffix(".draft")
        draft.write_text(str(step))
        draft.replace(reached)
    for name, content in make_output(job.run_id).items():
        (job.workdir / name).write_bytes(content)
    data = job.hub.push_folder(job.repo("data"), "dataset", job.workdir, "Add data")
    job.publish_run_files({"split/note.txt": b"done"})
    return Outcome({"data": data}, {"steps": STEPS})


def make_curve(steps: int) -> bytes:
    """Return the curve up to a step."""
    return "".join(
        f"{json.dumps({'step': step, 'loss': 1 / step})}\n" for step in range(1, steps + 1)
    ).encode()


def make_output(run_id: str) -> dict[str, bytes]:
    """Return the files that a run's repo holds in the end."""
    return {"text.txt": run_id.encode() * 1000, "large.bin": b"\0" + run_id.encode() * 20_000}
