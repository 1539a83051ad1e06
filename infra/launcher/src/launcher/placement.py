"""Where and how a job is to run, settled before it is launched: an image that can be pulled, hardware that there is,
and a time limit that the plan agrees with. What cannot be is refused here, before it costs anything.
"""

from dataclasses import dataclass, replace
from functools import cache, cached_property

from launcher.bootstrap import PYTHON_IMAGE, bootstrap_command, bootstrap_environment, find_code
from launcher.flavors import find_hardware
from launcher.images import ImageReference, parse_reference, space_of
from launcher.plan_phases import PlannedPhase, plan_phases
from launcher.plan_settings import find_shape, resolve_settings
from launcher.profiles import AUTO, Profile
from launcher.registry import find_digest
from launcher.requests import PACKAGES, JobRequest, build_request, service_of
from launcher.terminal import say
from launcher.time_limits import limit_for
from shared.addresses import is_local
from shared.errors import BadInput, PipelineError
from shared.estimate.lengths import assume_lengths
from shared.hub import Hub
from shared.manifest import RunManifest, Source

# These run a model, and take as long as that takes.
ESTIMATED = ("sft", "grpo", "eval")
find_digest_once = cache(find_digest)


@dataclass(frozen=True)
class Placement:
    """How the jobs of a run are placed on one Jobs API. What is looked up is looked up once a command."""

    hub: Hub
    profile: Profile
    source: Source

    def limit(self, request: JobRequest) -> JobRequest:
        """Return the request with a time limit in numbers.

        Raises:
            BadInput: the profile leaves it to the plan, which has no estimate.
        """
        phase, target = request.phase, request.target
        if target.timeout != AUTO:
            return request
        try:
            at_most = self._plan[phase].at_most.seconds if phase in ESTIMATED else 0.0
        except PipelineError as error:
            raise BadInput(f'{phase} cannot have timeout = "auto" in [launch]. {error}') from error
        return replace(request, target=limit_for(target, at_most))

    def place(self, request: JobRequest) -> JobRequest:
        """Return the request as it is to be sent.

        Raises:
            BadInput: there is no such image or hardware, or the job could not get its code.
        """
        hardware = find_hardware(self.hub, request.target.flavor)
        request = self.limit(request)
        if request.target.image == AUTO and not self.is_local:
            return _install_code(request, on_gpu=hardware.accelerator is not None)
        return _with_image(request, self._find_image(request))

    def warn(self, request: JobRequest) -> None:
        """Say what the plan has against launching a job that costs money."""
        phase = request.phase
        if self.is_local or phase not in ESTIMATED:
            return
        try:
            warnings = list(self._plan[phase].warnings())
        except PipelineError as error:
            warnings = [f"was compared with no estimate. {error}"]
        for warning in warnings:
            say(f"warning: {phase} {warning}")

    @property
    def is_local(self) -> bool:
        """Tell whether this is a local hub, which runs what is on this machine."""
        return is_local(self.hub.api.endpoint)

    def _find_image(self, request: JobRequest) -> str:
        image = request.target.image
        if image == AUTO:
            # The code is here, in the hub's own environment or in the image that `make images` built.
            return f"medmcqa-{service_of(request.phase)}"
        if space := space_of(image):
            # A local hub has no Spaces, and says so when it gets the job.
            if not self.is_local:
                self.hub.call(f"looking up the Space {space}", lambda: self.hub.api.space_info(space))
            return image
        reference = parse_reference(image)
        if reference.digest or (self.is_local and reference.registry is None):
            return image
        if reference.is_only_here:
            raise BadInput(
                f"HF Jobs cannot pull the image {image}: its name holds no registry. Push it and name it in full, "
                f"IMAGE=ghcr.io/you/{image}, or use IMAGE=auto."
            )
        return _pin(reference)

    @cached_property
    def _plan(self) -> dict[str, PlannedPhase]:
        base = self.source.base_model
        phases = plan_phases(
            self.profile,
            resolve_settings(self.profile),
            find_shape(f"{base.repo_id}@{base.commit}"),
            assume_lengths(self.source.dataset.repo_id),
        )
        return {phase.name: phase for phase in phases}


def place_all(hub: Hub, profile: Profile, manifest: RunManifest, namespace: str) -> None:
    """Place the jobs of every phase, so that a mistake in a late one does not cost the early ones.

    Raises:
        BadInput: for the first phase whose job could not run.
    """
    placement = Placement(hub, profile, manifest.source)
    for phase in PACKAGES:
        placement.place(build_request(profile, phase, manifest.run_id, namespace, force=False))


def _install_code(request: JobRequest, on_gpu: bool) -> JobRequest:
    code = find_code(request.phase)
    placed = replace(
        request,
        command=bootstrap_command(request.command),
        environment=request.environment | bootstrap_environment(request.phase, code, on_gpu),
        code=code,
    )
    return _with_image(placed, _pin(parse_reference(PYTHON_IMAGE)))


def _with_image(request: JobRequest, image: str) -> JobRequest:
    return replace(request, target=request.target.model_copy(update={"image": image}))


def _pin(reference: ImageReference) -> str:
    return reference.pinned(find_digest_once(reference))
