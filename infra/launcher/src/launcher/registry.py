"""What a tag means now: asked of the image's registry, by the HTTP API of the OCI distribution specification.

Nothing is sent that proves who asks: HF Jobs pulls without a password too, so what is hidden here cannot run there.
"""

import hashlib
from urllib.request import parse_http_list, parse_keqv_list

import httpx2

from launcher.images import DOCKER_HUB, ImageReference
from shared.addresses import is_local
from shared.errors import BadInput, PipelineError

DOCKER_HUB_HOST = "registry-1.docker.io"
DIGEST_HEADER = "Docker-Content-Digest"
# The index of an image for several platforms comes first: HF Jobs picks its own from it.
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
TIMEOUT_SECONDS = 30.0
HIDDEN = (401, 403, 404)


def find_digest(image: ImageReference) -> str:
    """Return the digest, `sha256:…`, that an image's tag has in its registry.

    Raises:
        BadInput: it is not there, or not for everybody.
        PipelineError: the registry cannot be asked.
    """
    url = _manifest_url(image)
    transport = httpx2.HTTPTransport(retries=2)
    try:
        with httpx2.Client(transport=transport, timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
            answer = _ask(client, "HEAD", url)
            if answer.is_success and DIGEST_HEADER not in answer.headers:
                answer = _ask(client, "GET", url)
    except (httpx2.HTTPError, ValueError) as error:
        raise PipelineError(
            f"The registry of {image} did not answer ({error}). Run it again, or name the image by its digest."
        ) from error
    if answer.status_code in HIDDEN:
        raise BadInput(_explain_hidden(image, answer.status_code))
    if not answer.is_success:
        raise PipelineError(
            f"The registry of {image} answered {answer.status_code}. Run it again later, or name the image by digest."
        )
    return answer.headers.get(DIGEST_HEADER) or f"sha256:{hashlib.sha256(answer.content).hexdigest()}"


def _manifest_url(image: ImageReference) -> str:
    host, repository = image.registry or DOCKER_HUB, image.repository
    if host == DOCKER_HUB:
        host, repository = DOCKER_HUB_HOST, repository if "/" in repository else f"library/{repository}"
    scheme = "http" if is_local(f"//{host}") else "https"
    return f"{scheme}://{host}/v2/{repository}/manifests/{image.tag}"


def _ask(client: httpx2.Client, method: str, url: str) -> httpx2.Response:
    """Ask for a manifest, with a token for anybody where the registry wants one."""
    headers = {"Accept": MANIFESTS}
    answer = client.request(method, url, headers=headers)
    scheme, _, challenge = answer.headers.get("WWW-Authenticate", "").partition(" ")
    if answer.status_code != 401 or scheme.lower() != "bearer":
        return answer
    wanted = parse_keqv_list(parse_http_list(challenge))
    granted = client.get(
        wanted.pop("realm", ""), params={key: wanted[key] for key in ("service", "scope") if key in wanted}
    )
    if not granted.is_success:
        return granted
    token = granted.json()
    headers["Authorization"] = f"Bearer {token.get('token') or token.get('access_token', '')}"
    return client.request(method, url, headers=headers)


def _explain_hidden(image: ImageReference, status: int) -> str:
    if status == 404:
        return f"There is no image {image} in its registry. Push it, or use IMAGE=auto."
    return (
        f"The image {image} is not there, or not public, and HF Jobs pulls without a password. "
        "Push it and make it public, or use IMAGE=auto."
    )
