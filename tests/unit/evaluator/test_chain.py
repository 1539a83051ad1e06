"""The proof that base, sft and grpo are three models."""

import pytest

from evaluator.chain import Chain
from shared.errors import GuardTripped
from shared.refs import RepoRef

WEIGHTS = {name: f"sha256:{digit * 64}" for name, digit in (("base", "a"), ("sft", "b"), ("grpo", "c"))}


def make_ref(name, fingerprint=None):
    return RepoRef(repo_id=f"me/{name}", repo_type="model", commit="0" * 40, fingerprint=fingerprint)


def build_chain(**weights):
    chain = Chain()
    for name, fingerprint in weights.items():
        chain.add(name, make_ref(name), fingerprint)
    return chain


def test_three_different_models_are_a_chain():
    assert build_chain(**WEIGHTS).describe("sft") == {
        "model": f"me/sft@{'0' * 40}", "fingerprint": WEIGHTS["sft"]
    }  # fmt: skip


@pytest.mark.parametrize(("name", "earlier"), [("sft", "base"), ("grpo", "sft"), ("grpo", "base")])
def test_a_model_with_the_weights_of_an_earlier_one_breaks_it(name, earlier):
    with pytest.raises(GuardTripped) as broken:
        build_chain(**WEIGHTS | {name: WEIGHTS[earlier]})
    assert str(broken.value) == (
        f"The chain is broken at {name}: me/{name}@{'0' * 40} has the very weights of {earlier}, "
        f"me/{earlier}@{'0' * 40}. Its training changed nothing, or its result was not pushed. "
        f"Look at it: make logs PHASE={name}."
    )


def test_other_weights_than_the_run_recorded_break_it():
    with pytest.raises(
        GuardTripped, match=r"broken at sft: the run recorded sha256:cccccccccccc… for me/sft@0+, but"
    ):
        Chain().add("sft", make_ref("sft", WEIGHTS["grpo"]), WEIGHTS["sft"])


def test_the_recorded_weights_hold_it():
    chain = Chain()
    chain.add("sft", make_ref("sft", WEIGHTS["sft"]), WEIGHTS["sft"])
    assert chain.describe("sft")["fingerprint"] == WEIGHTS["sft"]
