"""Profiles: TOML files that hold everything that differs between runs."""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import BadInput
from shared.manifest import PHASES
from shared.refs import check_reference
from shared.settings import refuse_unknown

PROFILES_FOLDER = Path(__file__).parents[3] / "profiles"
GATE = "gate"
"""The section with the rules by which a model may replace another; it belongs to no phase."""
IMAGE_VARIABLE = "IMAGE"
AUTO = "auto"
SERVICE = "{service}"
DURATION = r"\d+(\.\d+)?[smhd]"
MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0}


# What numpy and torch take alike.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Reference = Annotated[str, AfterValidator(check_reference)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunSection(_Section, title="run"):
    """What a run begins with: `namespace/name@revision`, a branch, tag or commit id; main without one."""

    source_dataset: Reference
    base_model: Reference
    seed: Seed = 0


class LaunchTarget(_Section, title="launch"):
    """Where the job of a phase runs, and how often one command may launch it.

    `image` may hold "{service}", in whose place each phase puts the name of its service; "auto" installs the code of
    the checkout's commit into a public Python image. `timeout` is as the Jobs API takes it ("90s", "30m", "2h"), or
    "auto": several times what `make plan` says the phase takes at most. Only a job that timed out or was killed having
    saved progress is launched again.
    """

    image: str
    flavor: str
    timeout: str = Field(pattern=rf"^({AUTO}|{DURATION})$")
    max_attempts: int = Field(default=3, ge=1)

    @property
    def timeout_minutes(self) -> float:
        """The timeout as a number; "auto" has one only once the phase has been placed."""
        assert self.timeout != AUTO
        return in_minutes(self.timeout)

    def for_service(self, service: str) -> "LaunchTarget":
        """Return the target with the service's own image."""
        return self.model_copy(update={"image": self.image.replace(SERVICE, service)})


@dataclass(frozen=True)
class Profile:
    """A profile as read; `sections` holds the settings of each phase and of the gate, which the services check."""

    name: str
    run: RunSection
    launch: dict[str, LaunchTarget]
    sections: dict[str, dict[str, Any]]


def in_minutes(duration: str) -> float:
    """Return a duration as the Jobs API takes it in minutes.

    >>> in_minutes("90s"), in_minutes("2h")
    (1.5, 120.0)
    """
    return float(duration[:-1]) * MINUTES[duration[-1]]


def profile_name(name_or_path: str) -> str:
    """Return a profile's name, also where it is given as the path of a .toml file."""
    return Path(name_or_path).stem if name_or_path.endswith(".toml") else name_or_path


def load_profile(name_or_path: str, folder: Path = PROFILES_FOLDER) -> Profile:
    """Read a profile by its name, or by the path of a .toml file; IMAGE in the environment replaces its images.

    Raises:
        BadInput: there is no such profile, or something in it is wrong.
    """
    path = Path(name_or_path) if name_or_path.endswith(".toml") else folder / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise BadInput(
            f"There is no profile {name_or_path}. Known profiles: {known}. "
            f"One of your own is named by its file, whenever its run is: PROFILE=<folder>/{path.name}"
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,23}", path.stem):
        raise BadInput(
            f"The profile name {path.stem} becomes part of repo names: use a-z, 0-9 and -, at most 24."
        )
    try:
        return _parse(path.stem, tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"Profile {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"Profile {path} is not valid TOML: {error}. Fix that line.") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        reason = problem["msg"].removeprefix("Value error, ")
        raise BadInput(f"Profile {path}, [{error.title}] {field}: {reason}. Fix it there.") from error


def _parse(name: str, content: dict[str, Any]) -> Profile:
    refuse_unknown(content, ("run", "launch", *PHASES, GATE), f"profile {name}")
    for section, settings in content.items():
        if not isinstance(settings, dict):
            raise BadInput(f"{section} of profile {name} must be a section: [{section}], its settings below.")
    launch = dict(content.get("launch", {}))
    common = {key: value for key, value in launch.items() if not isinstance(value, dict)}
    own = {key: value for key, value in launch.items() if isinstance(value, dict)}
    image = {"image": os.environ[IMAGE_VARIABLE]} if os.environ.get(IMAGE_VARIABLE) else {}
    refuse_unknown(own, PHASES, f"[launch] of profile {name}")
    refuse_unknown(common, LaunchTarget.model_fields, f"[launch] of profile {name}")
    refuse_unknown(content.get("run", {}), RunSection.model_fields, f"[run] of profile {name}")
    return Profile(
        name=name,
        run=RunSection.model_validate(content.get("run", {})),
        launch={phase: LaunchTarget.model_validate(common | own.get(phase, {}) | image) for phase in PHASES},
        sections={section: content.get(section, {}) for section in (*PHASES, GATE)},
    )
