"""A trained model's results as the Hub reads them: the card with its model-index, and the file of eval results."""

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from evaluator.publishing.card import add_results, render_results
from evaluator.publishing.forms import Provenance, list_eval_results, render_eval_results
from evaluator.publishing.publish import NO_CARD
from evaluator.publishing.results import (
    Baseline,
    Beside,
    Outcomes,
    Rate,
    compare_accuracy,
    describe_model,
    judge_confidence,
)
from shared.lm.card import inline_code
from shared.refs import RepoRef
from shared.statistics.intervals import wilson_interval

ROWS = 200
DATA = RepoRef(repo_id="me/medmcqa-run-data", repo_type="dataset", commit="d" * 40)
ORIGIN = Provenance(
    DATA,
    RepoRef(repo_id="me/medmcqa-run-predictions", repo_type="dataset", commit="e" * 40),
    "https://huggingface.co",
    "2026-11-25",
)
TRAINED = """\
---
base_model: me/base
tags:
- medmcqa
---

# medmcqa-run-sft

What it is.

## Use

How to use it.
"""


def measured(correct, schema_pass=ROWS):
    """What the manifest holds of a model, whose right answers all keep the schema."""
    return {
        "rows": ROWS, "correct": correct, "valid_json": ROWS, "schema_pass": schema_pass,
        "correct_on_schema": min(correct, schema_pass),
    }  # fmt: skip


def answered(correct, confidence=0.95):
    right = np.arange(ROWS) < correct
    return Outcomes(right, np.broadcast_to(np.asarray(confidence, dtype=float), ROWS).copy())


RIGHT = {"base": 60, "sft": 100, "grpo": 104}
METRICS = {
    "models": {name: measured(correct) for name, correct in RIGHT.items()},
    "majority_letter": "A",
    "majority_letter_rate": 0.3,
}
OUTCOMES = {name: answered(correct) for name, correct in RIGHT.items()}


# Always A is right where base is.
GOLD = np.where(np.arange(ROWS) < 60, "A", "C")
NO_WORDS = np.zeros(ROWS, dtype=bool)


@pytest.fixture
def describe():
    def results(model="sft", outcomes=OUTCOMES, words=NO_WORDS, **metrics):
        return describe_model(model, METRICS | metrics, outcomes, Beside(GOLD, words))

    return results


def text_of(results):
    return " ".join(render_results(results, ORIGIN).split())


def test_every_metric_of_the_model_and_of_those_before_it_has_its_interval(describe):
    rates = describe("grpo").rates
    assert list(rates) == ["base", "sft", "grpo"]
    assert rates["sft"]["accuracy"] == Rate(0.5, wilson_interval(100, 200))
    assert "| Accuracy | 30.0% (24.1–36.7) | 50.0% (43.1–56.9) | 52.0% (45.1–58.8) |" in text_of(
        describe("grpo")
    )
    assert list(describe("sft").rates) == ["base", "sft"]


def test_a_model_is_compared_with_each_before_it_on_the_same_questions(describe):
    against_base, against_sft = describe("grpo").changes
    assert (against_base.against, against_base.difference) == ("base", 0.22)
    assert against_base.p_value < 0.001
    assert (against_sft.against, against_sft.difference) == ("sft", 0.02)
    # Four gained, none lost: 2 × 0.5⁴, and the largest of two is not made larger.
    assert against_sft.p_value == 0.125
    text = text_of(describe("grpo"))
    assert "grpo is better than base; no difference between grpo and sft is shown." in text


def test_the_p_values_are_corrected_for_their_number():
    outcomes = OUTCOMES | {"base": answered(98), "sft": answered(98)}
    assert [change.p_value for change in compare_accuracy("grpo", outcomes)] == [0.0625, 0.0625]
    assert [change.p_value for change in compare_accuracy("sft", outcomes)] == [1.0]


def test_a_model_that_is_not_shown_above_the_best_baseline_is_said_to_have_learned_nothing(describe):
    recorded = {"bag_of_words": {"accuracy": 0.44, "rows": ROWS}}
    above, below = describe(), describe(baselines=recorded, words=np.arange(ROWS) >= 112)
    assert "Its accuracy is above every baseline." in text_of(above)
    assert "not shown to be above a bag of words, trained on the same questions (44.0%)" in text_of(below)
    assert "learned any medicine" not in text_of(above)


def test_a_baseline_owes_its_accuracy_to_chance_too(describe):
    # 40% right, by itself not below 33.5%; of the questions that the two do not share it has 80 and the words 66.
    outcomes = OUTCOMES | {"sft": answered(80)}
    recorded = {"bag_of_words": {"accuracy": 0.33, "rows": ROWS}}
    beside = describe(outcomes=outcomes, baselines=recorded, words=np.arange(ROWS) >= ROWS - 66)
    assert "not shown to be above a bag of words, trained on the same questions (33.0%)" in text_of(beside)
    # The same rates, but all that the words know the model knows as well.
    within = describe(outcomes=outcomes, baselines=recorded, words=np.arange(ROWS) < 66)
    assert "Its accuracy is above every baseline." in text_of(within)


def test_the_baselines_are_those_that_the_evaluation_recorded(describe):
    assert describe().baselines == {
        "guessing among four": Baseline(0.25, is_beaten=True),
        "always A, the commonest right letter": Baseline(0.3, is_beaten=True),
    }
    recorded = {
        "random": 0.25,
        "training_majority": {"letter": "B", "accuracy": 0.28},
        "bag_of_words": {"accuracy": 0.33, "rows": ROWS},
    }
    found = describe(baselines=recorded, words=np.arange(ROWS) < 66).baselines
    assert {name: each.accuracy for name, each in found.items()} == {
        "guessing among four": 0.25,
        "always B, the commonest letter in training": 0.28,
        "a bag of words, trained on the same questions": 0.33,
    }


