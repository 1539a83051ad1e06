"""A model's results in the Hub's two forms, each read back by the Hub client's own code before it is used.

`model-index` in the card's metadata has every metric; `.eval_results/medmcqa.yaml`
(https://huggingface.co/docs/hub/eval-results) takes one value for a dataset and task: the accuracy.
"""

from dataclasses import dataclass

import yaml  # type: ignore[import-untyped]
from huggingface_hub import (
    EvalResult,
    EvalResultEntry,
    eval_result_entries_to_yaml,
    parse_eval_result_entries,
)
from huggingface_hub.utils import yaml_dump  # type: ignore[attr-defined]

from evaluator.publishing.results import METRICS, ModelResults
from shared.refs import RepoRef

EVAL_RESULTS_PATH = ".eval_results/medmcqa.yaml"
SPLIT = "eval"
LABELS = {
    "accuracy": "Accuracy",
    "valid_json_rate": "Valid JSON",
    "schema_pass_rate": "Schema pass",
    "accuracy_on_schema": "Accuracy on schema",
}


@dataclass(frozen=True)
class Provenance:
    """Where results come from.

    Attributes:
        data: the questions.
        predictions: every answer.
        endpoint: of the Hub that holds both.
        date: of the evaluation, ISO 8601.
    """

    data: RepoRef
    predictions: RepoRef
    endpoint: str
    date: str

    @property
    def predictions_url(self) -> str:
        """The page of the answers."""
        return f"{self.endpoint}/datasets/{self.predictions.repo_id}/tree/{self.predictions.commit}"


def list_eval_results(results: ModelResults, origin: Provenance) -> list[EvalResult]:
    """Return the metrics for `model-index`, fractions of 1; one that no answer counts for is left out."""
    rates = results.rates[results.model]
    return [
        EvalResult(
            task_type="multiple-choice",
            task_name="Four-option medical exam questions, answered in JSON",
            dataset_type=origin.data.repo_id,
            dataset_name=f"MedMCQA, {results.rows} questions unseen in training",
            dataset_config="default",
            dataset_split=SPLIT,
            dataset_revision=origin.data.commit,
            metric_type=metric,
            metric_name=LABELS[metric],
            metric_value=rate.value,
            source_name="Every answer",
            source_url=origin.predictions_url,
        )
        for metric in METRICS
        if (rate := rates[metric]) is not None
    ]


def render_eval_results(results: ModelResults, origin: Provenance) -> bytes:
    """Return the content of `.eval_results/medmcqa.yaml`.

    It names the run's own questions as the dataset, and not the one that they were drawn from: a few hundred rows of
    that are not its benchmark.
    """
    rate = results.rates[results.model]["accuracy"]
    assert rate is not None
    low, high = rate.interval
    entry = EvalResultEntry(
        dataset_id=origin.data.repo_id,
        task_id=SPLIT,
        dataset_revision=origin.data.commit,
        value=rate.value,
        date=origin.date,
        source_url=origin.predictions_url,
        source_name="Every answer",
        notes=f"accuracy on {results.rows} questions unseen in training, 95% interval {low:.3f}-{high:.3f}; "
        "zero-shot, greedy, thinking off, answer in JSON",
    )
    content: str = yaml_dump(eval_result_entries_to_yaml([entry]))
    assert parse_eval_result_entries(yaml.safe_load(content)) == [entry]
    return content.encode()
