"""Where jobs that cost money are placed: in a public image with the code of a commit, and with a limit that will do."""

import pytest

from launcher import placement
from launcher.checkout import PublishedCode
from launcher.placement import Placement
from launcher.profiles import PROFILES_FOLDER, load_profile
from launcher.requests import build_request
from shared.errors import BadInput
from shared.manifest import Source
from shared.refs import RepoRef

CODE = PublishedCode("https://github.com/you/medmcqa.git", "c" * 40)
DIGEST = f"sha256:{'d' * 64}"
QWEN = RepoRef(repo_id="Qwen/Qwen3-0.6B", repo_type="model", commit="1" * 40)
MEDMCQA = RepoRef(repo_id="openlifescienceai/medmcqa", repo_type="dataset", commit="2" * 40)


@pytest.fixture
def place(hub, tmp_path, monkeypatch):
    """Place a phase of a profile somewhere else than on this machine; changes are of the text of `t4-small`."""
    monkeypatch.setattr(Placement, "is_local", False)
    monkeypatch.setattr(placement, "find_code", lambda phase: CODE)
    monkeypatch.setattr(placement, "find_digest_once", lambda reference: DIGEST)

    def place(phase, *changes):
        text = (PROFILES_FOLDER / "t4-small.toml").read_text()
        for before, after in changes:
            assert before in text
            text = text.replace(before, after, 1)
        path = tmp_path / "t4-small.toml"
        path.write_text(text)
        profile = load_profile(str(path))
        placed = Placement(hub, profile, Source(dataset=MEDMCQA, base_model=QWEN))
        request = build_request(profile, phase, "r", "n", force=False)
        placed.warn(request)
        return request, placed.place(request)

    return place


def test_auto_installs_the_commit_into_a_public_image_and_becomes_the_job(place):
    asked, placed = place("split")
    assert placed.target.image == f"docker.io/library/python@{DIGEST}"
    assert placed.command[:2] == ["sh", "-c"]
    assert placed.command[-len(asked.command) :] == asked.command
    assert placed.command[2].rstrip().endswith('exec "$@"')
    told = {name: placed.environment[name] for name in placed.environment.keys() - asked.environment.keys()}
    assert told == {
        "CODE_REPOSITORY": CODE.repository,
        "CODE_COMMIT": CODE.commit,
        "CODE_PROJECTS": "shared services/data-splitter",
        "PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/cpu",
    }
    assert (placed.code, placed.digest) == (CODE, asked.digest)


def test_a_gpu_gets_torch_as_it_is_for_gpus(place):
    on_cpu = '[launch.split]\nflavor = "cpu-basic"'
    _, placed = place("split", (on_cpu, on_cpu.replace("cpu-basic", "t4-small")))
    assert placed.target.flavor == "t4-small"
    assert "PIP_EXTRA_INDEX_URL" not in placed.environment


def test_a_limit_that_is_shorter_than_the_plan_is_warned_of_and_kept(place, capsys):
    _, placed = place("grpo", ('timeout = "auto"', 'timeout = "1h"'))
    assert placed.target.timeout == "1h"
    assert "warning: grpo may not end: up to " in capsys.readouterr().err


def test_auto_needs_an_estimate(place, monkeypatch):
    def fail(*_):
        raise BadInput("There is no estimate for flavor h200.")

    monkeypatch.setattr(placement, "plan_phases", fail)
    with pytest.raises(
        BadInput, match=r'sft cannot have timeout = "auto" in \[launch\]\. There is no estimate'
    ):
        place("sft")
