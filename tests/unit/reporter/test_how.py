"""How it works, in a run's own numbers: checked against the trainer's arithmetic where there is one."""

import dataclasses
import json
import math
import re
import statistics
from xml.etree import ElementTree

import pytest
import torch

from grpo_trainer.rollouts import group_advantages, weighted_totals
from reporter.how import explain
from reporter.how.formula import Fraction, Indexed, Root, Sum, formula, row
from reporter.how.groups import first_group_with_a_spread
from reporter.inputs import Rollout
from reporter.render import render_html, render_markdown

SHAPES = {"q_proj": [128, 128, 4], "k_proj": [64, 128, 4], "v_proj": [64, 128, 4], "o_proj": [128, 128, 4]}
TRAINED = 57_344
GRPO = {
    "prompts_per_step": 2, "num_generations": 4, "scale_rewards": "group", "clip_epsilon": 0.2, "beta": 0.0,
    "rewards": ["json", "accuracy"], "reward_weights": [0.5, 1.0], "temperature": 0.6, "learning_rate": 2e-3,
    "lora": {"rank": 16, "alpha": 32},
}  # fmt: skip
JSON = [[1, 1, 1, 1], [1, 0, 1, 1]]
ACCURACY = [[0, 0, 0, 0], [1, 0, 0, 1]]
WEIGHTS = [0.5, 1.0]


def make_rollouts(scale="group", kept=2):
    """Two groups of four as the trainer judges and writes them: the first without a spread."""
    flat = {
        "json": [float(v) for group in JSON for v in group],
        "accuracy": [float(v) for group in ACCURACY for v in group],
    }
    totals = weighted_totals(flat, WEIGHTS)
    advantages = group_advantages(totals, 4, scale)
    return [
        Rollout(
            step=1, row_id=f"q000{index // 4}", completion=json.dumps({"predicted_category": "ABCD"[index % 4]}),
            rewards={name: values[index] for name, values in flat.items()},
            reward=totals[index].item(), advantage=advantages[index].item(),
        )
        for index in range(4 * kept)
    ]  # fmt: skip


@pytest.fixture
def make_explained(make_run):
    """A run that has recorded all that is explained; a keyword changes GRPO's settings."""

    def make(rollouts=None, grpo_metrics=None, **changes):
        run = make_run(rollouts=make_rollouts() if rollouts is None else rollouts)
        phases = run.manifest.phases
        for name in ("sft", "grpo"):
            phases[name].metrics |= {
                "adapted_shapes": SHAPES, "trainable_parameters": TRAINED, "total_parameters": 1_315_328,
            }  # fmt: skip
        phases["sft"].config["lora"] = GRPO["lora"]
        phases["sft"].metrics |= {"answer_tokens": 31_350, "rows": 950}
        phases["grpo"].config = GRPO | changes
        phases["grpo"].metrics |= grpo_metrics or {}
        return run

    return make


def part(run, key):
    return next(explanation for explanation in explain(run) if explanation.key == key)


def texts(explanation):
    return " ".join(block.text for block in explanation.blocks if block.kind == "text")


def formulas(explanation):
    return [
        formula.text for block in explanation.blocks if block.kind == "equation" for formula in block.formulas
    ]


def tables(explanation):
    return [block for block in explanation.blocks if block.kind == "table"]


def test_a_formula_is_the_same_in_mathml_and_in_text():
    mean = formula("μ =", Fraction("1", "G"), Sum("i"), Indexed("R", "i"))
    assert mean.text == "μ = 1/G Σᵢ Rᵢ"
    root = ElementTree.fromstring(mean.mathml)
    assert root.tag == "math"
    assert root.attrib == {"display": "block", "alttext": mean.text}
    assert "".join(root.itertext()) == "μ=1G∑iRi"
    wide = formula(
        Root(Fraction(row("a", "+ b"), "c")), Indexed(row("( x )"), exponent="2"), Indexed("p", "<t")
    )
    assert wide.text == "√((a + b)/c) ( x )² p_(<t)"


def test_what_is_in_a_formula_cannot_break_out_of_it():
    nasty = formula('</math><script> "x"')
    assert "<script>" not in nasty.mathml
    assert ElementTree.fromstring(nasty.mathml).attrib["alttext"] == '</math><script> "x"'


