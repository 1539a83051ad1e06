"""What a first launch needs, asked by the unmodified client: of a local hub, of a Hub that refuses, and of none."""

from dataclasses import replace

import pytest
from relay import HARDWARE, at_price

from launcher.current import Wanted
from launcher.doctor import CHECKS, run_checks
from launcher.doctor_access import Finding
from launcher.doctor_checks import (
    Site,
    check_endpoint,
    check_jobs,
    check_namespace,
    check_python,
    check_token,
)
from launcher.doctor_run import check_cost, check_hardware, check_images
from launcher.doctor_sources import check_dataset, check_model
from launcher.profiles import load_profile
from shared.errors import BadInput, ExitCode
from shared.hub import Hub
from shared.retry import Patience

WHOAMI = "GET /api/whoami-v2"
LICENSED = b"---\nlicense: apache-2.0\n---\n"


@pytest.fixture(scope="session")
def licensed(toys, toy_profile) -> str:
    """A profile whose model and dataset are there, with their licences, and whose model is known by its name."""
    hub = toys.hub
    hub.push_files(
        "starter/qwen3-mini", "model", {"README.md": LICENSED, "tokenizer_config.json": b"{}"}, "Add"
    )
    hub.push_files("local/questions", "dataset", {"README.md": LICENSED}, "Add a card")
    return toy_profile


@pytest.fixture
def examine(prices, toys, licensed, monkeypatch):
    """A site behind the relay, of the hub's own user; keywords are the site's."""
    monkeypatch.setenv("HF_TOKEN", toys.hub.api.token)
    hub = Hub(prices[0], toys.hub.api.token, Patience(tries=1, first_tries=1))

    def site(base_model="starter/qwen3-mini", **different):
        return Site(hub, load_profile(licensed), Wanted(base_model=base_model), **different)

    return site


def test_nothing_stops_a_launch_on_a_local_hub(licensed, toy_launch):
    launch = replace(toy_launch, namespace="local")
    result = launch("doctor", "--profile", licensed, "--base-model", "starter/qwen3-mini")
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    *lines, empty, conclusion = result.stdout.splitlines()
    found = {name: level for level, name, *_ in map(str.split, lines)}
    # The services' defaults, which the profile leaves as they are, do not end within its five minutes.
    assert found == dict.fromkeys(CHECKS, "ok") | {"hardware": "note"}
    assert (empty, conclusion) == ("", "Nothing stops a launch: make all, with the same variables.")


def test_without_a_hub_it_says_so_at_once_and_checks_the_rest(toy_launch):
    result = toy_launch("doctor", "--profile", "t4-small", HF_ENDPOINT="http://127.0.0.1:9")
    assert (result.returncode, result.stderr) == (ExitCode.BAD_INPUT, "")
    lines = result.stdout.splitlines()
    assert lines[1].startswith("ok      settings  profile t4-small")
    assert lines[3] == (
        "problem endpoint  http://127.0.0.1:9 does not answer ([Errno 111] Connection refused). → make hub"
    )
    assert [line.split(maxsplit=2) for line in lines[4:-2]] == [
        ["skipped", name, "Not checked: the Hub does not answer."] for name in list(CHECKS)[4:]
    ]
    assert lines[-1] == "Not ready to launch: 1 problem."


def test_a_token_that_is_missing_invalid_or_may_only_read(examine, prices, monkeypatch):
    site = examine()
    assert check_token(site).level == "ok"
    may_read = {"name": "ada", "orgs": [], "auth": {"accessToken": {"role": "read"}}}
    prices[1].answers[WHOAMI] = (200, may_read)
    assert check_token(examine()).text == "HF_TOKEN of ada may only read."
    prices[1].answers[WHOAMI] = (401, {"error": "Invalid username or password."})
    site = examine()
    assert check_token(site).text == "HF_TOKEN is not valid (any more)."
    assert "reads" not in site.met
    monkeypatch.delenv("HF_TOKEN")
    assert check_token(site).text == "HF_TOKEN is not set."


def test_what_cannot_be_checked_is_not_checked(examine, prices):
    prices[1].answers[WHOAMI] = (401, {"error": "Invalid username or password."})
    network = {name: check for name, check in CHECKS.items() if name not in ("python", "settings", "disk")}
    found = {name: finding.level for name, finding in run_checks(examine(), network)}
    assert found == {"endpoint": "ok", "token": "problem"} | dict.fromkeys(list(network)[2:], "skipped")


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (402, "Jobs need a positive credit balance"),
        (403, "Give HF_TOKEN job.write"),
        (404, "This Hub has no Jobs API"),
    ],
)
def test_a_jobs_api_that_refuses(examine, prices, status, fix):
    # The 402's sentence is the real service's, as its users quote it.
    prices[1].answers["GET /api/jobs/local"] = (status, {"error": "Pre-paid credit balance is insufficient"})
    finding = check_jobs(examine())
    assert (finding.level, finding.fix[: len(fix)]) == ("problem", fix)
    assert "Pre-paid credit balance is insufficient" in finding.text