def test_a_constant_confidence_is_said_to_say_nothing(describe):
    stated = describe().confidence
    assert (stated.distinct, stated.auroc, stated.error.value) == (1, 0.5, pytest.approx(0.45))
    text = text_of(describe())
    assert "0.95 in the mean, where 50.0% of them are right. Expected calibration error 0.450" in text
    assert "**It is the same number in every answer, and says nothing about a question.**" in text


def test_only_answers_that_state_a_confidence_are_judged_by_it():
    confidence = np.where(np.arange(ROWS) < 50, np.nan, np.where(np.arange(ROWS) < 100, 0.9, 0.1))
    stated = judge_confidence(Outcomes(np.arange(ROWS) < 100, confidence))
    assert (stated.answers, stated.distinct, stated.auroc) == (150, 2, 1.0)
    assert judge_confidence(answered(100, np.nan)) is None


def test_a_model_that_states_no_confidence_and_keeps_no_schema_still_gets_its_card(describe):
    models = METRICS["models"] | {"sft": measured(100, schema_pass=0)}
    results = describe(outcomes=OUTCOMES | {"sft": answered(100, np.nan)}, models=models)
    card = add_results(TRAINED, "medmcqa-run-sft", results, ORIGIN)
    assert "No answer keeps the schema, so none states a confidence." in card
    assert "| Accuracy on schema | 30.0% (24.1–36.7) | – |" in card
    assert "accuracy_on_schema" not in [each.metric_type for each in ModelCard(card).data.eval_results]


def test_what_could_be_answered_alone_is_said_for_each_signal(describe):
    facts = {"temperature": 1.2, "error_rate": 0.1, "failure_probability": 0.05}
    signals = {
        "stated": facts | {"threshold": None, "coverage": 0.0, "selective_error": None},
        "probability": facts | {"threshold": 0.8125, "coverage": 0.25, "selective_error": 0.08},
    }
    text = text_of(describe(confidence={"sft": signals}))
    assert (
        "By the stated confidence: no threshold is shown to keep at most 10.0% wrong, with a probability of 95.0%"
        in text
    )
    assert (
        "By the model's probability of its letter: from 0.812 on (at most 10.0% wrong, with a probability of 95.0%), "
        "it would answer 25.0% of these questions, 8.0% of them wrong." in text
    )


def test_the_card_keeps_what_the_training_wrote_and_has_the_results_before_the_use(describe):
    card = add_results(TRAINED, "medmcqa-run-sft", describe(), ORIGIN)
    parsed = ModelCard(card)
    assert (parsed.data.base_model, parsed.data.tags) == ("me/base", ["medmcqa"])
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert headings == ["# medmcqa-run-sft", "## Results", "## Confidence", "## Use"]
    assert parsed.text.startswith("\n# medmcqa-run-sft\n\nWhat it is.\n\n## Results\n")


def test_the_client_reads_the_model_index_back_as_the_metrics(describe):
    results = describe()
    data = yaml.safe_load(add_results(TRAINED, "medmcqa-run-sft", results, ORIGIN).split("---\n")[1])
    name, read = model_index_to_eval_results(data["model-index"])
    assert (name, read) == ("medmcqa-run-sft", list_eval_results(results, ORIGIN))
    assert {each.metric_type: each.metric_value for each in read} == {
        "accuracy": 0.5, "valid_json_rate": 1.0, "schema_pass_rate": 1.0, "accuracy_on_schema": 0.5,
    }  # fmt: skip
    assert {(each.dataset_type, each.dataset_split, each.dataset_revision) for each in read} == {
        (DATA.repo_id, "eval", DATA.commit)
    }


def test_the_client_reads_the_eval_results_back_as_the_accuracy(describe):
    content = render_eval_results(describe(), ORIGIN)
    (entry,) = parse_eval_result_entries(yaml.safe_load(content))
    assert (entry.dataset_id, entry.task_id, entry.dataset_revision) == (DATA.repo_id, "eval", DATA.commit)
    assert (entry.value, entry.date) == (0.5, "2026-11-25")
    assert entry.source_url == f"https://huggingface.co/datasets/me/medmcqa-run-predictions/tree/{'e' * 40}"
    assert "accuracy on 200 questions unseen in training, 95% interval 0.431-0.569" in entry.notes


def test_a_card_can_be_made_where_the_training_left_none(describe):
    card = ModelCard(add_results(NO_CARD, "bare", describe(), ORIGIN))
    assert card.data.model_name == "bare"
    assert "## Results" in card.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "`plain`"),
        ("a|b\nc", "`a\\|b c`"),
        ("`x`", "`` `x` ``"),
        (["q_proj", "k`v"], "``['q_proj', 'k`v']``"),
    ],
)
def test_a_value_is_shown_as_it_is_inside_a_table(value, shown):
    assert inline_code(value) == shown


@pytest.mark.parametrize("repo_id", ["1.0/2.0", "null/true", "me/-", "0x1F/1e3", "no/on"])
def test_repo_ids_that_yaml_could_take_for_something_else_stay_what_they_are(describe, repo_id):
    origin = Provenance(
        DATA.model_copy(update={"repo_id": repo_id}), ORIGIN.predictions, "https://hub", "2026-11-25"
    )
    name = repo_id.partition("/")[2]
    data = ModelCard(add_results(TRAINED, name, describe(), origin)).data
    assert (data.model_name, {each.dataset_type for each in data.eval_results}) == (name, {repo_id})
    (entry,) = parse_eval_result_entries(yaml.safe_load(render_eval_results(describe(), origin)))
    assert (entry.dataset_id, entry.date) == (repo_id, "2026-11-25")
