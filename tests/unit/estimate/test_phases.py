"""Minutes and dollars: how they follow from a device, and that known flavors are the published ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import BadInput
from shared.estimate.devices import FLAVORS, find_device, this_machine
from shared.estimate.flops import Batch
from shared.estimate.known import KNOWN_MODELS
from shared.estimate.lengths import MEDMCQA
from shared.estimate.phases import Computation, estimate_phase, merging_bytes
from shared.estimate.timing import generation_seconds, training_seconds
from shared.estimate.work import eval_work
from shared.training import LoraSettings

DOCUMENT = Path(__file__).parents[3] / "docs" / "estimates.md"
QWEN = KNOWN_MODELS["Qwen/Qwen3-0.6B"]
LORA = LoraSettings()
T4 = find_device("t4-small")
# Everything but the products takes no time, and they are done at a billion a second.
PRODUCTS_ALONE = replace(
    this_machine(), flops={"fp32": 1e9}, bandwidth=float("inf"), layer_seconds=0.0, job_seconds=0.0
)


def test_a_flavor_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(
        BadInput, match=r"no estimate for flavor t5-small\. It is there for: cpu-basic, .*t4-small"
    ):
        find_device("t5-small")


@pytest.mark.parametrize(("flavor", "price"), [("t4-small", 0.4), ("a10g-small", 1.0), ("a100-large", 2.5)])
def test_a_phase_costs_its_minutes_at_the_flavors_price(flavor, price):
    work = eval_work({"batch_size": 32, "max_new_tokens": 128}, MEDMCQA, rows=200, models=3, at_most=False)
    device = find_device(flavor)
    estimate = estimate_phase(work, Computation(device, QWEN, device.native))
    assert estimate.dollars == pytest.approx(estimate.seconds / 3600 * price)
    assert estimate.seconds == pytest.approx(estimate.generation_seconds + device.job_seconds)


def test_on_products_alone_time_is_their_number():
    batch = Batch(rows=2, length=100, scored=80)
    seconds = training_seconds(PRODUCTS_ALONE, QWEN, LORA, batch, "fp32", checkpointing=False)
    # 440M weights in the layers, forward and for the gradients of inputs, the output layer three times, a bit for the
    # adapter and the attention.
    layers, head = 440_401_920, 151_936 * 1024
    least = (2 * 2 * layers * 200 + 3 * 2 * head * 80) / 1e9
    assert least < seconds < least * 1.05


def test_recomputing_takes_longer():
    batch = Batch(rows=4, length=260, scored=232)
    kept, recomputed = (training_seconds(T4, QWEN, LORA, batch, "fp16", again) for again in (False, True))
    assert 1.2 * kept < recomputed < 1.5 * kept


def test_a_small_batch_on_a_gpu_takes_as_long_as_its_launches():
    tiny = Batch(rows=1, length=8, scored=4)
    seconds = training_seconds(find_device("h200"), QWEN, LORA, tiny, "bf16", checkpointing=False)
    assert seconds == pytest.approx(3 * 28 * 1e-3)


def test_generating_takes_a_step_for_every_token_of_the_longest_answer():
    one, many = (generation_seconds(T4, QWEN, None, 1, 160, new, "fp16") for new in (1, 101))
    assert many - one == pytest.approx(100 * 28 * 1e-3)


def test_every_flavor_computes_in_the_format_that_auto_chooses_there():
    assert {name: device.native for name, device in FLAVORS.items() if device.native != "bf16"} == {
        "cpu-basic": "fp32",
        "cpu-upgrade": "fp32",
        "t4-small": "fp16",
        "t4-medium": "fp16",
    }
    assert all(device.native in device.flops for device in FLAVORS.values())
    assert "bf16" not in T4.flops


def test_merging_takes_the_whole_model_in_full_precision():
    assert merging_bytes(QWEN) == 4 * 596_049_920


def test_the_document_names_the_flavors_that_are_known_at_their_prices():
    table = DOCUMENT.read_text("utf-8").split("## Devices")[1].split("##")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    documented = {
        name: price
        for row in cells
        for name, price in zip(row[0].split(", "), row[-1].split(", "), strict=True)
    }
    assert documented == {name: f"{device.dollars_per_hour:.2f}" for name, device in FLAVORS.items()}
