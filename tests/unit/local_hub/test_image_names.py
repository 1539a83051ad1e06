"""Which images are fetched: those whose name says from where."""

import pytest

from local_hub.jobs.executors.pull import has_registry


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/you/medmcqa-reporter:v1",
        "localhost/reporter",
        "localhost:5000/reporter:v1",
        "docker.io/library/python@sha256:0123",
        "127.0.0.1:5000/reporter",
    ],
)
def test_a_registry_is_told_by_its_host(image):
    assert has_registry(image)


@pytest.mark.parametrize(
    "image", ["medmcqa-reporter", "medmcqa-reporter:v1.2", "you/reporter:v1", "python:3.12"]
)
def test_a_bare_name_is_not_looked_for_among_strangers(image):
    assert not has_registry(image)
