"""Jobs on the hub's Jobs API are killed at random moments and launched again until they succeed."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from faults import FaultProxy
from huggingface_hub import JobStage

from chaos.hub_kills import make_manifest, titles_of
from chaos.killable_hub import KillableHub
from chaos.light_work import STEPS, make_curve, make_output
from chaos.tally import Tally
from shared.hub import Hub
from shared.manifest import Phase
from shared.runs import ManifestStore

AT_ONCE = 3
KILLS_A_RUN = (4, 9)
# From before the interpreter has started to after the job has ended, on a machine that has other things to do.
MOMENT_SECONDS = (0.2, 6.0)
JOB_SECONDS = 300
MOST_LAUNCHES = 40
OVER = (JobStage.COMPLETED, JobStage.CANCELED, JobStage.ERROR, JobStage.DELETED)


@dataclass
class Run:
    """A run of one phase, in a namespace of its own so that all commits there are its own."""

    name: str
    kills: int
    jobs: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """Who owns it."""
        return f"owner-{self.name}"


def kill_jobs(hub: KillableHub, folder: Path, seed: int, kills: int, tally: Tally) -> None:
    """Kill jobs so often, several runs at a time, and look at each run when it has succeeded."""
    with (
        FaultProxy(hub.url, seed=seed, probability=0.06, stall_seconds=0.3) as proxy,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        campaign = _Campaign(hub, folder, proxy.url, seed, kills, tally)
        for done in pool.map(campaign.carry_out, _plan_runs(random.Random(seed), kills)):
            tally.say(
                f"jobs: {done.name} succeeded at launch {len(done.jobs)}; {tally.kills['job']} of {kills} kills"
            )
    tally.faults.update(proxy.counts)


def _plan_runs(draw: random.Random, kills: int) -> Iterator[Run]:
    number = 0
    while kills > 0:
        number += 1
        share = min(kills, draw.randint(*KILLS_A_RUN))
        kills -= share
        yield Run(f"run-{number}", share)


@dataclass
class _Campaign:
    hub: KillableHub
    folder: Path
    proxied: str
    seed: int
    kills: int
    tally: Tally

    def carry_out(self, run: Run) -> Run:
        """Launch and kill a run's job so often, then let it end, and look at what there is."""
        client = Hub(self.hub.url, self.hub.token)
        store = ManifestStore(client, run.namespace)
        store.create(make_manifest(run.name))
        draw, killed = random.Random(f"{self.seed} {run.name}"), 0
        while len(run.jobs) < MOST_LAUNCHES:
            job = self._launch(client, run)
            if killed < run.kills and self._kill(client, run, job, draw.uniform(*MOMENT_SECONDS)):
                killed += 1
                self.tally.kill("job")
            if self._await_end(client, run, job) == JobStage.COMPLETED and killed >= run.kills:
                break
            if store.read(run.name).phases["split"].status == "succeeded":
                # The rest of its kills meet a phase that has to be done again.
                store.update(run.name, _reopen, "reopen")
        self._look(client, store, run)
        return run

    def _launch(self, client: Hub, run: Run) -> str:
        options = ["--run-id", run.name, "--namespace", run.namespace]
        job = client.api.run_job(
            image="python:3.12",
            command=["python", "-m", "chaos.light_job", *options],
            env={
                "HF_ENDPOINT": self.proxied,
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "HF_HUB_DOWNLOAD_TIMEOUT": "2",
                "HF_HUB_ETAG_TIMEOUT": "2",
            },
            secrets={"HF_TOKEN": self.hub.token},
            timeout=JOB_SECONDS,
            namespace=run.namespace,
        )
        run.jobs.append(job.id)
        return job.id

    def _kill(self, client: Hub, run: Run, job: str, seconds: float) -> bool:
        """Kill the job's process after so many seconds; False where it has ended before."""
        moment, deadline = time.monotonic() + seconds, time.monotonic() + JOB_SECONDS
        time.sleep(seconds)
        while time.monotonic() < deadline:
            if pids := _processes_of(job):
                for pid in pids:
                    _kill_process(pid)
                return True
            if client.api.inspect_job(job_id=job, namespace=run.namespace).status.stage in OVER:
                return False
            time.sleep(0.05)
        raise RuntimeError(f"job {job} neither ran nor ended within {JOB_SECONDS} s of {moment}")

    def _await_end(self, client: Hub, run: Run, job: str) -> str:
        deadline = time.monotonic() + JOB_SECONDS + 60
        while (stage := client.api.inspect_job(job_id=job, namespace=run.namespace).status.stage) not in OVER:
            if time.monotonic() > deadline:
                raise RuntimeError(f"job {job} did not end")
            time.sleep(0.1)
        return stage

    def _look(self, client: Hub, store: ManifestStore, run: Run) -> None:
        phase = store.read(run.name).phases["split"]
        self.tally.check(f"{run.name} ended as {phase.status}: {phase.error}", phase.status == "succeeded")
        told = [job for job in run.jobs if "The attempt is recorded." in self._log(job)]
        attempts = Counter(attempt.job_id for attempt in phase.attempts)
        self.tally.check_written_once(f"attempts of {run.name}", told, run.jobs, attempts)
        titles = titles_of(client, store.repo_id, "dataset")
        self._look_at_commits(run, phase, titles)
        data, head = phase.outputs.get("data"), client.resolve(store.repo_id, "dataset")
        if data is None:
            return
        made = titles_of(client, data.repo_id, "dataset")
        self.tally.check_written_once(data.repo_id, ["Add data"], ["Add data"], made)
        files = {name: client.read_bytes(data, name) for name in make_output(run.name)}
        self.tally.check(f"{data} holds something else", files == make_output(run.name))
        curve = client.read_bytes(head, f"runs/{run.name}/split/curves.jsonl")
        self.tally.check(f"the curve of {run.name} is another", curve == make_curve(STEPS))

    def _look_at_commits(self, run: Run, phase: Phase, titles: Counter[str]) -> None:
        """Compare the commits that an attempt makes once with the attempts."""
        ended = sum(attempt.exit_code == 0 for attempt in phase.attempts)
        expected = {"begin": len(phase.attempts), "succeeded": ended}
        for title, number in expected.items():
            found = titles[f"split: {title}"]
            where = f"{run.name}: {found} commits for {number} times that it {title}"
            if found != number:
                self.tally.note(self.tally.doubled if found > number else self.tally.lost, where)

    def _log(self, job: str) -> str:
        return (self.folder / "hub" / "jobs" / job / "log.jsonl").read_text(encoding="utf-8")


def _reopen(manifest) -> None:
    manifest.phases["split"].config = {"asked for": "something else"}


def _processes_of(job: str) -> list[int]:
    wanted = f"JOB_ID={job}".encode()
    return [
        int(place.parent.name) for place in Path("/proc").glob("[0-9]*/environ") if wanted in _read(place)
    ]


def _read(place: Path) -> list[bytes]:
    try:
        return place.read_bytes().split(b"\0")
    except OSError:
        return []


def _kill_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
