"""What a first launch needs of this machine, the Hub and the account: one function a check. Nothing here writes."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from shutil import disk_usage
from typing import Any

import httpx2
from huggingface_hub import HfApi, get_session, get_token
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from launcher.current import Wanted, resolve_source
from launcher.doctor_access import (
    BILLING_PAGE,
    TOKENS_PAGE,
    Finding,
    can_pay,
    judge_namespace,
    judge_token,
)
from launcher.placement import Placement
from launcher.plan import plan_profile
from launcher.plan_phases import PlannedPhase
from launcher.profiles import Profile
from launcher.requests import PACKAGES, check_all_settings
from shared.addresses import is_local
from shared.errors import PipelineError
from shared.hub import Hub
from shared.manifest import Source
from shared.runs import RUNS_REPO

LARGEST_SKEW_SECONDS = 60.0
# A demo run takes a tenth of it; the environment is there already.
LEAST_FREE_GB, FEW_FREE_GB = 1, 5
UNKNOWN_ROUTE = (404, 501)
JOBS_FIXES = {
    402: f"Jobs need a positive credit balance; add some: {BILLING_PAGE} (an organisation: in its own settings)",
    403: f"Give HF_TOKEN job.write for the namespace ({TOKENS_PAGE}), and see that it has credit: {BILLING_PAGE}",
    404: "This Hub has no Jobs API; set HF_ENDPOINT to one that has",
}


@dataclass(frozen=True)
class Site:
    """What is examined: a profile about to be launched, where and by whom. What is asked is asked once.

    Attributes:
        met: the checks that were passed, and what else later ones need: that the Hub answers (`hub`), and lets one read
            (`reads`).
    """

    hub: Hub
    profile: Profile
    wanted: Wanted
    namespace_wanted: str | None = None
    budget_usd: float | None = None
    met: set[str] = field(default_factory=set)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Who the token belongs to, as the Hub says it."""
        asking = f"asking {self.hub.api.endpoint} who you are"
        return self.hub.call(asking, self.hub.api.whoami)

    @cached_property
    def namespace(self) -> str:
        """Who is to own the run and pay for it."""
        return self.namespace_wanted or str(self.identity["name"])

    @cached_property
    def base_model(self) -> str:
        """The base model, with its revision where one is named."""
        return self.wanted.base_model or self.profile.run.base_model

    @cached_property
    def source_dataset(self) -> str:
        """The question dataset, likewise."""
        return self.wanted.source_dataset or self.profile.run.source_dataset

    @cached_property
    def placement(self) -> Placement:
        """Where the jobs are placed."""
        source = Source(
            dataset=resolve_source(self.hub, self.source_dataset, "dataset"),
            base_model=resolve_source(self.hub, self.base_model, "model"),
        )
        return Placement(self.hub, self.profile, source)

    @cached_property
    def plan(self) -> list[PlannedPhase]:
        """What the phases that run a model take."""
        return plan_profile(self.profile, self.base_model, self.source_dataset)

    @property
    def is_local(self) -> bool:
        """Tell whether this is a local hub, which charges nothing."""
        return is_local(self.hub.api.endpoint)

    def find_missing(self, images: Sequence[str]) -> list[str]:
        """Return the images that a local hub would look for and not find; none where another Hub is to pull them."""
        if not self.is_local:
            return []
        asking = "asking the local hub for its images"
        return self.hub.call(asking, lambda: _ask_for_missing(self.hub.api, images))


def _ask_for_missing(api: HfApi, images: Sequence[str]) -> list[str]:
    headers = {"authorization": f"Bearer {api.token or get_token()}"}
    address = f"{api.endpoint}/api/local-hub/executor"
    answer = get_session().get(address, params={"image": list(images)}, headers=headers)
    if answer.status_code in UNKNOWN_ROUTE:
        return []  # An older local hub, or another Hub of this machine.
    if answer.is_error:
        raise PipelineError(f"The local hub cannot tell which images it has: {answer.text}")
    return list(answer.json()["missing"])


def check_python(site: Site) -> Finding:
    """The environment holds the services, which check their settings themselves."""
    missing = [package for package in PACKAGES.values() if find_spec(package) is None]
    if missing:
        return Finding("problem", f"Not installed: {', '.join(missing)}.", "make setup")
    return Finding(
        "ok", f"{platform.python_version()}, huggingface_hub {version('huggingface_hub')}, all services"
    )


