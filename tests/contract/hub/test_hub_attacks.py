"""What one user puts into the hub takes it from no other."""

import base64
import json

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError


def commit_readme(api, repo, text):
    """As the client would not: it has a README checked first."""
    lines = [
        {"key": "header", "value": {"summary": "Add"}},
        {"key": "file", "value": {"path": "README.md", "content": base64.b64encode(text.encode()).decode()}},
    ]
    answer = httpx2.post(
        f"{api.endpoint}/api/models/{repo}/commit/main",
        content="\n".join(map(json.dumps, lines)),
        headers={"Authorization": f"Bearer {api.token}"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("card", ["tags: &a [*a]", "license: .nan", "language: 2020-13-01"])
def test_a_card_that_cannot_be_shown_hides_no_other_repo(api, other_api, repo, card):
    theirs = other_api.create_repo("other/card", exist_ok=True).repo_id
    commit_readme(other_api, theirs, f"---\n{card}\n---\n")
    anyone = HfApi(api.endpoint, False)
    assert {repo, theirs} <= {model.id for model in anyone.list_models(full=True, cardData=True)}
    assert anyone.model_info(theirs).id == theirs


@pytest.mark.parametrize("name", ["exe\u202egpj", "a\u2028b", "a\u200bb", "a\x85b"])
def test_a_branch_has_no_name_that_looks_like_another(api, repo, name):
    with pytest.raises(HfHubHTTPError, match="Invalid reference name"):
        api.create_branch(repo, branch=name)
    api.create_branch(repo, branch="größe-分岐", exist_ok=True)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example:1234", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("[", 421),
        ("", 421),
        ("localhost:1234", 200),
        ("datasets-server.localhost", 200),
        ("LOCALHOST", 200),
        ("[::1]:1234", 200),
        ("192.168.0.7", 200),
    ],
)
def test_a_page_that_gives_its_own_name_this_machines_address_reads_nothing(hub_server, repo, host, status):
    answer = httpx2.get(f"{hub_server.url}/api/models/{repo}", headers={"Host": host})
    assert answer.status_code == status
    assert (repo in answer.text) == (status == 200)
    if status == 421:
        assert answer.json()["error"] == f"This hub is not called '{host}'. Use {hub_server.url} instead."
