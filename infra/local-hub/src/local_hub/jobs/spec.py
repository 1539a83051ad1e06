"""What a client asks to run, checked."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from local_hub.errors import ApiError
from local_hub.jobs.hardware import FLAVORS
from local_hub.jobs.volumes import Volume, parse_volumes

DEFAULT_TIMEOUT_SECONDS = 30 * 60
MAX_TIMEOUT_SECONDS = 365 * 24 * 3600
LABEL_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
LABEL_VALUE = re.compile(r"[A-Za-z0-9._-]{0,100}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What a plain process on one machine cannot give; refused by name rather than ignored.
NOT_HERE = ("expose", "ssh", "network", "spaceId")


@dataclass(frozen=True)
class JobSpec:
    """A job without its labels and without the values of its secrets."""

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    secret_names: tuple[str, ...]
    image: str
    flavor: str
    timeout_seconds: int
    volumes: tuple[Volume, ...] = ()

    def to_json(self) -> str:
        """The spec as kept in the database."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "JobSpec":
        """The spec that `to_json` wrote."""
        spec = cls(**json.loads(text))
        return replace(
            spec,
            command=tuple(spec.command),
            arguments=tuple(spec.arguments),
            secret_names=tuple(spec.secret_names),
            volumes=tuple(Volume(**volume) for volume in json.loads(text).get("volumes", ())),
        )


@dataclass(frozen=True)
class JobRequest:
    """All that a client sent: the spec, the labels, and the secrets, which are never written down."""

    spec: JobSpec
    labels: Mapping[str, str]
    secrets: Mapping[str, str]


def parse_request(body: Any) -> JobRequest:
    """Reads the body of `POST /api/jobs/{namespace}`; raises `ApiError` naming the field that is wrong."""
    if not isinstance(body, dict):
        raise ApiError(400, "The body of a job must be a JSON object")
    for name in NOT_HERE:
        if body.get(name):
            raise ApiError(501, f"Not implemented by the local hub: jobs with {name!r}")
    if body.get("attempts", 1) != 1:
        raise ApiError(501, "Not implemented by the local hub: jobs with more than one attempt")
    secrets = _variables(body, "secrets")
    spec = JobSpec(
        command=_words(body, "command"),
        arguments=_words(body, "arguments"),
        environment=_variables(body, "environment"),
        secret_names=tuple(secrets),
        image=_image(body.get("dockerImage")),
        flavor=_flavor(body.get("flavor", "cpu-basic")),
        timeout_seconds=_timeout(body.get("timeoutSeconds", DEFAULT_TIMEOUT_SECONDS)),
        volumes=parse_volumes(body.get("volumes")),
    )
    if not spec.command:
        raise ApiError(400, "'command' must name a program: the local hub runs no image's own entry point")
    return JobRequest(spec, parse_labels(body.get("labels")), secrets)


def parse_labels(value: Any) -> dict[str, str]:
    """Labels as sent; raises `ApiError` for those that the Hub does not take."""
    labels = {} if value is None else value
    if not isinstance(labels, dict):
        raise ApiError(400, "'labels' must be an object of strings")
    for key, text in labels.items():
        if not LABEL_KEY.fullmatch(key) or not isinstance(text, str) or not LABEL_VALUE.fullmatch(text):
            raise ApiError(
                400,
                f"Label {key}={text} is not valid: up to 100 letters, digits, dashes and underscores on each side",
            )
    return labels


def _words(body: dict[str, Any], name: str) -> tuple[str, ...]:
    words = body.get(name) or []
    if not isinstance(words, list) or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise ApiError(400, f"{name!r} must be a list of strings")
    return tuple(words)


def _variables(body: dict[str, Any], name: str) -> dict[str, str]:
    variables = body.get(name) or {}
    if not isinstance(variables, dict):
        raise ApiError(400, f"{name!r} must be an object")
    for key, value in variables.items():
        if not VARIABLE_NAME.fullmatch(key):
            raise ApiError(400, f"{key!r} in {name!r} is not the name of an environment variable")
        if not isinstance(value, str | int | float) or "\0" in str(value):
            raise ApiError(400, f"The value of {key!r} in {name!r} must be a string")
    return {key: str(value) for key, value in variables.items()}


def _image(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ApiError(400, "'dockerImage' must name an image")
    return value


def _flavor(value: Any) -> str:
    if not isinstance(value, str) or value not in FLAVORS:
        raise ApiError(400, f"There is no hardware {value!r}; known: {', '.join(FLAVORS)}")
    return value


def _timeout(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TIMEOUT_SECONDS:
        raise ApiError(
            400, f"'timeoutSeconds' must be a whole number from 1 to {MAX_TIMEOUT_SECONDS}, a year"
        )
    return value
