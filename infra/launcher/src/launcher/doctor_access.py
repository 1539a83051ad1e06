"""Whether a token may do what a run does, read from what `whoami` answers.

Its shape is that of `GET /api/whoami-v2`: `auth.accessToken.role` is read, write or fineGrained, and a fine-grained
token lists permissions (`repo.write`, `job.write`) by entity, and `orgs` the user's role in each organisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

TOKENS_PAGE = "https://huggingface.co/settings/tokens"
BILLING_PAGE = "https://huggingface.co/settings/billing"
NEEDED = {"repo.write": "write to repos", "job.write": "start jobs"}
WRITING_ROLES = ("admin", "write", "contributor")

Level = Literal["ok", "note", "problem", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What one check found: all well, worth knowing, or something that stops a launch, and how that is put right."""

    level: Level
    text: str
    fix: str = ""


def judge_token(identity: Mapping[str, Any], namespace: str) -> Finding:
    """Say whether the token may write repos and start jobs in a namespace."""
    name = identity["name"]
    token = identity.get("auth", {}).get("accessToken", {})
    role = token.get("role")
    if role == "read":
        return Finding(
            "problem",
            f"HF_TOKEN of {name} may only read.",
            f"Make one with the role write, or fine-grained with {' and '.join(NEEDED)}: {TOKENS_PAGE}",
        )
    if role != "fineGrained":
        return Finding("ok", f"{name}, role {role or 'not told'}")
    missing = NEEDED.keys() - _permissions(token.get("fineGrained", {}), namespace)
    if missing:
        lacks = " and ".join(f"{NEEDED[each]} ({each})" for each in NEEDED if each in missing)
        return Finding(
            "problem",
            f"HF_TOKEN of {name} is fine-grained, and may not {lacks} in {namespace}.",
            f"Give it that: {TOKENS_PAGE}",
        )
    return Finding("ok", f"{name}, fine-grained, may write repos and start jobs in {namespace}")


def judge_namespace(identity: Mapping[str, Any], namespace: str, may_write: bool | None) -> Finding:
    """Say whether the user may write to a namespace; `may_write` is what the runs repo says, None without one."""
    roles = {org["name"]: org.get("roleInOrg") for org in identity.get("orgs", [])}
    if may_write or namespace == identity["name"]:
        return Finding("ok", f"{namespace}")
    if namespace not in roles:
        return Finding(
            "problem",
            f"{namespace} is neither {identity['name']} nor an organisation that {identity['name']} is a member of.",
            "Leave NAMESPACE out, or ask to become a member who may write.",
        )
    if roles[namespace] not in (None, *WRITING_ROLES) or may_write is False:
        return Finding(
            "problem",
            f"{identity['name']} may only read in the organisation {namespace} (role {roles[namespace]}).",
            "Ask one of its admins for the role write, or leave NAMESPACE out.",
        )
    return Finding("ok", f"{namespace}, an organisation, role {roles[namespace] or 'not told'}")


def can_pay(identity: Mapping[str, Any], namespace: str) -> bool | None:
    """Return whether there is a means of payment for a namespace, None where that is not told."""
    orgs = {org["name"]: org for org in identity.get("orgs", [])}
    paying = identity if namespace == identity["name"] else orgs.get(namespace, {})
    return paying.get("canPay")


def _permissions(fine_grained: Mapping[str, Any], namespace: str) -> set[str]:
    scoped = (
        scope.get("permissions", [])
        for scope in fine_grained.get("scoped", [])
        if scope.get("entity", {}).get("name") == namespace
    )
    return {
        permission for permissions in (*scoped, fine_grained.get("global", [])) for permission in permissions
    }
