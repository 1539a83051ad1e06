"""SFT and GRPO are killed at random moments until they end; they must end as if nothing had happened, bit for bit."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faults import FaultProxy
from models import make_qwen3
from training_run import Run, make_run

from chaos.hub_kills import titles_of
from chaos.killable_hub import KillableHub
from chaos.tally import Tally
from shared.manifest import Phase
from shared.refs import RepoRef

AT_ONCE = 2
KILLS_A_RUN = (4, 9)
# Of an undisturbed training; so most are killed more than once before they come to their end.
LONGEST_LIFE = 0.7
JOB_SECONDS = 600
RECORDED = "parameters ("
TAUGHT = (
    "--max-steps=70", "--learning-rate=0.01", "--batch-size=8", "--micro-batch-size=8", "--lora.rank=32",
    "--lora.alpha=64", "--lora.target-modules=q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj",
)  # fmt: skip
COMMON = (
    "--learning-rate=0.01",
    "--logging-steps=1",
    "--checkpoint-minutes=0.02",
    "--gradient-checkpointing=off",
)
ARGUMENTS = {
    "sft": (*COMMON, "--max-steps=20", "--batch-size=8", "--micro-batch-size=4", "--lora.dropout=0.1"),
    "grpo": (
        *COMMON, "--max-steps=6", "--prompts-per-step=2", "--micro-batch-size=8", "--max-completion-length=40",
        "--temperature=0.7", "--guard.preflight-prompts=2",
    ),
}  # fmt: skip
# What says how long something took, or which attempt it was, is not the same twice.
UNEQUAL = ("time", "runtime", "per_second", "seconds", "resumes", "dashboard_run")


@dataclass
class Forge:
    """The process that forks the jobs of one thread; see `chaos.forge`."""

    process: subprocess.Popen[str]
    folder: Path
    jobs: int = 0

    def begin(self, run: Run, phase: str, arguments: Sequence[str]) -> tuple[str, int]:
        """Start a job and return its id and its process id."""
        self.jobs += 1
        job = f"{self.folder.name}-{self.jobs}"
        temporary = self.folder / "temporary"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        order = {
            "package": f"{phase}_trainer",
            "arguments": ["--run-id", run.run_id, "--namespace", "local", *arguments],
            "environment": {"JOB_ID": job},
            "log": str(self.log(job)),
            "temporary": str(temporary),
        }
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return job, int(self.process.stdout.readline())

    def end(self, pid: int, seconds: float, by_kill: bool) -> int:
        """Wait for the job so long, then kill it (or complain); return its wait status."""
        answer: list[str] = []
        reader = threading.Thread(target=lambda: answer.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(seconds)
        if reader.is_alive():
            os.kill(pid, signal.SIGKILL)
            reader.join(60)
            if not by_kill:
                raise RuntimeError(f"a training did not end within {seconds} s; see {self.folder}")
        return int(answer[0])

    def log(self, job: str) -> Path:
        """Return where a job's output goes."""
        return self.folder / f"{job}.log"