def check_settings(site: Site) -> Finding:
    """Every service takes the profile's settings and those of the environment."""
    check_all_settings(site.profile, "examined", "examined")
    return Finding("ok", f"profile {site.profile.name}: every service takes its settings")


def check_disk(site: Site) -> Finding:
    """A local hub keeps everything in the folder it was started from."""
    free = disk_usage(".").free / 1e9
    if site.is_local and free < LEAST_FREE_GB:
        return Finding(
            "problem",
            f"{free:.1f} GB are free here, where the local hub writes.",
            "Free some, or set HUB_DIR",
        )
    if free < FEW_FREE_GB:
        return Finding("note", f"Only {free:.1f} GB are free here.", "Free some")
    return Finding("ok", f"{free:.0f} GB free")


def check_endpoint(site: Site) -> Finding:
    """The Hub answers, and the clocks agree: signed addresses and tokens are judged by the time."""
    endpoint, began = site.hub.api.endpoint, time.monotonic()
    try:
        answer = get_session().get(f"{endpoint}/api/whoami-v2")
    except httpx2.TransportError as error:
        fix = "make hub" if site.is_local else "Check the network, HF_ENDPOINT and the proxy's variables"
        reason = str(error) or type(error).__name__
        return Finding("problem", f"{endpoint} does not answer ({reason}).", fix)
    site.met.add("hub")
    took = f"{endpoint} answers in {1000 * (time.monotonic() - began):.0f} ms"
    if date := answer.headers.get("date"):
        skew = abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
        if skew > LARGEST_SKEW_SECONDS:
            return Finding("note", f"{took}; this machine's clock differs by {skew:.0f} s.", "Set the clock")
    return Finding("ok", took)


def check_token(site: Site) -> Finding:
    """There is a token, it is valid, and it may write repos and start jobs."""
    if get_token() is None:
        site.met.add("reads")
        return Finding("problem", "HF_TOKEN is not set.", f"Make one with the role write: {TOKENS_PAGE}")
    try:
        identity = site.identity
    except PipelineError as error:
        if _status_of(error) != 401:
            raise
        return Finding("problem", "HF_TOKEN is not valid (any more).", f"Make a new one: {TOKENS_PAGE}")
    site.met.update({"reads", "token"})  # Also where it may do too little: the rest is worth knowing.
    return judge_token(identity, site.namespace)


def check_namespace(site: Site) -> Finding:
    """The user may write to the namespace."""
    repo_id = f"{site.namespace}/{RUNS_REPO}"
    may_write: bool | None
    try:
        site.hub.api.auth_check(repo_id, repo_type="dataset", write=True)
        may_write = True
    except RepositoryNotFoundError:
        may_write = None
    except HfHubHTTPError as error:
        if error.response.status_code != 403:
            raise
        may_write = False
    finding = judge_namespace(site.identity, site.namespace, may_write)
    if site.is_local and may_write is None and finding.level == "problem":
        return Finding("note", f"{finding.text} The owner of a local hub may use it all the same.")
    return finding


def check_jobs(site: Site) -> Finding:
    """The Jobs API lets the user in. What credit there is it does not tell; it refuses a launch without any by 402."""
    namespace = site.namespace
    try:
        site.hub.call(
            f"listing the jobs of {namespace}",
            lambda: next(iter(site.hub.api.list_jobs(namespace=namespace)), None),
        )
    except PipelineError as error:
        fix = JOBS_FIXES.get(_status_of(error) or 0)
        if fix is None:
            raise
        return Finding("problem", str(error), fix)
    if site.is_local:
        return Finding("ok", "this machine runs them, two at a time, and charges nothing")
    if can_pay(site.identity, namespace) is False:
        return Finding(
            "note",
            f"{namespace} has no means of payment, so its credit must suffice.",
            f"See it: {BILLING_PAGE}",
        )
    return Finding("ok", f"they can be listed; whether {namespace} has credit: {BILLING_PAGE}")


def _status_of(error: PipelineError) -> int | None:
    cause = error.__cause__
    return cause.response.status_code if isinstance(cause, HfHubHTTPError) else None
