"""The file that names a hub's users and organizations: `local-hub serve --users users.toml`."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_hub.errors import ApiError, HubError
from local_hub.repos.names import check_repo_name

OWNER_NAME = "local"
_USER_FIELDS = {"name", "fullname", "token", "organizations"}
_ORGANIZATION_FIELDS = {"name", "fullname", "private_by_default"}


@dataclass(frozen=True)
class ListedUser:
    """A user as the file has it."""

    name: str
    fullname: str
    token: str
    organizations: frozenset[str]


@dataclass(frozen=True)
class ListedOrganization:
    """An organization as the file has it; `private_by_default` holds for repos created without a visibility."""

    name: str
    fullname: str
    private_by_default: bool


@dataclass(frozen=True)
class UsersFile:
    """Everyone whom the file names."""

    users: tuple[ListedUser, ...]
    organizations: tuple[ListedOrganization, ...]


def read_users(path: Path) -> UsersFile:
    """Reads the file; raises `HubError` that says what is wrong with it, without any token."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise HubError(f"Cannot read the users in {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HubError(f"{path} is not valid TOML: {error}") from error
    try:
        return _parse(content)
    except _Mistake as mistake:
        raise HubError(f"{path}: {mistake}. The hub's README shows the format.") from mistake


class _Mistake(ValueError):
    """What is wrong, without the file's name."""


def _parse(content: Mapping[str, Any]) -> UsersFile:
    _refuse_unknown("the file", content, {"users", "organizations"})
    organizations = tuple(
        _organization(place, item) for place, item in _tables(content, "organizations", _ORGANIZATION_FIELDS)
    )
    known = {organization.name for organization in organizations}
    users = tuple(_user(place, item, known) for place, item in _tables(content, "users", _USER_FIELDS))
    _refuse_repeated("name", [OWNER_NAME, *known, *(user.name for user in users)])
    if len({user.token for user in users}) < len(users):
        raise _Mistake("two users have the same token")
    return UsersFile(users, organizations)


def _tables(
    content: Mapping[str, Any], key: str, fields: set[str]
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    items = content.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _Mistake(f"write each of the {key} as a [[{key}]] table")
    for number, item in enumerate(items, 1):
        place = f"[[{key}]] number {number}"
        _refuse_unknown(place, item, fields)
        yield place, item


def _user(place: str, item: Mapping[str, Any], known: set[str]) -> ListedUser:
    name, token = _name(place, item), _text(place, item, "token")
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise _Mistake(f"the token of {name} must be printable ASCII without spaces")
    organizations = item.get("organizations", [])
    if not isinstance(organizations, list) or not all(isinstance(each, str) for each in organizations):
        raise _Mistake(f"the organizations of {name} must be a list of names")
    for organization in organizations:
        if organization not in known:
            raise _Mistake(f"{name} belongs to {organization}, which has no [[organizations]] table")
    return ListedUser(name, _text(place, item, "fullname", name), token, frozenset(organizations))


def _organization(place: str, item: Mapping[str, Any]) -> ListedOrganization:
    name = _name(place, item)
    private_by_default = item.get("private_by_default", False)
    if not isinstance(private_by_default, bool):
        raise _Mistake(f"private_by_default of {name} must be true or false")
    return ListedOrganization(name, _text(place, item, "fullname", name), private_by_default)


def _name(place: str, item: Mapping[str, Any]) -> str:
    name = _text(place, item, "name")
    try:
        check_repo_name(name)
    except ApiError as error:
        raise _Mistake(f"{place} cannot be called {name!r}; use letters, digits, '-', '_' and '.'") from error
    return name


def _text(place: str, item: Mapping[str, Any], field: str, default: str | None = None) -> str:
    value = item.get(field, default)
    if not isinstance(value, str):
        raise _Mistake(f'{place} needs {field} = "…"')
    return value


def _refuse_unknown(place: str, table: Mapping[str, Any], fields: set[str]) -> None:
    for key in table:
        if key not in fields:
            raise _Mistake(f"{place} has {key}, which is not one of {', '.join(sorted(fields))}")


def _refuse_repeated(what: str, values: Iterable[str]) -> None:
    for value, count in Counter(value.lower() for value in values).items():
        if count > 1:
            raise _Mistake(f"the {what} {value} is there twice (upper and lower case are the same)")
