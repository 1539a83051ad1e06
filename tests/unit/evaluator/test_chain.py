"""The proof that base, sft and grpo are three models."""

from dataclasses import replace

import pytest

from evaluator.asking import require_same_prompts
from evaluator.chain import Chain
from shared.errors import GuardTripped
from shared.refs import RepoRef

WEIGHTS = {name: f"sha256:{digit * 64}" for name, digit in (("base", "a"), ("sft", "b"), ("grpo", "c"))}


def make_ref(name):
    return RepoRef(repo_id=f"me/{name}", repo_type="model", commit="0" * 40)


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


@pytest.mark.parametrize(("name", "parent"), [("sft", "base"), ("grpo", "sft")])
def test_a_training_that_began_with_other_weights_than_its_parents_breaks_it(name, parent):
    chain = Chain()
    for earlier in list(WEIGHTS)[: list(WEIGHTS).index(name)]:
        chain.add(earlier, make_ref(earlier), WEIGHTS[earlier])
    with pytest.raises(GuardTripped) as broken:
        chain.add(name, make_ref(name), WEIGHTS[name], trained_from=f"sha256:{'d' * 64}")
    assert str(broken.value) == (
        f"The chain is broken at {name}: the training of me/{name}@{'0' * 40} began with the weights "
        f"sha256:dddddddddddd…, but {parent}, me/{parent}@{'0' * 40}, has {WEIGHTS[parent][:19]}…. "
        f"Train it again: make {name} FORCE=1."
    )


def test_a_training_that_began_with_its_parents_weights_holds_it():
    chain = build_chain(base=WEIGHTS["base"])
    chain.add("sft", make_ref("sft"), WEIGHTS["sft"], trained_from=WEIGHTS["base"])
    chain.add("grpo", make_ref("grpo"), WEIGHTS["grpo"], trained_from=WEIGHTS["sft"])
    assert chain.describe("grpo")["fingerprint"] == WEIGHTS["grpo"]


def test_a_model_that_reads_other_tokens_than_base_is_not_compared_with_it(grade_text):
    base = {"default": [grade_text("a")], "rotated": [grade_text("b")]}
    require_same_prompts("sft", {"default": [grade_text("c")], "rotated": [grade_text("d")]}, base)
    other = {"default": base["default"], "rotated": [replace(grade_text("b"), prompt_hash="sha256:5f")]}
    with pytest.raises(
        GuardTripped, match=r"^grpo was asked q1 in other tokens than base: .*make grpo FORCE=1\.$"
    ):
        require_same_prompts("grpo", other, base)
