"""Everything the report says, worked out before anything is drawn."""

from collections import Counter
from dataclasses import dataclass

from reporter.findings import (
    Finding,
    describe_chance,
    describe_comparison,
    describe_format,
    describe_majority,
    headline,
)
from reporter.inputs import Answer, RunData
from reporter.samples import RolloutGroup, SampleGroup, draw_samples, first_and_last_rollouts
from reporter.scores import (
    METRICS,
    PAIRS,
    Comparison,
    Delta,
    MajorityLetter,
    Scores,
    compare,
    compare_to_letter,
    deltas_against_base,
    read_majority,
    read_scores,
)
from reporter.settings import ReportSettings
from shared.manifest import Source
from shared.refs import RepoRef

STARTER_NAMESPACE = "starter"
NO_LETTER = "none"


@dataclass(frozen=True)
class Summary:
    """A run, judged.

    Attributes:
        comparisons: the models pair by pair, by accuracy on the same questions.
        letter_shares: for the gold answers and each model, how often each letter was given, as fractions.
        starter_note: what to know before reading the figures, where the run used the starter's miniatures.
    """

    run: RunData
    scores: Scores
    majority: MajorityLetter | None
    comparisons: list[Comparison]
    deltas: list[Delta]
    headline: str
    findings: list[Finding]
    letter_shares: dict[str, dict[str, float]]
    samples: dict[str, list[SampleGroup]]
    rollouts: list[RolloutGroup]
    starter_note: str | None


def summarise(run: RunData, settings: ReportSettings) -> Summary:
    """Work out scores, comparisons, findings and samples."""
    metrics, answers = run.manifest.phases["eval"].metrics, run.answers
    scores, majority = read_scores(metrics), read_majority(metrics)
    comparisons = _compare_models(answers)
    return Summary(
        run=run,
        scores=scores,
        majority=majority,
        comparisons=comparisons,
        deltas=deltas_against_base(scores, answers),
        headline=headline(scores),
        findings=_findings(scores, majority, comparisons, answers),
        letter_shares=_letter_shares(answers),
        samples=draw_samples(answers, run.questions, settings.samples_per_kind, run.manifest.seed),
        rollouts=first_and_last_rollouts(run.rollouts, run.questions, settings.rollout_samples),
        starter_note=_starter_note(run.manifest.source),
    )


def _compare_models(answers: dict[str, list[Answer]]) -> list[Comparison]:
    accuracy = METRICS[0].is_success
    assert accuracy is not None
    pairs = (compare(answers.get(a, ()), answers.get(b, ()), (a, b), accuracy) for a, b in PAIRS)
    return [pair for pair in pairs if pair is not None]


def _findings(
    scores: Scores,
    majority: MajorityLetter | None,
    comparisons: list[Comparison],
    answers: dict[str, list[Answer]],
) -> list[Finding]:
    findings = [describe_comparison(comparison) for comparison in comparisons]
    if majority is not None:
        against = {model: compare_to_letter(majority.letter, rows, model) for model, rows in answers.items()}
        findings.append(
            describe_majority(majority, {model: pair for model, pair in against.items() if pair is not None})
        )
    findings.extend(describe_chance(scores))
    format_finding = describe_format(scores)
    return [*findings, format_finding] if format_finding else findings


def _letter_shares(answers: dict[str, list[Answer]]) -> dict[str, dict[str, float]]:
    given = {
        model: [answer.letter or NO_LETTER for answer in rows] for model, rows in answers.items() if rows
    }
    if not given:
        return {}
    gold = [answer.gold for answer in answers[next(iter(given))]]
    return {
        name: {letter: count / len(letters) for letter, count in sorted(Counter(letters).items())}
        for name, letters in ({"gold": gold} | given).items()
    }


def _starter_note(source: Source) -> str | None:
    if _is_starter(source.base_model):
        return (
            f"The base model, {source.base_model.repo_id}, is a miniature for trying the pipeline. "
            "It knows no medicine, and the figures say only that the pipeline works."
        )
    if _is_starter(source.dataset):
        return (
            f"The questions, {source.dataset.repo_id}, are a miniature for trying the pipeline. "
            "They are made from a few hundred facts, and a score on them says little about medicine."
        )
    return None


def _is_starter(ref: RepoRef) -> bool:
    return ref.repo_id.split("/")[0] == STARTER_NAMESPACE