def test_the_loss_is_told_by_its_ends_and_by_the_tokens_that_it_is_a_mean_over(make_explained):
    run = make_explained()
    explanation = part(run, "sft-loss")
    assert "950 answers have 31,350 tokens, 33.0 each; with 4 answers a step, N is about 132" in texts(
        explanation
    )
    (losses,) = tables(explanation)
    first, last = run.sft_curve[0]["loss"], run.sft_curve[-1]["loss"]
    assert losses.rows[0][1:3] == (f"{first:.4g}", f"{math.exp(first):.4g}")
    assert losses.rows[2][0] == "last logged, step 150"
    assert losses.rows[2][3] == f"{math.exp(-last):.1%}"
    assert losses.rows[3][1] == f"{statistics.fmean(row['loss'] for row in run.sft_curve[-10:]):.4g}"


def test_the_trained_parameters_are_those_of_the_shapes(make_explained):
    explanation = part(make_explained(), "lora")
    (shapes,) = tables(explanation)
    assert shapes.rows[1] == ("k_proj", "64 × 128", "64 × 16", "16 × 128", "4", "12,288")
    update, count = formulas(explanation)
    assert update == "W = W₀ + α/r B A = W₀ + 32/16 B A = W₀ + 2 B A"
    assert count.endswith("= 16,384 + 12,288 + 12,288 + 16,384 = 57,344")
    assert texts(explanation).endswith("The training counted 57,344 trained parameters of 1,315,328, 4.36%.")
    assert "SFT and GRPO each train an adapter of this size" in texts(explanation)


def test_shapes_that_do_not_account_for_what_was_trained_are_said_not_to(make_explained):
    run = make_explained()
    run.manifest.phases["grpo"].metrics["trainable_parameters"] = 60_000
    assert "The shapes above account for 57,344" in texts(part(run, "lora"))


def test_a_run_that_recorded_no_shapes_is_told_without_them(make_explained):
    run = make_explained()
    for name in ("sft", "grpo"):
        del run.manifest.phases[name].metrics["adapted_shapes"]
    explanation = part(run, "lora")
    assert tables(explanation) == []
    assert "was not recorded by the version that made this run" in texts(explanation)


def test_rewards_are_shown_with_their_weights_on_one_completion_of_each_outcome(make_explained):
    rules, examples = tables(part(make_explained(), "rewards"))
    assert rules.rows[0] == ("json", "0.5", "1 where the completion is one strict JSON value.")
    assert examples.head == ("Completion", "step", "json", "accuracy", "R")
    assert [row[2:] for row in examples.rows] == [("1", "1", "1.5"), ("1", "0", "0.5"), ("0", "0", "0")]


def test_the_advantage_is_worked_through_on_the_first_group_with_a_spread(make_explained):
    explanation = part(make_explained(), "advantage")
    mean, deviation, scaled = formulas(explanation)
    assert mean == "μ = 1/G Σᵢ Rᵢ = (1.5 + 0 + 0.5 + 1.5)/4 = 0.8750"
    assert deviation.endswith(f"= {statistics.stdev([1.5, 0, 0.5, 1.5]):.4f}")
    assert scaled.endswith("σ = 0.7500 , ε = 0.0001")
    (worked,) = tables(explanation)
    assert [row[4:] for row in worked.rows] == [("+0.8332", "+0.8332"), ("−1.1665", "−1.1665"),
                                                ("−0.4999", "−0.4999"), ("+0.8332", "+0.8332")]  # fmt: skip
    assert "They are those that the training recorded." in texts(explanation)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_are_those_of_the_trainer_under_every_scale(scale):
    group = first_group_with_a_spread(make_rollouts(scale), GRPO | {"scale_rewards": scale}, {})
    assert group.is_kept_whole
    assert group.agrees
    totals = torch.tensor([rollout.reward for rollout in make_rollouts(scale)], dtype=torch.float64)
    assert group.advantages == pytest.approx(group_advantages(totals, 4, scale)[4:].tolist(), abs=1e-9)


def test_a_deviation_over_a_step_of_which_only_a_part_was_kept_is_said_to_be_worked_back(make_explained):
    run = make_explained(make_rollouts("batch"), scale_rewards="batch", prompts_per_step=6)
    explanation = part(run, "advantage")
    assert "the run kept too few of them, so σ here is worked out from the recorded advantages" in texts(
        explanation
    )
    assert "They are those that the training recorded." in texts(explanation)


def test_advantages_that_are_not_the_recorded_ones_are_called_out(make_explained):
    group = first_group_with_a_spread(make_rollouts("none"), GRPO, {})
    assert group.agrees is False
    assert "something here is not as it says" in texts(
        part(make_explained(make_rollouts("none")), "advantage")
    )


