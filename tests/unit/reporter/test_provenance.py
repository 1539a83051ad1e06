import re

import pytest

from reporter.provenance import HubPages, hub_pages
from reporter.render import render_html, render_markdown
from shared.refs import RepoRef

COMMIT = "c" * 40


def ref(repo_type, path=None):
    return RepoRef(repo_id="me/run_1", repo_type=repo_type, commit=COMMIT, path=path)


@pytest.mark.parametrize(
    ("endpoint", "address", "is_local"),
    [
        ("https://huggingface.co", "https://huggingface.co", False),
        ("https://user:secret@hub.example:8443/hf/", "https://hub.example:8443/hf", False),
        ("http://127.0.0.1:41457", "http://127.0.0.1:41457", True),
        ("http://x:hf_token@localhost:80", "http://localhost:80", True),
        ("http://[::1]:5000", "http://[::1]:5000", True),
        ("javascript:alert(1)", None, False),
        ("", None, False),
    ],
)
def test_an_address_keeps_no_password_and_is_one_that_a_browser_opens(endpoint, address, is_local):
    pages = hub_pages(endpoint)
    assert (pages.address, pages.is_local) == (address, is_local)


def test_a_reference_is_linked_at_its_commit_as_the_hub_names_its_pages():
    pages = HubPages("https://huggingface.co")
    assert pages.link(ref("model")) == f"https://huggingface.co/me/run_1/tree/{COMMIT}"
    assert pages.link(ref("dataset")) == f"https://huggingface.co/datasets/me/run_1/tree/{COMMIT}"
    folder, file = ref("dataset", "runs/a b/report"), ref("dataset", "runs/x/sft/curves.jsonl")
    assert pages.link(folder) == f"https://huggingface.co/datasets/me/run_1/tree/{COMMIT}/runs/a%20b/report"
    assert (
        pages.link(file) == f"https://huggingface.co/datasets/me/run_1/blob/{COMMIT}/runs/x/sft/curves.jsonl"
    )
    assert HubPages().link(ref("model")) is None


def test_both_pages_link_every_reference_of_the_run(make_summary):
    summary = make_summary(pages=HubPages("https://huggingface.co"))
    manifest = summary.run.manifest
    refs = [manifest.source.dataset, manifest.source.base_model]
    refs += [made for phase in manifest.phases.values() for made in phase.outputs.values()]
    expected = {summary.run.pages.link(made) for made in refs}
    page, text = render_html(summary, {}), render_markdown(summary, {})
    assert expected <= set(re.findall(r'href="([^"]+)"', page))
    assert expected <= {url.replace("\\", "") for url in re.findall(r"\]\((https[^)]+)\)", text)}
    assert "local hub" not in page[page.index('id="provenance"') :]


def test_links_to_a_local_hub_say_how_long_they_are_good(make_summary):
    summary = make_summary(pages=HubPages("http://127.0.0.1:4000"))
    assert "they answer on its machine while it runs" in render_html(summary, {})
    assert "they answer on its machine while it runs" in render_markdown(summary, {})


def test_a_run_whose_hub_is_not_known_shows_its_references_without_links(make_summary):
    page = render_html(make_summary(), {})
    assert "local/medmcqa-" in page[page.index('id="provenance"') :]
    assert "/tree/" not in page
