"""What a token may do, by what `whoami` answers: the fields of `GET /api/whoami-v2` as Hugging Face gives them."""

import pytest

from launcher.doctor_access import can_pay, judge_namespace, judge_token

USER_SCOPE = {
    "entity": {"type": "user", "name": "ada"},
    "permissions": ["repo.content.read", "repo.write", "job.write"],
}
ORG_SCOPE = {"entity": {"type": "org", "name": "clinic"}, "permissions": ["repo.write"]}


def identity(role, scoped=(), allowed_everywhere=()):
    """The answer for a user of two organisations, with a token of a role."""
    fine_grained = {"canReadGatedRepos": True, "global": list(allowed_everywhere), "scoped": list(scoped)}
    token = {"displayName": "t", "role": role, "createdAt": "2026-01-01T00:00:00.000Z"}
    return {
        "type": "user",
        "name": "ada",
        "canPay": False,
        "isPro": False,
        "orgs": [
            {"type": "org", "name": "clinic", "canPay": True, "roleInOrg": "write"},
            {"type": "org", "name": "library", "roleInOrg": "read"},
        ],
        "auth": {
            "type": "access_token",
            "accessToken": token | ({"fineGrained": fine_grained} if role == "fineGrained" else {}),
        },
    }


def test_a_token_that_may_write_will_do():
    assert judge_token(identity("write"), "clinic").level == "ok"


def test_a_token_that_may_only_read_will_not():
    finding = judge_token(identity("read"), "ada")
    assert (finding.level, finding.text) == ("problem", "HF_TOKEN of ada may only read.")
    assert "fine-grained with repo.write and job.write" in finding.fix


def test_a_fine_grained_token_is_asked_for_both_rights_in_the_namespace_itself():
    assert judge_token(identity("fineGrained", [USER_SCOPE]), "ada").level == "ok"
    finding = judge_token(identity("fineGrained", [USER_SCOPE, ORG_SCOPE]), "clinic")
    assert finding.text == "HF_TOKEN of ada is fine-grained, and may not start jobs (job.write) in clinic."
    finding = judge_token(identity("fineGrained", [USER_SCOPE]), "clinic")
    assert "may not write to repos (repo.write) and start jobs (job.write) in clinic" in finding.text
    assert judge_token(identity("fineGrained", [ORG_SCOPE], ["job.write"]), "clinic").level == "ok"


@pytest.mark.parametrize(
    ("namespace", "may_write", "level"),
    [
        ("ada", None, "ok"),
        ("clinic", None, "ok"),
        ("library", None, "problem"),
        ("strangers", None, "problem"),
        ("strangers", True, "ok"),
        ("clinic", False, "problem"),
    ],
)
def test_who_may_write_where(namespace, may_write, level):
    assert judge_namespace(identity("write"), namespace, may_write).level == level


def test_who_pays():
    assert [
        can_pay(identity("write"), namespace) for namespace in ("ada", "clinic", "library", "strangers")
    ] == [
        False,
        True,
        None,
        None,
    ]
