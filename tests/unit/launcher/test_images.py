"""Which names are images, and of what kind."""

import pytest

from launcher.images import parse_reference, space_of
from launcher.profiles import LaunchTarget
from launcher.requests import PACKAGES, build_request, service_of
from shared.errors import BadInput

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("medmcqa-sft-trainer", (None, "medmcqa-sft-trainer", "latest", None)),
        ("medmcqa-sft-trainer:v1", (None, "medmcqa-sft-trainer", "v1", None)),
        ("you/medmcqa", (None, "you/medmcqa", "latest", None)),
        ("ghcr.io/you/medmcqa-evaluator:v1.2", ("ghcr.io", "you/medmcqa-evaluator", "v1.2", None)),
        ("127.0.0.1:5000/medmcqa:x", ("127.0.0.1:5000", "medmcqa", "x", None)),
        ("localhost/medmcqa", ("localhost", "medmcqa", "latest", None)),
        ("registry:5000/medmcqa", ("registry:5000", "medmcqa", "latest", None)),
        (f"ghcr.io/you/medmcqa@{DIGEST}", ("ghcr.io", "you/medmcqa", "latest", DIGEST)),
        (f"you/medmcqa:v1@{DIGEST}", (None, "you/medmcqa", "v1", DIGEST)),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(image, parts):
    reference = parse_reference(image)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == parts


@pytest.mark.parametrize(
    "image",
    ["", "ghcr.io/You/medmcqa", "medmcqa-{servce}", "a b", "you/medmcqa:", "you/medmcqa@sha256:12", "-x"],
)
def test_what_is_no_image_is_refused_with_an_example(image):
    with pytest.raises(BadInput, match=r"names no image. Write it as in ghcr\.io/you/medmcqa-\{service\}:v1"):
        parse_reference(image)


def test_only_a_name_without_a_registry_and_an_owner_is_of_this_machine():
    only_here = [parse_reference(name).is_only_here for name in ("medmcqa", "you/medmcqa", "ghcr.io/medmcqa")]
    assert only_here == [True, False, False]


@pytest.mark.parametrize("prefix", ["hf.co/spaces/", "https://huggingface.co/spaces/"])
def test_the_image_of_a_space_is_known_by_its_address(prefix):
    assert space_of(f"{prefix}you/medmcqa") == "you/medmcqa"
    assert space_of("hf.co/you/medmcqa") is None


def test_each_phase_puts_its_service_into_the_name_of_the_image():
    target = LaunchTarget(image="ghcr.io/you/medmcqa-{service}:v1", flavor="cpu-basic", timeout="5m")
    images = [target.for_service(service_of(phase)).image for phase in PACKAGES]
    assert images[:2] == ["ghcr.io/you/medmcqa-data-splitter:v1", "ghcr.io/you/medmcqa-sft-trainer:v1"]
    assert len(set(images)) == len(PACKAGES)


def test_image_in_the_environment_replaces_that_of_every_phase(monkeypatch):
    from launcher.profiles import load_profile

    monkeypatch.setenv("IMAGE", "you/medmcqa-{service}")
    request = build_request(load_profile("t4-small"), "grpo", "r", "n", force=False)
    assert request.target.image == "you/medmcqa-grpo-trainer"