def test_without_a_spread_there_is_nothing_to_work_through(make_explained):
    explanation = part(make_explained(make_rollouts(kept=1)), "advantage")
    assert tables(explanation) == []
    assert "No group that this run kept can be worked through" in texts(explanation)


def test_a_deviation_that_nothing_tells_leaves_nothing_to_work_through():
    rollouts = [dataclasses.replace(rollout, advantage=None) for rollout in make_rollouts("batch")]
    config = GRPO | {"scale_rewards": "batch", "prompts_per_step": 6}
    assert first_group_with_a_spread(rollouts, config, {}) is None


def test_the_objective_has_this_runs_settings_and_no_divergence_that_it_did_not_use(make_explained):
    explanation = part(make_explained(), "objective")
    loss, ratio = formulas(explanation)
    assert loss == "L(θ) = − 1/N Σᵢ Σₜ min ( ρ_(i,t) Âᵢ , clip ( ρ_(i,t) , 1 − ε , 1 + ε ) Âᵢ )"
    assert ratio.startswith("ρ_(i,t) = (π_θ (")
    (settings,) = tables(explanation)
    values = {name: value for name, _, value in settings.rows}
    assert values["completions in a step"] == "8"
    assert values["tokens of them all, on average over the logged steps"] == "336"
    assert "ρ is 1 where the gradient is taken" in texts(explanation)
    assert "there is no KL term" in texts(explanation)


def test_a_run_with_a_divergence_shows_its_estimator(make_explained):
    explanation = part(make_explained(beta=0.1), "objective")
    loss, _, divergence = formulas(explanation)
    assert loss.endswith("− β D_(i,t) ]")
    assert divergence == "D_(i,t) = π_ref/π_θ − log π_ref/π_θ − 1"
    assert "with β = 0.1 for the paper's 0.04" in texts(explanation)


def test_a_loss_that_is_not_explained_is_named(make_explained):
    run = make_explained(grpo_metrics={"objective": {"loss_type": "dr_grpo", "ratio_level": "token"}})
    assert texts(part(run, "objective")) == (
        "This run used TRL's loss dr_grpo, with ratios by token, which is not worked out here."
    )


@pytest.mark.parametrize(
    ("stage", "keys"),
    [
        ("split_only", []),
        ("sft_running", ["sft-loss"]),
        ("grpo_stopped_by_guard", ["sft-loss", "rewards", "advantage"]),
    ],
)
def test_a_run_explains_what_it_has_come_to(stage, keys, make_stage):
    assert [explanation.key for explanation in explain(make_stage(stage).run)] == keys


def test_a_run_that_has_begun_nothing_has_no_such_part(make_stage):
    summary = make_stage("split_only")
    assert 'id="how"' not in render_html(summary, {})
    assert "## How it works" not in render_markdown(summary, {})


def test_both_pages_show_every_explanation(make_explained, make_summary):
    run = make_explained()
    summary = make_summary(manifest=run.manifest, rollouts=run.rollouts)
    page, text = render_html(summary, {}), render_markdown(summary, {})
    for explanation in explain(run):
        assert f'id="how-{explanation.key}"' in page
        assert f"### {explanation.title}" in text
        for formula_text in formulas(explanation):
            assert formula_text in text
    assert page.count("<math ") == sum(len(formulas(explanation)) for explanation in explain(run))
    # A table in Markdown has as many dashes below its head as cells in it.
    heads = re.findall(r"^(\|.*\|)\n(\|[-:|]+\|)$", text, flags=re.MULTILINE)
    assert len(heads) >= 6
    assert all(head.replace("\\|", "").count("|") == dashes.count("|") for head, dashes in heads)


def test_a_completion_cannot_break_the_table_that_it_is_in(make_explained, make_summary):
    nasty = "a | b\n```\n</td><script>alert(1)</script>"
    rollouts = [Rollout(1, "q0001", nasty, {"json": float(n)}, float(n), None) for n in range(4)]
    run = make_explained(rollouts, rewards=["json"], reward_weights=[])
    summary = make_summary(manifest=run.manifest, rollouts=run.rollouts)
    assert "<script>alert" not in render_html(summary, {})
    assert r"| a \| b \`\`\` &lt;/td&gt;" in render_markdown(summary, {})
    assert "The training recorded none to compare with." in texts(part(run, "advantage"))
