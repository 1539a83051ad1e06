"""What one user puts into the hub takes it from no other."""

import base64
import json

import httpx2
import pytest
from huggingface_hub import HfApi


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