def test_a_launch_that_is_refused_for_lack_of_credit_says_where_to_get_some(prices, priced, sft):
    _, command = sft([{}])
    refusal = (402, {"error": "Pre-paid credit balance is insufficient"})
    prices[1].answers[f"POST /api/jobs/{priced.namespace}"] = refusal
    result = priced(*command)
    assert result.returncode == ExitCode.BAD_INPUT
    assert result.stderr.splitlines()[-1].startswith(
        "error: No credit for it while launching sft: Pre-paid credit balance is insufficient. Add some at https://"
    )


def test_a_clock_that_is_wrong(examine, prices):
    assert check_endpoint(examine()).level == "ok"
    prices[1].answers[WHOAMI] = (200, {}, {"date": "Sun, 01 Nov 2020 10:00:00 GMT"})
    finding = check_endpoint(examine())
    assert (finding.level, finding.fix) == ("note", "Set the clock")


def test_a_gated_model(examine, prices, monkeypatch):
    gated = (403, {"error": "Access to model is restricted."}, {"x-error-code": "GatedRepo"})
    prices[1].answers["GET /api/models/starter/qwen3-mini/auth-check"] = gated
    assert check_model(examine()) == Finding("problem", "Access to model is restricted.")
    monkeypatch.setattr(Site, "is_local", False)
    finding = check_model(examine())
    assert finding.text == "starter/qwen3-mini is gated, and HF_TOKEN may not read it."
    assert finding.fix == f"Ask for access as its user: {prices[0]}/starter/qwen3-mini"


def test_licences_are_named_and_so_is_their_absence(examine):
    assert check_dataset(examine()).text == "local/questions, licence apache-2.0"
    finding = check_model(examine("local/chatty"))
    assert (finding.level, finding.text) == ("note", "local/chatty: its card names no licence.")


def test_a_model_that_a_local_hub_lacks_may_be_had_from_its_upstream(examine):
    finding = check_model(examine("local/nothing"))
    assert (finding.level, finding.text) == ("problem", "The local hub has no model local/nothing.")
    assert "UPSTREAM=https://huggingface.co" in finding.fix


def test_a_commit_that_main_has_moved_on_from_is_told(examine, toys):
    push = [
        toys.hub.push_files("local/pinned", "model", {"README.md": LICENSED + text}, "Change it")
        for text in (b"1", b"2")
    ]
    old, new = (ref.commit for ref in push)
    assert check_model(examine(f"local/pinned@{new}")).level == "ok"
    assert check_model(examine(f"local/pinned@{old}")) == Finding(
        "note",
        f"local/pinned, licence apache-2.0; main has moved on from {old[:12]} to {new[:12]}.",
        f"Stay with it, or try BASE_MODEL=local/pinned@{new}",
    )
    with pytest.raises(BadInput, match="No such revision while looking up the model local/pinned@none"):
        check_model(examine("local/pinned@none"))


def test_a_hub_that_was_filled_with_one_commit_need_not_know_main(examine, toys, prices):
    pinned = toys.hub.push_files("local/carried", "model", {"README.md": LICENSED}, "Add a card")
    unknown = (404, {"error": "Invalid rev id: main"}, {"x-error-code": "RevisionNotFound"})
    prices[1].answers["GET /api/models/local/carried"] = unknown
    assert check_model(examine(str(pinned))) == Finding(
        "ok", "local/carried, licence apache-2.0; what main is by now cannot be seen from here"
    )


def test_hardware_that_is_not_offered(examine, prices):
    prices[1].answers[HARDWARE] = lambda flavors: [item for item in flavors if item["name"] != "cpu-basic"]
    with pytest.raises(BadInput, match="There is no flavor cpu-basic"):
        check_hardware(examine())


def test_the_price_is_held_against_the_budget(examine, prices):
    site = examine(budget_usd=1.0)
    assert check_cost(site).text == "BUDGET_USD is 1; split may cost 2.50, its timeout."
    prices[1].answers[HARDWARE] = at_price(0.19)
    assert check_cost(site).text.endswith("; BUDGET_USD=1 may be too little to launch sft.")
    prices[1].answers[HARDWARE] = at_price(0.001)
    assert check_cost(site).text.startswith("$")
    prices[1].answers[HARDWARE] = at_price(0.0)
    assert check_cost(site).text == "nothing"


def test_python_namespace_and_image_of_a_local_hub(examine):
    assert check_python(examine()).level == "ok"
    assert check_namespace(examine()).level == "ok"
    assert check_namespace(examine(namespace_wanted="strangers")).level == "note"
    assert check_images(examine()).text == "i"


@pytest.mark.parametrize(
    ("image", "fix"), [("medmcqa-reporter", "make images"), ("mine", "Build it, or: docker pull mine")]
)
def test_an_image_that_jobs_in_containers_would_not_find_is_a_problem(examine, prices, image, fix):
    prices[1].answers["GET /api/local-hub/executor"] = lambda answer: answer | {"missing": [image]}
    assert check_images(examine()) == Finding("problem", f"Not on this machine: {image}.", fix)
    prices[1].answers["GET /api/local-hub/executor"] = (501, {"error": "Not implemented"})
    assert check_images(examine()).level == "ok", "a hub that cannot tell"
