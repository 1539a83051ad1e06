"""Images that a profile may name, and what the Jobs API is sent for them.

medmcqa-sft-trainer               an image of this machine; only a local hub can run it
ghcr.io/you/medmcqa-sft:v1        a registry's; its tag is resolved to the digest that it has now
you/medmcqa-sft                   the same on Docker Hub, at `latest`
ghcr.io/you/medmcqa-sft@sha256:…  sent as it is
hf.co/spaces/you/medmcqa          the image of a Space
"""

import re
from dataclasses import dataclass

from shared.errors import BadInput

DOCKER_HUB = "docker.io"
# As the client recognises them: it sends the rest as `spaceId`.
SPACES = re.compile(r"(https://)?(huggingface\.co|hf\.co)/spaces/")
# The grammar of the OCI distribution specification. What stands before the first slash is a host if it looks like one.
HOST = r"(?P<registry>localhost(?::\d+)?|[\w-]+(?:\.[\w-]+)+(?::\d+)?|[\w-]+:\d+)"
PATH = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
REFERENCE = re.compile(
    rf"(?:{HOST}/)?(?P<repository>{PATH}(?:/{PATH})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)


@dataclass(frozen=True)
class ImageReference:
    """An image by name. `registry` is None where the name holds no host, `digest` where it is not pinned."""

    registry: str | None
    repository: str
    tag: str
    digest: str | None

    @property
    def is_only_here(self) -> bool:
        """Tell whether this is the name of an image of one machine, which no registry holds."""
        return self.registry is None and "/" not in self.repository

    def pinned(self, digest: str) -> str:
        """Return the reference to what the tag means now."""
        host = f"{self.registry}/" if self.registry else ""
        return f"{host}{self.repository}@{digest}"

    def __str__(self) -> str:
        host = f"{self.registry}/" if self.registry else ""
        return f"{host}{self.repository}:{self.tag}"


def parse_reference(image: str) -> ImageReference:
    """Read the name of an image.

    Raises:
        BadInput: it is none.
    """
    match = REFERENCE.fullmatch(image)
    if match is None:
        raise BadInput(
            f"{image!r} names no image. Write it as in ghcr.io/you/medmcqa-{{service}}:v1, in small letters, or auto."
        )
    registry, repository, tag, digest = match.group("registry", "repository", "tag", "digest")
    return ImageReference(registry, repository, tag or "latest", digest)


def space_of(image: str) -> str | None:
    """Return the id of the Space that an image is of, None where it is of none."""
    return SPACES.sub("", image, count=1) if SPACES.match(image) else None
