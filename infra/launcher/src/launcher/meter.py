"""Hold a job that is being followed to the budget of its run."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from launcher.budget import Account, over_budget_together, take_account
from launcher.open_run import OpenRun
from launcher.profiles import LaunchTarget
from launcher.terminal import say
from launcher.watch import cancel
from shared.errors import PipelineError

CHECK_SECONDS = 20.0
# A job ends a while after it is asked to: until the next check, and for as long as it takes to save a checkpoint.
STOPPING_MINUTES = 1.0


@dataclass
class Meter:
    """Watches what a run costs while a job of it is followed, and cancels the job before the budget is exceeded.

    A launch that could exceed the budget is refused; but others may launch jobs of the same run, or may have launched
    this one with another budget or none.

    Attributes:
        just_launched: whether this command launched the job, knowing nothing of who did the same at that moment.
        exceeded: why the job was cancelled; empty where it was not.
    """

    run: OpenRun
    phase: str
    target: LaunchTarget
    budget_usd: float | None
    just_launched: bool = False
    now: Callable[[], float] = time.monotonic
    exceeded: str = field(default="", init=False)
    _account: Account = field(default=Account(0.0), init=False)
    _accounted_at: float = field(default=-math.inf, init=False)
    _tried_at: float = field(default=-math.inf, init=False)

    def check(self, job_id: str) -> None:
        """Cancel the job if its run is about to cost more than the budget; cheap to call at every moment."""
        if self.budget_usd is None or self.exceeded or self.now() - self._tried_at < CHECK_SECONDS:
            return
        self._tried_at = self.now()
        try:
            if self.just_launched and self._is_one_too_many(job_id, self.budget_usd):
                return
            spent = self._spent()
            if spent.spent_usd + spent.usd_per_minute * STOPPING_MINUTES > self.budget_usd:
                say(
                    f"The run is about to cost more than BUDGET_USD={self.budget_usd:g}: cancelling job {job_id} ..."
                )
                cancel(self.run.hub, job_id, self.run.namespace)
                self.exceeded = self._explain(spent)
        except PipelineError as error:
            say(f"warning: {error} It is tried again in {CHECK_SECONDS:g} s.")

    @property
    def notice(self) -> str:
        """What to know of a job that nobody follows any more; empty where there is no budget."""
        if self.budget_usd is None:
            return ""
        return f"Until then nobody cancels it for BUDGET_USD={self.budget_usd:g}: its time limit is what ends it."

    def _is_one_too_many(self, job_id: str, budget_usd: float) -> bool:
        hurried = self.run.in_a_hurry()
        excess = over_budget_together(hurried, hurried.read(), job_id, budget_usd)
        self.just_launched = False
        if excess:
            say(f"Another job of the run was launched at the same moment: cancelling job {job_id} ...")
            cancel(self.run.hub, job_id, self.run.namespace)
            self.exceeded = excess
        return bool(excess)

    def _spent(self) -> Account:
        """Return what the run has cost, where the Jobs API does not answer by the prices that it last gave."""
        try:
            hurried = self.run.in_a_hurry()
            self._account, self._accounted_at = take_account(hurried, hurried.read()), self.now()
        except PipelineError:
            if self._account.usd_per_minute == 0:
                raise
        minutes = (self.now() - self._accounted_at) / 60
        rate = self._account.usd_per_minute
        return Account(self._account.spent_usd + minutes * rate, rate)

    def _explain(self, account: Account) -> str:
        worst = account.usd_per_minute * (STOPPING_MINUTES + self.target.timeout_minutes)
        enough = math.ceil((account.spent_usd + worst) * 100) / 100
        return (
            f"It was cancelled because run {self.run.run_id} has cost {account.spent_usd:.4g} USD and BUDGET_USD is "
            f"{self.budget_usd:g}. With a larger one it goes on: make {self.phase} BUDGET_USD={enough:g}."
        )
