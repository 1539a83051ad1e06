"""Everything the report says, worked out before anything is drawn."""

from collections import Counter
from dataclasses import dataclass

from reporter.findings import (
    Finding,
    describe_chance,
    describe_comparison,
    describe_format,
    describe_majority,
    describe_validation,
    headline,
)
from reporter.history import TrainingHistory, read_histories
from reporter.inputs import RunData
from reporter.predictions import Answer
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
from reporter.state import NextStep, PhaseState, choose_next_step, describe_phases, headline_of
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
        states: where each phase stands.
        next_step: what brings the run on; None where it is finished.
        histories: how each training phase went.
        missing: what a finished run's report would show besides.
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
    states: list[PhaseState]
    next_step: NextStep | None
    histories: dict[str, TrainingHistory]
    missing: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether every phase has been done, with what the ones before it have made."""
        return self.next_step is None


def summarise(run: RunData, settings: ReportSettings) -> Summary:
    """Work out scores, comparisons, findings and samples."""
    metrics, answers = run.manifest.phases["eval"].metrics, run.answers
    scores, majority = read_scores(metrics), read_majority(metrics)
    comparisons = _compare_models(answers)
    states = describe_phases(run.manifest)
    next_step = choose_next_step(run.manifest, states)
    histories = read_histories(run.manifest, {"sft": run.sft_curve, "grpo": run.grpo_curve})
    return Summary(
        run=run,
        scores=scores,
        majority=majority,
        comparisons=comparisons,
        deltas=deltas_against_base(scores, answers),
        headline=headline(scores) if scores or next_step is None else headline_of(states),
        findings=[
            *_findings(scores, majority, comparisons, answers),
            *_validation_findings(histories),
        ],
        letter_shares=_letter_shares(answers),
        samples=draw_samples(answers, run.questions, settings.samples_per_kind, run.manifest.seed),
        rollouts=first_and_last_rollouts(run.rollouts, run.questions, settings.rollout_samples),
        starter_note=_starter_note(run.manifest.source),
        states=states,
        next_step=next_step,
        histories=histories,
        missing=_missing(run, scores) if next_step else [],
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


def _validation_findings(histories: dict[str, TrainingHistory]) -> list[Finding]:
    findings = (describe_validation(history) for history in histories.values())
    return [finding for finding in findings if finding is not None]


def _missing(run: RunData, scores: Scores) -> list[str]:
    parts = {
        "the curves of SFT": run.sft_curve,
        "the curves of GRPO": run.grpo_curve,
        "the evaluation, with its scores, comparisons and answers": scores,
    }
    return [name for name, content in parts.items() if not content]


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