@dataclass
class _Campaign:
    """Attributes: `expected` and `seconds` are what an undisturbed training of each phase gives, and takes."""

    hub: KillableHub
    folder: Path
    proxied: str
    seed: int
    kills: int
    tally: Tally
    base: Path
    numbers: Iterator[int] = field(default_factory=count)
    forges: list[Forge] = field(default_factory=list)
    taught: dict[str, RepoRef] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def take_measure(self, forge: Forge) -> None:
        """Train without a kill: what the GRPO runs begin with, what must come out, and how long it takes."""
        run = self._new_run()
        self._train_undisturbed(forge, run, "sft", TAUGHT)
        self.taught = run.phase("sft").outputs
        for phase, arguments in ARGUMENTS.items():
            run = self._new_run()
            self.seconds[phase] = self._train_undisturbed(forge, run, phase, arguments)
            self.expected[phase] = self._result(run, phase)

    def carry_out(self, forge: Forge) -> None:
        """Kill one training after the other until there were enough kills; let each end and compare it."""
        while self._killed() < self.kills:
            number = next(self.numbers)
            phase = list(ARGUMENTS)[number % len(ARGUMENTS)]
            run, draw = self._new_run(), random.Random(f"{self.seed} {number}")
            jobs = self._kill_until_done(forge, run, phase, draw)
            self._look(forge, run, phase, jobs)
            self.tally.say(
                f"trainings: {phase} ended at launch {len(jobs)}; {self._killed()} of {self.kills} kills"
            )

    def start_forge(self) -> Forge:
        """Start a process that forks jobs."""
        folder = self.folder / f"forge-{len(self.forges) + 1}"
        folder.mkdir()
        with open(folder / "forge.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "chaos.forge"],
                env=self.hub.client_environment(self.proxied, "trainer"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.forges.append(Forge(process, folder))
        return self.forges[-1]

    def close(self) -> None:
        """End the forges and what they have forked."""
        for forge in self.forges:
            os.killpg(forge.process.pid, signal.SIGKILL)
            forge.process.communicate()

    def _killed(self) -> int:
        return sum(self.tally.kills[phase] for phase in ARGUMENTS)

    def _new_run(self) -> Run:
        """Begin a run whose questions are split and, once there is a taught model, whose SFT it is."""
        place = self.folder / "runs" / str(time.monotonic_ns())
        place.mkdir(parents=True)
        run = make_run(SimpleNamespace(url=self.hub.url, token=self.hub.token, env={}), self.base, place)
        if self.taught:
            taught = Phase(status="succeeded", outputs=self.taught)
            run.store.update(
                run.run_id, lambda manifest: manifest.phases.update(sft=taught), "Take the taught model"
            )
        return run

    def _train_undisturbed(self, forge: Forge, run: Run, phase: str, arguments: Sequence[str]) -> float:
        began = time.monotonic()
        job, pid = forge.begin(run, phase, arguments)
        if forge.end(pid, JOB_SECONDS, by_kill=False):
            raise RuntimeError(f"an undisturbed {phase} failed:\n{forge.log(job).read_text()[-3000:]}")
        self.tally.say(f"trainings: an undisturbed {phase} took {time.monotonic() - began:.0f} s")
        return time.monotonic() - began

    def _kill_until_done(self, forge: Forge, run: Run, phase: str, draw: random.Random) -> list[str]:
        jobs = []
        for left in range(draw.randint(*KILLS_A_RUN), -1, -1):
            job, pid = forge.begin(run, phase, ARGUMENTS[phase])
            jobs.append(job)
            life = draw.uniform(0.1, self.seconds[phase] * LONGEST_LIFE) if left else JOB_SECONDS
            status = forge.end(pid, life, by_kill=left > 0)
            if not os.WIFSIGNALED(status):
                self.tally.check(f"{phase} failed:\n{forge.log(job).read_text()[-2000:]}", status == 0)
                break
            self.tally.kill(phase)
            if draw.random() < 0.5:
                self.hub.forget_state("trainer", run.run_id)
        return jobs

    def _look(self, forge: Forge, run: Run, phase: str, jobs: list[str]) -> None:
        record = run.phase(phase)
        self.tally.check(f"{phase} of {run.run_id} is {record.status}", record.status == "succeeded")
        told = [job for job in jobs if RECORDED in forge.log(job).read_text()]
        attempts = Counter(attempt.job_id for attempt in record.attempts)
        self.tally.check_written_once(f"attempts of {phase} of {run.run_id}", told, jobs, attempts)
        if record.status != "succeeded":
            return
        with self.tally.lock:
            self.tally.resumed[phase] += record.metrics["resumes"]
        result = self._result(run, phase)
        for name, value in result.items():
            self.tally.check(
                f"{name} of the killed {phase} of {run.run_id} differ: {value} instead of "
                f"{self.expected[phase][name]}",
                value == self.expected[phase][name],
            )
        for ref in (record.outputs["model"], record.outputs["adapter"]):
            titles = titles_of(run.hub, ref.repo_id, "model")
            self.tally.check_written_once(ref.repo_id, list(titles), list(titles), titles)
        branches = run.hub.api.list_repo_refs(record.outputs["model"].repo_id).branches
        self.tally.check(
            f"checkpoints of {run.run_id} are left", [branch.name for branch in branches] == ["main"]
        )

    def _result(self, run: Run, phase: str) -> dict[str, Any]:
        record = run.phase(phase)
        curve = run.hub.read_bytes(record.outputs["curves"], record.outputs["curves"].path).splitlines()
        return {
            "weights": [_weights(run, record.outputs[name]) for name in ("model", "adapter")],
            "metrics": _comparable(record.metrics),
            "curves": [_comparable(json.loads(line)) for line in curve],
        }


def kill_trainings(hub: KillableHub, folder: Path, seed: int, kills: int, tally: Tally) -> None:
    """Kill trainings so often, several runs at a time, and compare each with one that was left alone."""
    base = make_qwen3(folder / "base")
    with FaultProxy(hub.url, seed=seed, probability=0.03, in_a_row=1, stall_seconds=0.3) as proxy:
        campaign = _Campaign(hub, folder, proxy.url, seed, kills, tally, base)
        try:
            forges = [campaign.start_forge() for _ in range(AT_ONCE)]
            campaign.take_measure(forges[0])
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for done in [pool.submit(campaign.carry_out, forge) for forge in forges]:
                    done.result()
        finally:
            campaign.close()
    tally.faults.update(proxy.counts)


def _weights(run: Run, ref: RepoRef) -> dict[str, str]:
    entries = run.hub.api.list_repo_tree(ref.repo_id, revision=ref.commit)
    return {entry.path: entry.lfs.sha256 for entry in entries if entry.path.endswith(".safetensors")}


def _comparable(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: _comparable(item) for name, item in value.items() if not any(part in name for part in UNEQUAL)
    }
