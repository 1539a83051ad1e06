"""The progress line is printed by jobs and read back by the launcher."""

from itertools import pairwise
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from shared import job as job_module
from shared.job import Job
from shared.progress import (
    ProgressLine,
    estimate_seconds_left,
    format_duration,
    format_progress,
    parse_progress,
)


def test_a_progress_line_reads_well():
    line = format_progress("sft", 40, 150, 72.4, {"loss": 0.90913})
    assert line == "sft 40/150 (26%), 1:12 left, loss 0.9091"


@given(
    step=st.integers(0, 10**6),
    extra=st.integers(0, 10**6),
    left=st.none() | st.floats(0, 10**6),
    numbers=st.dictionaries(st.sampled_from(["loss", "reward"]), st.floats(-1e6, 1e6)),
)
def test_what_is_printed_is_read_back(step, extra, left, numbers):
    parsed = parse_progress(format_progress("grpo", step, step + extra, left, numbers) + "\n")
    assert parsed is not None
    assert (parsed.phase, parsed.step, parsed.total) == ("grpo", step, step + extra)


def test_other_lines_are_no_progress():
    assert parse_progress("loaded 40/150 rows") is None
    assert parse_progress("") is None
    assert parse_progress("sft 40/150 (27%)") == ProgressLine("sft", 40, 150, "")


def test_durations_are_minutes_and_hours():
    assert [format_duration(seconds) for seconds in (0, 9.6, 72, 3723)] == ["0:00", "0:10", "1:12", "1:02:03"]


def test_the_time_left_is_told_from_a_hundredth_of_the_work_on():
    assert estimate_seconds_left(30, 10, 90) == 270
    assert estimate_seconds_left(4.6, 2, 6898) is None
    assert estimate_seconds_left(69, 69, 6831) == 6831
    assert estimate_seconds_left(1, 0, 5) is None
    assert estimate_seconds_left(5, 5, 0) == 0


def test_progress_is_recorded_soon_and_in_few_commits(monkeypatch):
    recorded, clock = [0.0], SimpleNamespace(now=0.0)
    monkeypatch.setattr(job_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(Job, "_record_progress", lambda *_: recorded.append(clock.now))
    job = Job("sft", *[None] * 5, workdir=None, state=None)
    job._began = job._recorded = clock.now
    hours, step_seconds = 3, 2
    for step in range(1, hours * 3600 // step_seconds):
        clock.now = step * step_seconds
        job.progress(step, hours * 3600)
    pauses = {end: end - begin for begin, end in pairwise(recorded)}
    assert len(pauses) > hours * 10
    assert all(pause <= max(30, 0.05 * end) + step_seconds for end, pause in pauses.items())
    # The Hub has been seen to take 128 commits an hour.
    assert all(sum(end // 3600 == hour for end in pauses) < 128 / 2 for hour in range(hours))
