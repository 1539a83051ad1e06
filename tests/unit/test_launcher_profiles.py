"""Profiles: every one in the repository is valid, and mistakes in one are named."""

import re

import pytest

from launcher.profiles import PROFILES_FOLDER, LaunchTarget, load_profile
from launcher.requests import build_request, check_all_settings, check_settings
from shared.errors import BadInput

PROFILES = sorted(path.stem for path in PROFILES_FOLDER.glob("*.toml"))
MINIMAL = """
[run]
source_dataset = "a/b"
base_model = "c/d"
[launch]
image = "i"
flavor = "cpu-basic"
timeout = "10m"
[launch.sft]
flavor = "t4-small"
"""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", PROFILES)
def test_the_services_accept_every_profile(name):
    check_all_settings(load_profile(name), "r", "n")


def test_there_are_the_four_profiles():
    assert {"demo", "smoke", "laptop", "t4-small"} <= set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_pins_what_is_fetched_from_others(name):
    """The starter's repos are made from this checkout, which pins them."""
    run = load_profile(name).run
    for reference in (run.source_dataset, run.base_model):
        assert reference.startswith("starter/") or re.fullmatch(r"[^@]+@[0-9a-f]{40}", reference)


def write(tmp_path, content):
    path = tmp_path / "mine.toml"
    path.write_text(content)
    return str(path)


def test_a_phase_may_run_elsewhere_than_the_others(tmp_path):
    launch = load_profile(write(tmp_path, MINIMAL)).launch
    assert (launch["sft"].flavor, launch["grpo"].flavor) == ("t4-small", "cpu-basic")
    assert launch["sft"].image == "i"


def test_a_profile_says_how_often_and_how_long_a_phase_may_run(tmp_path):
    content = MINIMAL.replace('timeout = "10m"', 'timeout = "1.5h"\nmax_attempts = 5')
    launch = load_profile(write(tmp_path, content + "max_attempts = 1\n")).launch
    assert (launch["sft"].max_attempts, launch["grpo"].max_attempts) == (1, 5)
    assert launch["sft"].timeout_minutes == 90
    assert load_profile(write(tmp_path, MINIMAL)).launch["sft"].max_attempts == 3


@pytest.mark.parametrize(("timeout", "minutes"), [("90s", 1.5), ("30m", 30), ("2h", 120), ("1d", 1440)])
def test_a_timeout_in_minutes(timeout, minutes):
    assert LaunchTarget(image="i", flavor="f", timeout=timeout).timeout_minutes == minutes


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(
        BadInput, match=r"no profile dmeo\. Known profiles: .*demo, .*PROFILE=<folder>/dmeo\.toml$"
    ):
        load_profile("dmeo")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (MINIMAL + "[stf]\nr = 1\n", "no setting stf .*Did you mean sft"),
        (MINIMAL + "[launch.stf]\nflavor = 'x'\n", r"no setting stf \(in \[launch\]"),
        (MINIMAL.replace("10m", "soon"), "timeout"),
        (MINIMAL + "max_attempts = 0\n", "max_attempts: Input should be greater"),
        (MINIMAL.replace("base_model", "model"), "no setting model .*Did you mean base_model"),
        (MINIMAL.replace("c/d", "gpt2"), "base_model: .*'gpt2' is no repo; write namespace/name"),
        (MINIMAL.replace("c/d", "c/d@"), "base_model: .*'c/d@' is no repo"),
        ("[run\n", "not valid TOML"),
    ],
)
def test_a_mistake_in_a_profile_is_named(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        load_profile(write(tmp_path, content))


def test_a_wrong_setting_in_a_profile_is_refused_by_its_service(tmp_path):
    profile = load_profile(write(tmp_path, MINIMAL + "[sft]\nlearning_rat = 0.1\n"))
    with pytest.raises(BadInput, match="Did you mean learning_rate"):
        check_settings(build_request(profile, "sft", "r", "n", force=False))


def test_a_misspelled_variable_under_a_services_prefix_is_refused(monkeypatch):
    monkeypatch.setenv("EVAL_BATCHSIZE", "4")
    with pytest.raises(BadInput, match=r"EVAL_BATCHSIZE .*Did you mean EVAL_BATCH_SIZE"):
        check_settings(build_request(load_profile("demo"), "eval", "r", "n", force=False))


def test_what_decides_the_result_changes_the_request(monkeypatch):
    profile = load_profile("demo")
    before = build_request(profile, "sft", "r", "n", force=False)
    assert build_request(profile, "sft", "other", "n", force=True).digest == before.digest
    monkeypatch.setenv("SFT_LEARNING_RATE", "0.5")
    changed = build_request(profile, "sft", "r", "n", force=False)
    assert changed.digest != before.digest
    assert changed.environment["SFT_LEARNING_RATE"] == "0.5"


def test_a_request_carries_only_the_variables_of_its_phase(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("GRPO_BETA", "0.5")
    request = build_request(load_profile("demo"), "sft", "r", "n", force=False)
    assert set(request.environment) == {"PROFILE_JSON"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (MINIMAL.replace('base_model = "c/d"', ""), "[run] base_model: Field required. Fix it there."),
        (MINIMAL.replace('"10m"', '"10m"\nflavour = "x"'), "There is no setting flavour (in [launch] of profile mine)"),
        ("eval = 3\n" + MINIMAL, "eval of profile mine must be a section: [eval], its settings below."),
        ("run = 3\n", "run of profile mine must be a section: [run], its settings below."),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_section_as_it_stands_in_the_file(tmp_path, content, complaint):
    with pytest.raises(BadInput, match=re.escape(complaint)):
        load_profile(write(tmp_path, content))


def test_a_profile_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="cannot be read"):
        load_profile(str(path))
