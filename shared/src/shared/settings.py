"""Settings of a job: defaults, then the profile, then `.env`, then the environment, then the command line.

Each service subclasses `JobSettings` with `model_config = service_config("SFT_")`. The profile's section for the phase
comes as JSON in `PROFILE_JSON`. A name that no setting has is refused wherever it stands: pydantic-settings alone
ignores a misspelled environment variable, and a run would silently train at the default.
"""

import difflib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from shared.errors import BadInput

PROFILE_VARIABLE = "PROFILE_JSON"
DELIMITER = "__"


class JobSettings(BaseSettings):
    """What every job is told. The values come from `load_settings`, never from the environment directly."""

    run_id: str = Field(description="the run to work on")
    namespace: str = Field(description="user or organisation that owns the run's repos")
    force: bool = Field(default=False, description="redo the phase even if it is up to date")
    check: bool = Field(default=False, description="only check the settings, then stop")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor alone, so that a settings object never depends on where it is made."""
        return (init_settings,)

    def config(self) -> dict[str, Any]:
        """Return the settings that decide the phase's result, as JSON values."""
        return self.model_dump(mode="json", exclude=set(JobSettings.model_fields))

    def result_config(self) -> dict[str, Any]:
        """Return those of the settings that a job must have to go on from where another one of its phase ended."""
        return self.config()


def service_config(env_prefix: str) -> SettingsConfigDict:
    """Return the pydantic configuration of a service whose environment variables begin with `env_prefix`."""
    return SettingsConfigDict(
        env_prefix=env_prefix,
        env_nested_delimiter=DELIMITER,
        frozen=True,
        extra="forbid",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_exit_on_error=False,
    )


@dataclass(frozen=True)
class LoadedSettings:
    """Valid settings, and for every setting (dotted name) where its value came from."""

    settings: JobSettings
    sources: dict[str, str]

    def describe(self) -> list[str]:
        """Return one line a setting: name, value, source."""
        values = dict(_leaves(self.settings.model_dump(mode="json")))
        width = max(map(len, values))
        return [f"  {name:<{width}}  {value!s}  ({self.sources[name]})" for name, value in values.items()]


def load_settings(settings_class: type[JobSettings], argv: Sequence[str]) -> LoadedSettings:
    """Merge and check everything that sets a job.

    Raises:
        BadInput: an unknown name or a value that does not fit, with its source and the nearest known name.
    """
    layers = {
        "default": {},
        "profile": _profile_layer(settings_class),
        ".env": _environment_layer(settings_class, dotenv_values(".env"), ".env"),
        "environment": _environment_layer(settings_class, os.environ, "the environment"),
        "command line": _command_line_layer(settings_class, argv),
    }
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, layer in layers.items():
        for name, value in _leaves(layer):
            _set_leaf(merged, name, value)
            sources[name] = source
    try:
        settings = settings_class(**merged)
    except ValidationError as error:
        raise BadInput(_explain(error, settings_class, sources)) from error
    values = dict(_leaves(settings.model_dump(mode="json")))
    # JSON has no infinity: a manifest would keep null in its place, and the phase never be up to date.
    if endless := next((name for name, value in values.items() if value in (math.inf, -math.inf)), None):
        raise BadInput(
            f"{section_of(settings_class)} setting {endless}={values[endless]} ({_find_source(endless, sources)}): "
            "it must be a finite number. See --help for every setting and its bounds."
        )
    return LoadedSettings(settings, {name: sources.get(name, "default") for name in values})


def refuse_unknown(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse the first name that is not a known one.

    Raises:
        BadInput: with the nearest known name.
    """
    known = list(known)
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise BadInput(f"There is no setting {name} (in {where}). Did you mean {nearest[0]}?")


def section_of(settings_class: type[JobSettings]) -> str:
    """Return the name of the profile section that belongs to a service: its prefix without the underscore."""
    return str(settings_class.model_config["env_prefix"]).rstrip("_").lower()


def _profile_layer(settings_class: type[JobSettings]) -> dict[str, Any]:
    section = section_of(settings_class)
    try:
        profile = json.loads(os.environ.get(PROFILE_VARIABLE) or "{}")
        layer: dict[str, Any] = profile.get(section, {})
    except (ValueError, AttributeError) as error:
        raise BadInput(
            f"{PROFILE_VARIABLE} is not a JSON object: {error}. The launcher sets it; unset it."
        ) from error
    where = f"[{section}] of profile {profile.get('profile', '')}".strip()
    refuse_unknown((name for name, _ in _leaves(layer)), _setting_names(settings_class), where)
    return layer


def _environment_layer(
    settings_class: type[JobSettings], environment: Mapping[str, str | None], where: str
) -> dict[str, Any]:
    prefix = str(settings_class.model_config["env_prefix"])
    names = _setting_names(settings_class)
    known = [prefix + name.replace(".", DELIMITER).upper() for name in names]
    given = {name: value for name, value in environment.items() if name.startswith(prefix)}
    refuse_unknown(given, known, where)
    source = EnvSettingsSource(settings_class)
    source.env_vars = {name.lower(): value for name, value in given.items()}
    try:
        return source()
    except SettingsError as error:
        example = """'["a", "b"]'"""
        problem = str(error).partition(" from source ")[0]
        raise BadInput(f"{problem} ({where}). Write a list as JSON: {example}.") from error


def _command_line_layer(settings_class: type[JobSettings], argv: Sequence[str]) -> dict[str, Any]:
    try:
        source: CliSettingsSource[Any] = CliSettingsSource(
            settings_class,
            cli_parse_args=list(argv),
            cli_prog_name=f"python -m {settings_class.__module__.rpartition('.')[0]}",
        )
        return source()
    except SettingsError as error:
        raise BadInput(f"{str(error).removeprefix('error parsing CLI: ')}. See --help.") from error


def _setting_names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted names of all settings that decide a result; groups are named by their members only."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        if name in JobSettings.model_fields and issubclass(model, JobSettings):
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += _setting_names(field.annotation, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


def _leaves(layer: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in layer.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _set_leaf(tree: dict[str, Any], name: str, value: Any) -> None:
    *groups, last = name.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
    tree[last] = value


def _explain(error: ValidationError, settings_class: type[JobSettings], sources: Mapping[str, str]) -> str:
    section = section_of(settings_class)
    problems = {".".join(map(str, each["loc"])): each for each in error.errors(include_url=False)}
    lines = []
    for name, problem in problems.items():
        if problem["type"] == "missing":
            lines.append(f"{section} needs --{name.replace('_', '-')}")
        # What is wrong with a list because of an item in it is said of the item.
        elif not any(other.startswith(f"{name}.") for other in problems):
            reason = problem["msg"].removeprefix("Value error, ")
            source = _find_source(name, sources)
            lines.append(f"{section} setting {name}={problem['input']!r} ({source}): {reason}")
    return ". ".join(lines) + ". See --help for every setting and its bounds."


def _find_source(name: str, sources: Mapping[str, str]) -> str:
    """Return where a value came from: a setting's, one of a group's members', or one of a list's items'."""
    related = (
        source
        for known, source in sources.items()
        if known == name or known.startswith(f"{name}.") or name.startswith(f"{known}.")
    )
    return " and ".join(dict.fromkeys(related)) or "default"
